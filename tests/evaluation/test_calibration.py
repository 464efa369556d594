import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digits.evaluation.calibration import acceptance, calibration_error, not_sure_below, reliability, risk_coverage


def test_calibration_error_by_hand():
    # Guo et al. 2017: bins of equal width, |accuracy - confidence| weighted by the bins' shares.
    # (0, 0.5]: 0.4 wrong, 0.5 right: |1/2 - 0.45| = 0.05. (0.5, 1]: 0.8 right, 1.0 wrong: |1/2 - 0.9| = 0.4.
    confidence = np.array([0.4, 0.8, 1.0, 0.5])
    correct = np.array([False, True, False, True])
    table = reliability(confidence, correct, 2)
    assert table["count"].tolist() == [2, 2]
    assert table["confidence"].tolist() == pytest.approx([0.45, 0.9])
    assert table["accuracy"].tolist() == pytest.approx([0.5, 0.5])
    assert calibration_error(confidence, correct, 2) == pytest.approx((2 * 0.05 + 2 * 0.4) / 4)


@given(
    st.lists(st.tuples(st.floats(0, 1, width=32), st.booleans()), min_size=1, max_size=200),
    st.integers(1, 50),
)
def test_calibration_error_is_bounded_and_that_of_one_bin_is_the_overall_gap(pairs, bins):
    confidence = np.array([pair[0] for pair in pairs], np.float32)
    correct = np.array([pair[1] for pair in pairs])
    table = reliability(confidence, correct, bins)
    assert table["count"].sum() == len(pairs)
    filled = table[table["count"] > 0]
    assert ((filled["confidence"] >= filled["low"] - 1e-9) & (filled["confidence"] <= filled["high"] + 1e-9)).all()
    overall = abs(correct.mean() - confidence.astype(float).mean())
    error = calibration_error(confidence, correct, bins)
    # The triangle inequality: averaging over bins cannot be less than over all.
    assert overall - 1e-9 <= error <= 1
    assert calibration_error(confidence, correct, 1) == pytest.approx(overall)


def test_calibrated_guesses_have_a_small_error_and_overconfident_ones_do_not():
    rng = np.random.default_rng(0)
    confidence = rng.uniform(0.5, 1, 50_000)
    correct = rng.uniform(size=50_000) < confidence
    assert calibration_error(confidence, correct, 15) < 0.01
    assert calibration_error(np.minimum(confidence + 0.1, 1), correct, 15) > 0.07


PROBABILITIES = st.lists(
    st.tuples(st.floats(0.125, 1, width=32) | st.integers(1, 20).map(lambda k: k / 20), st.booleans()),
    min_size=1,
    max_size=60,
)


@settings(deadline=None)
@given(sample=PROBABILITIES, bins=st.integers(2, 100))
def test_reliability_bins_lose_nothing(sample, bins):
    probability, correct = (np.array(column) for column in zip(*sample, strict=True))
    table = reliability(probability, correct, bins)
    assert len(table) == bins
    assert table["count"].sum() == len(sample)
    assert table["right"].sum() == correct.sum()
    for row in table.itertuples():
        inside = (probability > row.low) & (probability <= row.high)
        assert row.count == inside.sum()
        if row.count:
            assert row.confidence == pytest.approx(probability[inside].mean())
            assert row.accuracy == pytest.approx(correct[inside].mean())


def simulated(seed: int, n: int = 3000) -> tuple[np.ndarray, np.ndarray]:
    """Calibrated predictions: an answer given with probability p is right with probability p."""
    random = np.random.default_rng(seed)
    top = 1 - 0.6 * random.random(n) ** 4
    probabilities = np.full((n, 10), 0.0)
    probabilities[:] = ((1 - top) / 9)[:, None]
    answer = random.integers(0, 10, n)
    probabilities[np.arange(n), answer] = top
    labels = np.where(random.random(n) < top, answer, (answer + 1) % 10)
    return probabilities, labels


@given(st.integers(0, 10_000), st.sampled_from([0.0, 0.001, 0.01, 0.05]))
def test_accepted_predictions_are_wrong_at_most_as_often_as_allowed(seed, error):
    probabilities, labels = simulated(seed)
    threshold = not_sure_below(probabilities, labels, error)
    accepted = probabilities.max(axis=1) >= threshold
    wrong = probabilities.argmax(axis=1) != labels
    assert threshold == 1.0 or wrong[accepted].mean() <= error
    # The smallest such threshold: the next lower one accepts too many errors.
    lower = probabilities.max(axis=1)[~accepted]
    if lower.size and threshold < 1:
        assert wrong[probabilities.max(axis=1) >= lower.max()].mean() > error


def test_a_perfect_model_accepts_all_and_a_hopeless_one_nothing():
    probabilities, _ = simulated(1)
    answers = probabilities.argmax(axis=1)
    assert not_sure_below(probabilities, answers) == probabilities.max(axis=1).min()
    assert not_sure_below(probabilities, (answers + 1) % 10) == 1.0


def test_equal_probabilities_are_accepted_together():
    probabilities = np.tile([0.9, 0.1], (4, 1))
    assert not_sure_below(probabilities, np.array([0, 0, 0, 1]), error=0.1) == 1.0
    assert not_sure_below(probabilities, np.array([0, 0, 0, 1]), error=0.25) == 0.9


def test_acceptance_by_hand():
    actual = np.array([0, 0, 1, 2])
    probabilities = np.array([[0.9, 0.1, 0.0], [0.2, 0.7, 0.1], [0.1, 0.8, 0.1], [0.25, 0.25, 0.5]], np.float32)
    # Probabilities of the answers: 0.9, 0.7 (wrong), 0.8 and 0.5.
    assert acceptance(actual, probabilities, 0.8) == {"n": 4, "accepted": 0.5, "error": 0.0}
    assert acceptance(actual, probabilities, 0.6) == {"n": 4, "accepted": 0.75, "error": 0.333333}
    assert acceptance(actual, probabilities, 0.95) == {"n": 4, "accepted": 0.0, "error": 0.0}


def test_the_curve_has_a_row_for_each_probability_that_occurs():
    curve = risk_coverage(np.array([0.5, 0.9, 0.5, 0.7], np.float32), np.array([False, True, True, True]))
    assert curve["threshold"].tolist() == [np.float32(0.9), np.float32(0.7), 0.5]
    assert curve["coverage"].tolist() == [0.25, 0.5, 1] and curve["risk"].tolist() == [0, 0, 0.25]
