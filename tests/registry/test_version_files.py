"""The files that a version keeps, whatever becomes of its run."""

import pytest

from digits import paths
from digits.files import read_json
from digits.registry.version_files import find_of, model_id_of, own_folder

pytestmark = pytest.mark.slow


def test_a_version_keeps_its_card_its_figures_and_its_pictures(store):
    version = store.registry.version("1")
    folder = own_folder(store.client, version)
    assert folder.parts[-3:] == ("versions", "digits", "1") and model_id_of(version) in folder.parts
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert {"model_card.md", "metrics.json", "calibration.json", "results/predictions.csv"} <= names
    find = find_of(store.client, version)
    assert read_json(find(paths.METRICS))["test"]["accuracy"] == float(version.tags["test_accuracy"])
    assert find(paths.HISTORY).is_file() and find(paths.VALIDATION) is None


def test_a_version_made_by_others_keeps_none(store):
    version = store.client.create_model_version("digits", "somewhere/else")
    assert own_folder(store.client, version) is None
    assert find_of(store.client, version)(paths.METRICS) is None
