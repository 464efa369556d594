"""A whole data set: the same files by any number of workers, resumed, and refused where a folder holds other things."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from support.models import results
from support.nodes import listening_elsewhere, two_nodes

from digits.batch.batch import MANIFEST, predict_source
from digits.batch.source import open_source
from digits.errors import DigitsError
from digits.files import sha256_file
from digits.registry.model import Model


@pytest.fixture(scope="module")
def model(small_model) -> Model:
    facts = results("small", dataset={"class_names": list("abcdefghij")})
    return Model("small", "models:/small/1", sha256_file(small_model), facts, None, None, lambda: small_model)


@pytest.fixture(scope="module")
def images(tmp_path_factory, mnist_sample):
    """12,000 images, which are two shards."""
    path = tmp_path_factory.mktemp("images") / "images.npy"
    np.save(path, np.concatenate([mnist_sample.x_train] * 12))
    return path


@pytest.fixture(scope="module")
def made(images, model, tmp_path_factory):
    """A folder of predictions, made by one worker."""
    out = tmp_path_factory.mktemp("made") / "out"
    predict_source(open_source(images), out, model, workers=1)
    return out


def contents(folder):
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()}


@pytest.fixture
def copied(made, tmp_path):
    return shutil.copytree(made, tmp_path / "out")


@pytest.mark.slow
def test_two_workers_write_the_same_bytes_as_one(images, model, made, tmp_path):
    outcome = predict_source(open_source(images), tmp_path / "out", model, workers=2)
    assert contents(tmp_path / "out") == contents(made)
    assert (outcome.items, outcome.rows, outcome.shards, outcome.resumed) == (12_000, 12_000, 2, 0)


@pytest.mark.slow
def test_the_manifest_counts_and_names_the_bytes(images, model, made):
    manifest = json.loads((made / MANIFEST).read_text())
    assert manifest["complete"] is True
    assert manifest["model"] == {"version": "small", "sha256": model.sha256}
    assert [(part["start"], part["stop"], part["rows"]) for part in manifest["shards"]] == [
        (0, 10_000, 10_000),
        (10_000, 12_000, 2_000),
    ]
    for part in manifest["shards"]:
        assert sha256_file(made / part["file"]) == part["sha256"]


@pytest.mark.slow
def test_what_is_missing_is_made_again_alone(images, model, made, copied):
    kept = (copied / "part-00000.parquet").stat().st_mtime_ns
    (copied / "part-00001.parquet").unlink()
    (copied / MANIFEST).write_text((made / MANIFEST).read_text().replace('"complete": true', '"complete": false'))
    outcome = predict_source(open_source(images), copied, model, workers=1)
    assert outcome.resumed == 1
    assert (copied / "part-00000.parquet").stat().st_mtime_ns == kept
    assert contents(copied) == contents(made)


@pytest.mark.slow
def test_a_folder_of_other_predictions_is_refused(images, model, copied, mnist_sample):
    before = contents(copied)
    np.save(copied.parent / "other.npy", mnist_sample.x_test)
    with pytest.raises(DigitsError, match=r"another source \(images.npy\): name another folder, or remove"):
        predict_source(open_source(copied.parent / "other.npy"), copied, model, workers=1)
    other = Model("other", "models:/small/2", "0" * 64, model.results, None, None, model.file)
    with pytest.raises(DigitsError, match="another model"):
        predict_source(open_source(images), copied, other, workers=1)
    assert contents(copied) == before


def test_a_folder_of_something_else_is_refused(images, model, tmp_path):
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(DigitsError, match="is there and holds no predictions: name another folder"):
        predict_source(open_source(images), tmp_path, model, workers=1)
    with pytest.raises(DigitsError, match="is there and holds no predictions"):
        predict_source(open_source(images), tmp_path / "letter.txt", model, workers=1)
    assert [file.name for file in tmp_path.iterdir()] == ["letter.txt"]


def test_images_that_the_model_does_not_take_are_refused(model, tmp_path):
    np.save(tmp_path / "images.npy", np.zeros((3, 20, 20), np.uint8))
    with pytest.raises(DigitsError, match="images of 20×20 pixels"):
        predict_source(open_source(tmp_path / "images.npy"), tmp_path / "out", model, workers=1)


@pytest.mark.scale
def test_a_cluster_writes_the_same_bytes_also_when_a_node_dies(images, model, made, tmp_path, monkeypatch):
    """Six shards on two nodes; one node is killed after the first shards, and nothing listens but on loopback."""
    with two_nodes() as nodes:
        for name, value in nodes.settings.items():
            monkeypatch.setenv(name, value)
        source = replace(open_source(images), per_shard=2_000)
        predict_source(source, tmp_path / "here", model, workers=1)

        def killing(done, shards):
            for number, one in enumerate(done):
                if number == 1:
                    nodes.kill_one()
                    assert listening_elsewhere() == []
                yield one

        outcome = predict_source(source, tmp_path / "there", model, 1, nodes.address, killing)
    assert (outcome.items, outcome.shards) == (12_000, 6)
    assert contents(tmp_path / "there") == contents(tmp_path / "here")
