"""The expectations of stage validate on live images, by Great Expectations."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from digits.monitoring.live import Observed
from digits.params import ValidateParams
from digits.validation.expectations import FEATURES, served_tables
from digits.validation.run import run_expectations

if TYPE_CHECKING:
    from digits.validation.run import Check


def check_expectations(validation: Observed, live: Observed, params: ValidateParams) -> list[Check]:
    """Check what is expected of as many images as there are.

    Args:
        validation: read by the model that served.
        live: what it served.
        params: section `validate`.

    Returns:
        One check an expectation. In the table "served images" a row is the number of an image in the log, from 0.
    """
    spread = pd.Series({name: float(validation.columns[name].astype(float).std()) for name in FEATURES})
    features = pd.DataFrame({name: live.columns[name] for name in FEATURES}, copy=False)
    return run_expectations(served_tables(features, live.columns["digit"], spread, params))
