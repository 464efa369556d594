"""Labels that networks contradict, the most doubtful first, and what they are worth in an accuracy."""

from __future__ import annotations

import numpy as np
import pandas as pd

from digits.evaluation.intervals import wilson_interval


def doubtful(labels: np.ndarray, probabilities: np.ndarray) -> pd.DataFrame:
    """The images whose label is not the most probable class, the least probable label first.

    Args:
        labels: integers (n,).
        probabilities: float32 (n, classes), from networks that did not see the images.

    Returns:
        One row a doubtful image. Columns: row, given and suggested (labels), given_probability, suggested_probability,
        and issue: whether it is a label error by confident learning (C. Northcutt et al., "Confident learning:
        estimating uncertainty in dataset labels", JAIR 70, 2021), which allows for classes that are often confused.
    """
    from cleanlab.filter import find_label_issues
    from cleanlab.rank import get_label_quality_scores

    suggested = probabilities.argmax(axis=1)
    # A class without images has no share in cleanlab's counts.
    present, given = np.unique(labels, return_inverse=True)
    among = probabilities[:, present].astype(float)
    among /= among.sum(axis=1, keepdims=True)
    issue = find_label_issues(given, among, n_jobs=1)
    rows = np.arange(len(labels))
    found = pd.DataFrame(
        {
            "row": rows,
            "given": labels,
            "suggested": suggested,
            "given_probability": get_label_quality_scores(labels, probabilities.astype(float)),
            "suggested_probability": probabilities[rows, suggested],
            "issue": issue,
        }
    )
    return found[found["given"] != found["suggested"]].sort_values(["given_probability", "row"], ignore_index=True)


def accuracy_without(right: np.ndarray, rows: np.ndarray) -> dict[str, float]:
    """Accuracy on the images that are left when some are left out, with Wilson's interval.

    Args:
        right: bool (n,), whether each image is classified rightly.
        rows: those to leave out, fewer than n.

    Returns:
        n, accuracy, low and high.
    """
    left = np.delete(right, rows)
    low, high = wilson_interval(int(left.sum()), len(left))
    return {"n": len(left), "accuracy": float(left.mean()), "low": low, "high": high}
