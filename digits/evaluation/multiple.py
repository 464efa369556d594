"""Many tests at once."""

import gc
from collections.abc import Sequence

import numpy as np


def holm(p_values: Sequence[float] | np.ndarray) -> np.ndarray:
    """Correct p-values, so that the chance of any false finding among them all stays below the level of one test.

    Source: S. Holm, "A simple sequentially rejective multiple test procedure", Scand. J. Stat. 6 (1979). It is valid
    for tests that depend on each other.

    Args:
        p_values: one or more.

    Returns:
        The corrected ones, in the same order.
    """
    # It takes a second to import.
    from statsmodels.stats.multitest import multipletests

    # It searches for garbage, which would take long among all that was imported by now.
    gc.freeze()
    corrected: np.ndarray = multipletests(p_values, method="holm")[1]
    return corrected
