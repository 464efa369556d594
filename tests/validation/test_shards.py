"""The expectations of stage validate in shards: the same checks as on the whole."""

import numpy as np
import pytest
from support.nodes import listening_elsewhere, two_nodes
from support.scikit_digits import section

from digits.data.idx import format_idx
from digits.data.raw import FILES, read_raw
from digits.validation import shards
from digits.validation.expectations import build_tables
from digits.validation.run import run_expectations
from digits.validation.shards import validate_raw


@pytest.fixture
def small_shards(monkeypatch):
    """Shards of 400 images. One worker is this process, which alone knows that."""
    monkeypatch.setattr(shards, "_IMAGES", 400)
    monkeypatch.setattr(shards, "run_all", lambda function, tasks, workers, address: map(function, tasks))


def write(splits, folder):
    for name, (images, labels) in FILES.items():
        (folder / images).write_bytes(format_idx(np.asarray(splits[name].images)))
        (folder / labels).write_bytes(format_idx(splits[name].labels))
    return folder


def spoil_nothing(splits):
    pass


def spoil_images(splits):
    """Blank images in two shards, a duplicate across shards, a leak, and a wrong label."""
    splits["train"].images[[7, 700]] = 0
    splits["train"].images[900] = splits["train"].images[3]
    splits["test"].images[11] = splits["train"].images[5]
    splits["train"].labels[500] = 77


def invert(splits):
    splits["test"].images[:] = 255 - splits["test"].images


def shift_labels(splits):
    splits["train"].labels[:] = np.roll(splits["train"].labels, 1)


@pytest.mark.slow
@pytest.mark.parametrize("spoil", [spoil_nothing, spoil_images, invert, shift_labels])
def test_the_checks_are_those_of_the_whole(copy, tmp_path, small_shards, spoil):
    spoil(copy)
    raw = write(copy, tmp_path)
    wanted = run_expectations(build_tables(read_raw(raw), section()))
    found = validate_raw(raw, section(), None, workers=1)
    assert found == wanted
    assert all(check.success for check in found) == (spoil is spoil_nothing)


@pytest.mark.slow
def test_both_walks_are_shown_and_the_docs_are_about_the_whole(copy, tmp_path, small_shards):
    raw, seen = write(copy, tmp_path), []

    def show(done, total):
        for count in done:
            seen.append(count)
            yield count
        assert sum(seen) == total

    validate_raw(raw, section(), tmp_path / "docs", 1, progress=show)
    assert sum(seen) == 2 * sum(len(split.images) for split in copy.values())
    assert max(seen) == 400
    assert (tmp_path / "docs" / "index.html").is_file()


@pytest.mark.slow
def test_processes_find_the_same(copy, tmp_path):
    raw = write(copy, tmp_path)
    assert validate_raw(raw, section(), None, workers=2) == run_expectations(build_tables(copy, section()))


@pytest.mark.scale
def test_two_nodes_find_the_same(copy, tmp_path, monkeypatch):
    raw = write(copy, tmp_path)
    with two_nodes() as nodes:
        for name, value in nodes.settings.items():
            monkeypatch.setenv(name, value)
        found = validate_raw(raw, section(), None, workers=1, address=nodes.address)
        assert listening_elsewhere() == []
    assert found == run_expectations(build_tables(copy, section()))
