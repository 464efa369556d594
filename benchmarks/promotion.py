"""How often the promotion gates are right, on simulated models: `python -m benchmarks promotion [--pairs 5000]`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.stats import binom, multivariate_normal, norm

from benchmarks.record import Session, parser
from digits.evaluation.paired import compare_paired, level, right
from digits.params import RegisterParams, load_params
from digits.registry.gates import Evidence, check
from digits.results import Results

# Two trainings of the default network that differ in the seed alone: the error of each, and the share of images that
# both get wrong (docs/statistics.md; means of six pairs). With independent errors, both would get 0.0001 wrong.
SEED_ERROR = 0.0097
SEED_BOTH_WRONG = 0.0056
_CHAMPION_ERROR = 0.01
_IMAGES = 10_000
# Images of the test set, and by how much the challenger's accuracy is higher.
_ROWS = ((10_000, 0.0), (10_000, 0.001), (10_000, 0.002), (10_000, 0.003), (10_000, 0.005), (1_000, 0.0))


@dataclass(frozen=True)
class Setting:
    """A champion and a challenger by their true error rates, and the size of their common test set."""

    images: int
    champion_error: float
    challenger_error: float
    classes: int = 10


def error_correlation(error: float, both_wrong: float) -> float:
    """Tetrachoric correlation of the errors of two models.

    Args:
        error: share of images that each gets wrong.
        both_wrong: share that both get wrong, between `error` squared (independent) and `error`.

    Returns:
        The correlation of two standard normal variables that both fall below their `error` quantile in a share of
        `both_wrong`.
    """
    threshold = norm.ppf(error)

    def excess(correlation: float) -> float:
        covariance = [[1.0, correlation], [correlation, 1.0]]
        return float(multivariate_normal.cdf([threshold, threshold], cov=covariance)) - both_wrong

    return float(brentq(excess, 0.0, 0.999))


def simulate_pair(setting: Setting, correlation: float, rng: np.random.Generator) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Predictions of two models for the same images. Part of an image's difficulty is the same for both.

    Args:
        setting: error rates and size of the test set.
        correlation: of an image's difficulty for one model with that for the other, in [0, 1).
        rng: draws the difficulties.

    Returns:
        Frames of champion and challenger as in reports/predictions.csv.
    """
    image = np.arange(setting.images)
    actual = image % setting.classes
    difficulty = np.sqrt(correlation) * rng.standard_normal(setting.images)

    def predictions(error: float) -> pd.DataFrame:
        trouble = difficulty + np.sqrt(1 - correlation) * rng.standard_normal(setting.images)
        wrong = trouble < norm.ppf(error)
        predicted = np.where(wrong, (actual + 1) % setting.classes, actual)
        return pd.DataFrame({"image": image, "actual": actual, "predicted": predicted})

    return predictions(setting.champion_error), predictions(setting.challenger_error)


def pass_rates(setting: Setting, limits: RegisterParams, pairs: int, seed: int) -> pd.Series:
    """Share of simulated pairs that pass each promotion gate, and all of them (`promoted`).

    Calibration and latency are the same for both models, so their gates always pass.
    """
    rng = np.random.default_rng(seed)
    correlation = error_correlation(SEED_ERROR, SEED_BOTH_WRONG)
    outcomes = []
    for _ in range(pairs):
        champion, challenger = (_results(frame, setting.classes) for frame in simulate_pair(setting, correlation, rng))
        evidence = Evidence(challenger, 1.0, 1.0, champion, 1.0)
        gates = check(evidence, limits, against_champion_only=True)
        outcomes.append({gate.name: gate.passed for gate in gates} | {"promoted": all(gate.passed for gate in gates)})
    return pd.DataFrame(outcomes).mean()


