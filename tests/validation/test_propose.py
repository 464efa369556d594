"""What is proposed passes the schema, holds for the data that it was measured on, and says its margins."""

import re
from pathlib import Path

import numpy as np
import pytest
from ruamel.yaml import YAML
from support.other_data import paste, write_idx
from support.params import raw_params
from support.sample import SAMPLE
from support.scikit_digits import read_digits

from digits.data.discover import discover
from digits.data.raw import Split
from digits.errors import DigitsError
from digits.params import parse_params
from digits.validation.expectations import FEATURES, build_tables
from digits.validation.propose import propose
from digits.validation.run import run_expectations


def proposal(folder):
    return YAML(typ="safe").load(propose(discover(folder), folder))


def params_of(folder):
    return parse_params(paste(raw_params(), proposal(folder)))


def failures(folder, params):
    checks = run_expectations(build_tables(discover(folder).splits, params.validate_))
    return [check for check in checks if not check.success]


def labels_from_one(splits):
    """With a label 0 that no image has, as in EMNIST's letters."""
    return {name: Split(split.images, split.labels + 1) for name, split in splits.items()}


def a_class_absent_from_the_test(splits):
    keep = splits["test"].labels != 4
    return splits | {"test": Split(splits["test"].images[keep], splits["test"].labels[keep])}


def twins_leaks_and_blanks(splits):
    images = splits["train"].images.copy()
    images[:5], images[5:8] = images[8], 0
    test = splits["test"].images.copy()
    test[:7] = images[100:107]
    return {"train": Split(images, splits["train"].labels), "test": Split(test, splits["test"].labels)}


def side_32(splits):
    return {name: Split(np.pad(s.images, ((0, 0), (2, 2), (2, 2))), s.labels) for name, s in splits.items()}


def uniform(splits):
    return {name: Split(np.full_like(split.images, 9), split.labels) for name, split in splits.items()}


CHANGES = {
    change.__name__: change
    for change in (
        labels_from_one,
        a_class_absent_from_the_test,
        twins_leaks_and_blanks,
        side_32,
        uniform,
    )
}


@pytest.mark.slow
@pytest.mark.parametrize("change", ["none", *CHANGES])
def test_it_is_valid_and_holds_for_the_data_in_hand(tmp_path, change):
    splits = read_digits()
    write_idx(tmp_path, CHANGES.get(change, dict)(splits))
    assert failures(tmp_path, params_of(tmp_path)) == []


def test_a_single_class_is_nothing_to_tell_apart(tmp_path):
    splits = {name: Split(s.images, np.full_like(s.labels, 3)) for name, s in read_digits().items()}
    write_idx(tmp_path, splits)
    with pytest.raises(DigitsError, match="all labels are 3, and a model needs two classes to tell apart"):
        proposal(tmp_path)


def test_data_that_changed_break_it(tmp_path):
    splits = read_digits()
    write_idx(tmp_path, splits)
    params = params_of(tmp_path)
    images = splits["test"].images
    write_idx(tmp_path, splits | {"test": Split(np.roll(images, 4, axis=2), splits["test"].labels)})
    assert {"average centre of mass x", "labels fit images"} & {
        check.expectation for check in failures(tmp_path, params)
    }
    write_idx(tmp_path, splits | {"test": Split(images, splits["test"].labels[::-1].copy())})
    assert "labels fit images" in {check.expectation for check in failures(tmp_path, params)}


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(12))
def test_any_data_give_bounds_that_hold(tmp_path, seed):
    rng = np.random.default_rng(seed)
    side, classes = rng.integers(2, 40), rng.integers(2, 12)
    splits = {}
    for name in ("train", "test"):
        count = rng.integers(2, 60)
        # Some of the images are blank, and so twins.
        images = rng.integers(0, 256, (count, side, side), np.uint8) * rng.integers(0, 2, (count, 1, 1), np.uint8)
        labels = rng.integers(0, classes, count).astype(np.uint8)
        labels[:2] = 0, classes - 1
        splits[name] = Split(images, labels)
    write_idx(tmp_path, splits)
    raw = paste(raw_params(), proposal(tmp_path))
    # The network must fit the side as well.
    raw["train"]["model"] |= {"filters": [4], "kernel_size": 1, "pool_size": 1}
    assert failures(tmp_path, parse_params(raw)) == []


def test_each_bound_has_its_measured_values_beside_it():
    text = propose(discover(SAMPLE), SAMPLE)
    parsed = YAML(typ="safe").load(text)["validate"]
    for feature in FEATURES:
        (line,) = re.findall(rf"^    {feature}: \[.*\]  # (train .* to .*, test .* to .*)$", text, re.MULTILINE)
        low, high = parsed["each"][feature]
        measured = [float(number) for number in re.findall(r"[\d.]+", line)]
        assert low <= min(measured) and max(measured) <= high + 0.01
    for key in ("class_tolerance", "max_duplicates", "min_agreement"):
        assert re.search(rf"^  {key}: .*  # train .*, test .*$", text, re.MULTILINE)
    assert parsed["images"] == {"train": 1000, "test": 400} and parsed["side"] == 28


def test_names_and_places_are_quoted_whatever_they_are(tmp_path):
    folder = tmp_path / 'it\'s: a "place" {é} # 1'
    write_idx(folder, labels_from_one(read_digits()))
    (folder / "train-images-idx3-ubyte").rename(folder / "my train images!")
    parsed = proposal(folder)
    assert parsed["fetch"]["sources"] == [{"kind": "folder", "path": str(folder)}]
    assert parsed["fetch"]["files"]["train_images"]["name"] == "train-images-idx3-ubyte"
    assert parsed["preprocess"]["class_names"] == ["unused 0", *map(str, range(1, 11))]
    assert parsed["register"]["data_name"] == Path(folder).stem
