"""Each kind of change, on small data; and what holds for any two data sets."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from digits.data.changes import ADDED, CHANGED, KINDS, NONE, RELABELLED, REMOVED, compare_raw
from digits.data.raw import Split

RNG = np.random.default_rng(1)
IMAGES, LABELS = RNG.integers(0, 256, (12, 3, 3), np.uint8), np.arange(12, dtype=np.uint8) % 4
TEST = Split(RNG.integers(0, 256, (3, 3, 3), np.uint8), np.array([0, 1, 2], np.uint8))


def compare(images, labels, test=TEST):
    return compare_raw({"train": Split(IMAGES, LABELS), "test": TEST}, {"train": Split(images, labels), "test": test})


def rows(changes, kind):
    found = changes.of_kind(kind)
    return list(zip(*(found[name] for name in ("before_row", "after_row", "before_label", "after_label")), strict=True))


def test_the_same_data_have_no_changes():
    changes = compare(IMAGES, LABELS)
    assert changes.images.empty and changes.reordered == [] and not changes.classes.loc[:, ADDED:].to_numpy().any()
    assert changes.classes.loc["train", "before"].tolist() == [3, 3, 3, 3]


def test_each_kind_is_told_also_behind_images_that_were_taken_out():
    images, labels = IMAGES.copy(), LABELS.copy()
    labels[4] = 3
    images[9] = 255 - images[9]
    # Another label as well: that is another image.
    images[10], labels[10] = 7, 0
    images, labels = np.delete(images, 1, 0), np.delete(labels, 1)
    changes = compare(images, labels)
    assert rows(changes, RELABELLED) == [(4, 3, 0, 3)]
    assert rows(changes, CHANGED) == [(9, 8, 1, 1)]
    assert rows(changes, REMOVED) == [(1, NONE, 1, NONE), (10, NONE, 2, NONE)]
    assert rows(changes, ADDED) == [(NONE, 9, NONE, 0)]
    assert changes.reordered == []
    assert changes.classes.loc[("train", 0)].to_dict() == {
        "before": 3, "after": 3, ADDED: 1, REMOVED: 0, "relabelled_away": 1, "relabelled_here": 0, CHANGED: 0,
    }  # fmt: skip


def test_another_order_is_no_change_of_an_image():
    changes = compare(IMAGES[::-1], LABELS[::-1])
    assert changes.images.empty and changes.reordered == ["train"]


def test_an_image_that_went_to_the_other_split_is_found_there():
    test = Split(np.concatenate([TEST.images, IMAGES[5:6]]), np.append(TEST.labels, LABELS[5]))
    changes = compare(np.delete(IMAGES, 5, 0), np.delete(LABELS, 5), test)
    assert changes.images[["split", "kind", "before_row", "after_row", "elsewhere"]].to_numpy().tolist() == [
        ["train", REMOVED, 5, NONE, 3],
        ["test", ADDED, NONE, 3, 5],
    ]
    assert changes.crossed["split"].tolist() == ["test"]


def test_of_equal_images_each_counts_once():
    twins = np.repeat(IMAGES[:1], 12, 0)
    same = np.zeros(12, np.uint8)
    data = {"train": Split(twins, same), "test": TEST}
    fewer = compare_raw(data, data | {"train": Split(twins[:10], same[:10])})
    assert rows(fewer, REMOVED) == [(10, NONE, 0, NONE), (11, NONE, 0, NONE)]
    # One of them has another label. The nearest explanation is one new label, not two.
    other = compare_raw(data, data | {"train": Split(twins, np.append(same[:11], 1).astype(np.uint8))})
    assert rows(other, RELABELLED) == [(11, 11, 0, 1)]


def test_images_of_another_size_are_changed_where_they_stood():
    large = Split(np.pad(IMAGES, ((0, 0), (1, 1), (1, 1))), LABELS)
    changes = compare(*large)
    assert len(changes.of_kind(CHANGED)) == len(changes.images) == 12


data_sets = st.integers(1, 12).flatmap(
    lambda n: st.builds(
        Split,
        # Two values a pixel, so that equal images are common.
        arrays.arrays(np.uint8, (n, 1, 2), elements=st.integers(0, 1)),
        arrays.arrays(np.uint8, n, elements=st.integers(0, 2)),
    )
)


@pytest.mark.slow
@settings(deadline=None, max_examples=40)
@given(data_sets, data_sets, data_sets)
def test_the_numbers_add_up_for_any_data(before, after, test):
    changes = compare_raw({"train": before, "test": test}, {"train": after, "test": test})
    classes = changes.classes.loc["train"]
    expected = classes["before"] + classes[ADDED] - classes[REMOVED]
    assert (classes["after"] == expected - classes["relabelled_away"] + classes["relabelled_here"]).all()
    assert set(changes.images["kind"]) <= set(KINDS) and (changes.images["split"] == "train").all()
    # Each row is used once.
    for side in ("before_row", "after_row"):
        used = changes.images.loc[changes.images[side] != NONE, side]
        assert used.is_unique
    json.dumps(changes.as_dict(), allow_nan=False)
    assert len(compare_raw({"train": after}, {"train": after}).images) == 0