def false_promotions(significance: float, challengers: int, sequences: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """How often any of several challengers, all exactly as good as the champion, seems better on the same images.

    Args:
        significance: of the promotion test.
        challengers: how many are tried, one after the other.
        sequences: how many times that is simulated.
        seed: of the simulation.

    Returns:
        Bool (sequences, challengers), whether one of the first ones seemed better: at the levels that pay for those
        before, and with the whole significance for each.
    """
    rng = np.random.default_rng(seed)
    correlation = error_correlation(SEED_ERROR, SEED_BOTH_WRONG)
    threshold = norm.ppf(_CHAMPION_ERROR)
    levels = np.array([level(significance, number) for number in range(1, challengers + 1)])
    paid, unpaid = (np.zeros((sequences, challengers), bool) for _ in range(2))
    for row in range(sequences):
        # float32 is fast, and ties do not matter here.
        difficulty = np.float32(np.sqrt(correlation)) * rng.standard_normal(_IMAGES, np.float32)
        trouble = np.float32(np.sqrt(1 - correlation)) * rng.standard_normal((challengers + 1, _IMAGES), np.float32)
        wrong = difficulty + trouble < threshold
        champion, others = wrong[0], wrong[1:]
        wins, losses = (champion & ~others).sum(axis=1), (others & ~champion).sum(axis=1)
        p = np.minimum(1, 2 * binom.cdf(np.minimum(wins, losses), wins + losses, 0.5))
        better = wins > losses
        paid[row], unpaid[row] = (np.logical_or.accumulate(better & (p < at)) for at in (levels, significance))
    return paid, unpaid


def power(significance: float, number: int, gain: float, pairs: int, seed: int) -> float:
    """How often a challenger with a true gain passes the promotion test as the model with this number.

    Args:
        significance: of the promotion test.
        number: of the model among those that were looked at, from 1.
        gain: of accuracy, 0 to 1.
        pairs: simulated ones.
        seed: of the simulation.
    """
    rng = np.random.default_rng(seed)
    correlation = error_correlation(SEED_ERROR, SEED_BOTH_WRONG)
    setting = Setting(_IMAGES, _CHAMPION_ERROR, _CHAMPION_ERROR - gain)
    found = []
    for _ in range(pairs):
        champion, challenger = simulate_pair(setting, correlation, rng)
        found.append(compare_paired(right(champion), right(challenger)))
    return float(np.mean([one.wins > one.losses and one.p_value < level(significance, number) for one in found]))


def _looks(significance: float, pairs: int, seed: int) -> list[dict[str, Any]]:
    numbers = (1, 2, 5, 10, 20, 50)
    paid, unpaid = false_promotions(significance, max(numbers), max(1, pairs // 5), seed)
    return [
        {
            "challengers": number,
            "level of the last": f"{level(significance, number):.2g}",
            "any false promotion": f"{paid[:, number - 1].mean():.2%}",
            f"with {significance:g} for each": f"{unpaid[:, number - 1].mean():.2%}",
            **{
                f"power, gain of {gain * 100:.1f} points": f"{power(significance, number, gain, pairs // 5, seed):.1%}"
                for gain in (0.002, 0.003, 0.005)
            },
            "sequences": len(paid),
        }
        for number in numbers
    ]


def _results(predictions: pd.DataFrame, classes: int) -> Results:
    """A model of which the predictions alone are known; all else is the same for every model."""
    results = Results("simulated", lambda path: None)
    results.predictions = predictions
    results.metrics = {
        "accuracy": 0.0,
        "calibration_error": 0.0,
        "per_class": {str(label): {} for label in range(classes)},
    }
    return results


def main(arguments: Sequence[str]) -> None:
    """Write the rates for identical models and for gains of 0.1 to 0.5 points."""
    options = parser("promotion", __doc__)
    options.add_argument("--pairs", type=int, default=5_000, help="simulated pairs of models a row")
    options.add_argument("--seed", type=int, default=1)
    chosen = options.parse_args(arguments)
    session = Session("promotion", arguments, chosen)
    pairs = 50 if chosen.quick else chosen.pairs
    limits = load_params().register_
    rows = []
    for images, gain in _ROWS:
        setting = Setting(images, _CHAMPION_ERROR, _CHAMPION_ERROR - gain)
        rates = [f"{rate:.2%}" for rate in pass_rates(setting, limits, pairs, chosen.seed)]
        rows.append(
            {
                "images": images,
                "champion": f"{1 - _CHAMPION_ERROR:.1%}",
                "challenger": f"{1 - _CHAMPION_ERROR + gain:.1%}",
                **dict(zip(("better", "not inferior", "each class", "promoted"), rates[:3] + rates[-1:], strict=True)),
                "pairs": pairs,
            }
        )
    session.finish(rates=rows, looks=_looks(limits.promotion.significance, pairs, chosen.seed))
