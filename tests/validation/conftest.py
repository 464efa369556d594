"""Data that is good, data that is not, and the outcome of the checks of both."""

import pytest
from support.scikit_digits import read_digits, section, with_twin_blanks

from digits.data.raw import Split
from digits.validation.expectations import build_tables
from digits.validation.run import run_expectations


@pytest.fixture(scope="session")
def data():
    """scikit-learn's digits, of which all expectations hold. Not to be changed."""
    return read_digits()


@pytest.fixture
def copy(data):
    """The same data, which a test may spoil."""
    return {name: Split(split.images.copy(), split.labels.copy()) for name, split in data.items()}


@pytest.fixture(scope="session")
def passed(data, tmp_path_factory):
    """Tables, checks and the folder of the Data Docs, of good data."""
    return outcome(data, tmp_path_factory.mktemp("passed"))


@pytest.fixture(scope="session")
def failed(data, tmp_path_factory):
    """The same of data with two blank images, of which 6 expectations fail."""
    return outcome(with_twin_blanks(data), tmp_path_factory.mktemp("failed"))


def outcome(splits, folder):
    tables = build_tables(splits, section())
    return tables, run_expectations(tables, folder / "data_docs"), folder / "data_docs"
