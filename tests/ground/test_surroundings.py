"""Which variables of the shell reach a library: those that its room lets through, and no other."""

import os
import re

import pytest
from support.variables import of_keras_and_tensorflow, of_mlflow

from digits.model import runtime
from digits.surroundings import shield
from digits.tracking import settings


@pytest.fixture
def shell(monkeypatch):
    """A shell of which everything that a test does is undone."""
    monkeypatch.setattr(os, "environ", os.environ.copy())
    return os.environ


def test_a_variable_is_dropped_kept_fixed_or_given_a_default(shell):
    shell |= {"LIB_A": "theirs", "LIB_KEPT": "theirs", "LIB_FIXED": "theirs", "OTHER": "theirs", "LIB_SOFT": "theirs"}
    shield("LIB_.*", "LIB_(KEPT|SOFT)", {"LIB_FIXED": "ours"}, {"LIB_SOFT": "ours", "LIB_NEW": "ours"})
    found = {name: value for name, value in shell.items() if name.startswith(("LIB_", "OTHER"))}
    assert found == {
        "LIB_KEPT": "theirs",
        "LIB_FIXED": "ours",
        "OTHER": "theirs",
        "LIB_SOFT": "theirs",
        "LIB_NEW": "ours",
    }


def test_no_variable_of_keras_or_tensorflow_that_changes_results_stays():
    names = of_keras_and_tensorflow()
    assert {"KERAS_MAX_EPOCHS", "KERAS_BACKEND", "KERAS_HOME", "TF_CONFIG"} <= names
    kept = {name for name in names if re.fullmatch(runtime._KEPT, name)}
    # How much is printed, and the number of threads, which is set where it matters.
    assert all(name.startswith(("TF_CPP_", "TF_NUM_")) for name in kept)
    assert all(re.fullmatch(runtime._READ, name) for name in names)


def test_mlflow_keeps_what_says_where_and_how_to_connect():
    names = of_mlflow()
    assert len(names) > 100
    kept = {name for name in names if re.fullmatch(settings._KEPT, name)}
    for name in (
        "TRACKING_URI",
        "TRACKING_TOKEN",
        "TRACKING_CLIENT_CERT_PATH",
        "S3_ENDPOINT_URL",
        "HTTP_REQUEST_TIMEOUT",
    ):
        assert f"MLFLOW_{name}" in kept
    # These change what is recorded, or which model is meant.
    for name in (
        "ACTIVE_MODEL_ID",
        "EXPERIMENT_ID",
        "EXPERIMENT_NAME",
        "TRUNCATE_LONG_VALUES",
        "LOCK_MODEL_DEPENDENCIES",
    ):
        assert f"MLFLOW_{name}" in names - kept
