"""The files that a version keeps, whatever becomes of its run."""

import pytest

from digits import paths
from digits.files import read_json
from digits.registry.version_files import find_of, gates_of, model_id_of, place_of
from digits.tracking.store import local_path

pytestmark = pytest.mark.slow


def test_a_version_keeps_its_card_its_figures_and_its_pictures(store):
    version = store.registry.version("1")
    model = store.client.get_logged_model(model_id_of(version))
    folder = local_path(model.artifact_location) / place_of(version)
    assert folder.parts[-3:] == ("versions", "digits", "1") and model_id_of(version) in folder.parts
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert {"model_card.md", "metrics.json", "calibration.json", "results/predictions.csv"} <= names
    find = find_of(store.client, version)
    assert read_json(find(paths.METRICS))["test"]["accuracy"] == float(version.tags["test_accuracy"])
    assert find(paths.HISTORY).is_file() and find(paths.VALIDATION) is None


def test_a_version_made_by_others_keeps_none(store):
    version = store.client.create_model_version("digits", "somewhere/else")
    assert gates_of(store.client, version) == []
    assert find_of(store.client, version)(paths.METRICS) is None
