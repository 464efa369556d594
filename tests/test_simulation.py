import numpy as np
from scipy.stats import binom

from digits.params import load_params
from digits.simulation import SEED_BOTH_WRONG, SEED_ERROR, Setting, error_correlation, pass_rates, simulate_pair

PROMOTION = load_params().register_.promotion


def test_simulated_models_err_together_as_two_seeds_do():
    correlation = error_correlation(SEED_ERROR, SEED_BOTH_WRONG)
    champion, challenger = simulate_pair(
        Setting(1_000_000, SEED_ERROR, SEED_ERROR), correlation, np.random.default_rng(0)
    )
    wrong = [(frame["actual"] != frame["predicted"]).to_numpy() for frame in (champion, challenger)]
    both = int((wrong[0] & wrong[1]).sum())
    assert binom.ppf(0.001, 1_000_000, SEED_BOTH_WRONG) <= both <= binom.ppf(0.999, 1_000_000, SEED_BOTH_WRONG)
    for one in wrong:
        assert binom.ppf(0.001, 1_000_000, SEED_ERROR) <= one.sum() <= binom.ppf(0.999, 1_000_000, SEED_ERROR)


def test_identical_models_are_promoted_no_more_often_than_the_nominal_level():
    pairs = 1000
    rates = pass_rates(Setting(10_000, 0.01, 0.01), PROMOTION, pairs, seed=0)
    # Two-sided test, and the difference must be a gain: half of 0.05.
    assert rates["promoted"] * pairs <= binom.ppf(0.999, pairs, PROMOTION.significance / 2)
    # Not because everything is refused: the exact test comes near its level.
    assert rates["promoted"] * pairs >= binom.ppf(0.001, pairs, PROMOTION.significance / 4)


def test_a_gain_of_0_3_points_is_seen_as_often_as_the_docs_say():
    pairs = 300
    rates = pass_rates(Setting(10_000, 0.01, 0.007), PROMOTION, pairs, seed=0)
    assert binom.ppf(0.001, pairs, 0.92) <= rates["promoted"] * pairs <= binom.ppf(0.999, pairs, 0.92)
