"""Each kind of spoilt data fails the expectations that are meant for it, and no other."""

import numpy as np
from support.scikit_digits import TEST, TRAIN, section

from digits.data.raw import Split
from digits.validation.expectations import FEATURES, build_tables
from digits.validation.features import image_digests, image_frame
from digits.validation.run import run_expectations


def test_the_tables_hold_the_features_of_images_and_classes(data):
    tables = {table.name: table for table in build_tables(data, section())}
    assert list(tables) == ["files", "train images", "test images", "train classes", "test classes"]
    assert [table.key for table in tables.values()] == ["split", "row", "row", "class", "class"]
    assert tables["train images"].frame.equals(image_frame(data["train"], image_digests(data["train"].images)))
    assert tables["test images"].frame["twin"].isna().all()
    assert set(FEATURES) <= set(tables["test images"].frame)


def test_the_bounds_are_those_of_the_parameters(data):
    given = section(side=30, max_duplicates=0.25, class_tolerance=0.5)
    wanted = {
        (table.name, expectation.meta["name"]): expectation
        for table in build_tables(data, given)
        for expectation in table.expectations
    }
    height = wanted["files", "image height"]
    assert (height.min_value, height.max_value) == (30, 30)
    assert wanted["train images", "number of images"].value == TRAIN
    assert wanted["test images", "number of images"].value == TEST
    assert wanted["train images", "duplicates"].mostly == 0.75
    ink = wanted["test images", "average mean ink"]
    assert (ink.min_value, ink.max_value) == (55, 60)
    share = wanted["test classes", "class share, less the declared one"]
    assert (share.min_value, share.max_value) == (-0.5, 0.5)
    assert ("train images", "leaks") not in wanted


def failures(splits, given=None):
    """The failed checks as {(table, expectation): (number of unexpected rows, the first of them)}."""
    checks = run_expectations(build_tables(splits, given or section()))
    return {(c.table, c.expectation): (c.unexpected, c.rows) for c in checks if not c.success}


def test_a_blank_image(copy):
    copy["train"].images[7] = 0
    assert failures(copy) == {
        ("train images", feature): (1, [7])
        for feature in ("brightest pixel", "mean ink", "ink area", "width of the ink", "height of the ink")
    }


def test_an_inverted_picture(copy):
    copy["test"].images[3] = 255 - copy["test"].images[3]
    found = failures(copy)
    assert found["test images", "mean ink"] == found["test images", "ink area"] == (1, [3])
    assert {table for table, _ in found} == {"test images"}


def test_an_inverted_data_set(copy):
    spoilt = {name: Split(255 - split.images, split.labels) for name, split in copy.items()}
    found = failures(spoilt)
    assert found["train images", "mean ink"] == (TRAIN, list(range(10)))
    assert found["test images", "mean ink"] == (TEST, list(range(10)))


def test_shifted_pictures(copy):
    copy["test"].images[:] = np.roll(copy["test"].images, 2, axis=2)
    assert ("test images", "average centre of mass x") in failures(copy)


def test_pixels_divided_by_255(copy):
    copy["train"].images[:] = copy["train"].images // 255
    found = failures(copy)
    assert found["train images", "brightest pixel"] == (TRAIN, list(range(10)))
    assert ("test images", "brightest pixel") not in found


def test_a_duplicate_names_both_rows(copy):
    copy["train"].images[30], copy["train"].labels[30] = copy["train"].images[11], copy["train"].labels[11]
    assert failures(copy) == {("train images", "duplicates"): (2, [11, 30])}
    assert failures(copy, section(max_duplicates=2 / TRAIN)) == {}


def test_a_leak_names_the_test_row(copy):
    copy["test"].images[5], copy["test"].labels[5] = copy["train"].images[300], copy["train"].labels[300]
    (check,) = (c for c in run_expectations(build_tables(copy, section())) if not c.success)
    assert (check.table, check.expectation, check.key, check.rows) == ("test images", "leaks", "row", [5])
    assert (check.observed, check.allowed) == ("1 with a training twin", "none with a training twin")
    assert failures(copy, section(max_leaks=0.01)) == {}


def test_a_label_out_of_range(copy):
    copy["train"].labels[20] = 10
    assert failures(copy) == {("train images", "label"): (1, [20])}


def test_a_wrong_class_balance_names_the_class(copy):
    labels = copy["train"].labels
    labels[np.flatnonzero(labels == 4)[:20]] = 7
    assert failures(copy) == {("train classes", "class share, less the declared one"): (2, [4, 7])}


def test_shuffled_labels(copy):
    copy["test"].labels[:] = np.random.default_rng(0).permutation(copy["test"].labels)
    assert failures(copy) == {("files", "labels fit images"): (1, ["test"])}


def test_missing_images(copy):
    copy["test"] = Split(copy["test"].images[:-1], copy["test"].labels[:-1])
    assert failures(copy) == {("test images", "number of images"): (None, [])}


def test_another_size(data):
    cut = {name: Split(split.images[:, 2:-2, 2:], split.labels) for name, split in data.items()}
    found = failures(cut)
    assert found["files", "image height"] == found["files", "image width"] == (2, ["train", "test"])


def test_other_types(data):
    wide = {name: Split(split.images.astype(np.uint16), split.labels) for name, split in data.items()}
    assert failures(wide) == {("files", "pixel type"): (2, ["train", "test"])}
