"""Risk-coverage curve: how many answers are wrong if those of which the model is least sure are refused."""

import numpy as np
from matplotlib.figure import Figure

from digits.evaluation.calibration import risk_coverage
from digits.report.sizes import LARGE
from digits.style import BLUE, VERMILION, style


def risk_coverage_figure(probability: np.ndarray, correct: np.ndarray, threshold: float | None) -> Figure:
    """Share of wrong among the accepted test images against the share that is accepted.

    Args:
        probability: float (n,), of the predicted class, n ≥ 1.
        correct: bool (n,).
        threshold: below which an answer counts as not sure; None for a model without.
    """
    curve = risk_coverage(probability, correct)
    accepted = probability.astype(np.float64) >= (threshold or 0)
    share = 100 * accepted.mean()
    with style():
        figure = Figure(figsize=(9, 5.5))
        axes = figure.subplots()
        axes.plot(100 * curve["coverage"], 100 * curve["risk"], color=BLUE)
        if threshold is not None:
            wrong = 100 * (~correct & accepted).sum() / max(accepted.sum(), 1)
            label = f"not sure below {threshold:.4f}: {share:.2f} % accepted, {wrong:.2f} % of them wrong"
            axes.axvline(share, color=VERMILION, linewidth=1.5, linestyle="--", label=label)
            axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1), fontsize=LARGE)
        # Where nearly all are refused there is nothing to see: the threshold stands a quarter from the right.
        axes.set_xlim(max(0, min(95, 100 - 4 * (100 - share))), 100)
        axes.set_ylim(bottom=0)
        axes.set_xlabel("Coverage: accepted test images in %, the surest first", fontsize=LARGE)
        axes.set_ylabel("Risk: wrong among them in %", fontsize=LARGE)
        axes.tick_params(labelsize=LARGE)
        axes.grid()
        figure.suptitle(f"Risk and coverage, {len(probability):,} test images", fontsize=LARGE + 2)
    return figure
