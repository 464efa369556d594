"""The features, compared with loops over single pixels."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from digits.data.raw import Split
from digits.validation.features import (
    agreement,
    class_frame,
    class_means,
    file_frame,
    image_digests,
    image_frame,
    twins,
)

# Few values and many zeros give blank images, blank margins and repeated images.
PIXELS = st.sampled_from([0, 0, 0, 1, 128, 255])


@st.composite
def splits(draw, classes=4):
    n, height, width = draw(st.integers(1, 6)), draw(st.integers(1, 5)), draw(st.integers(1, 5))
    images = draw(arrays(np.uint8, (n, height, width), elements=PIXELS))
    return Split(images, draw(arrays(np.uint8, n, elements=st.integers(0, classes))))


def naive(image):
    """Features of one image, by loops."""
    height, width = image.shape
    ink = [(x, y, int(image[y, x])) for y in range(height) for x in range(width) if image[y, x] > 0]
    total = sum(value for _, _, value in ink)
    columns, rows = {x for x, _, _ in ink}, {y for _, y, _ in ink}
    return {
        "min": min(int(value) for value in image.flat),
        "max": max(int(value) for value in image.flat),
        "mean": total / (height * width),
        "area": len(ink) / (height * width),
        "x": sum(x * value for x, _, value in ink) / total if ink else np.nan,
        "y": sum(y * value for _, y, value in ink) / total if ink else np.nan,
        "width": max(columns) - min(columns) + 1 if ink else 0,
        "height": max(rows) - min(rows) + 1 if ink else 0,
    }


@settings(deadline=None)
@given(splits())
def test_features_equal_those_of_loops(split):
    frame = image_frame(split, image_digests(split.images))
    assert len(frame) == len(split.images)
    for row, (image, label) in enumerate(zip(*split, strict=True)):
        seen = frame.iloc[row]
        assert (seen["row"], seen["label"]) == (row, label)
        assert seen["first"] == next(at for at, other in enumerate(split.images) if np.array_equal(image, other))
        for feature, value in naive(image).items():
            assert seen[feature] == pytest.approx(value, nan_ok=True, abs=1e-12), feature


@settings(deadline=None)
@given(splits())
def test_a_view_that_is_not_contiguous_gives_the_same_frame(split):
    turned = Split(split.images.transpose(0, 2, 1), split.labels)
    copied = Split(turned.images.copy(), split.labels)
    digests = image_digests(turned.images)
    np.testing.assert_array_equal(digests, image_digests(copied.images))
    assert image_frame(turned, digests).equals(image_frame(copied, digests))


@settings(deadline=None)
@given(splits(), st.data())
def test_twins_are_the_first_equal_images(split, data):
    rows = data.draw(st.lists(st.integers(0, len(split.images) - 1), min_size=1, max_size=4))
    other = Split(split.images[rows], split.labels[rows])
    found = twins(image_digests(split.images), image_digests(other.images))
    for image, twin in zip(split.images, found, strict=True):
        equal = [row for row, candidate in enumerate(other.images) if np.array_equal(candidate, image)]
        assert (twin == equal[0]) if equal else twin is found.dtype.na_value


@settings(deadline=None)
@given(splits())
def test_class_shares_and_means_equal_those_of_loops(split):
    shares = [0.1, 0.2, 0.3, 0.4]
    frame, means = class_frame(split.labels, shares), class_means(split, 4)
    for label in range(4):
        members = [image for image, own in zip(*split, strict=True) if own == label]
        assert frame["images"][label] == len(members)
        assert frame["deviation"][label] == pytest.approx(len(members) / len(split.labels) - shares[label])
        if members:
            assert means[label] == pytest.approx(np.array(members, dtype=float).mean(axis=0))
        else:
            assert np.isnan(means[label]).all()


@pytest.mark.filterwarnings("ignore:self.within_class_std_dev_")
def test_agreement_is_scikit_learns_nearest_centroid():
    from sklearn.datasets import load_digits
    from sklearn.neighbors import NearestCentroid

    data = load_digits()
    split = Split(data.images.astype(np.uint8), data.target.astype(np.uint8))
    flat = split.images.reshape(len(split.images), -1).astype(float)
    expected = NearestCentroid().fit(flat, split.labels).score(flat, split.labels)
    assert agreement(split, class_means(split, 10), chunk=100) == pytest.approx(expected)


def test_a_class_without_images_is_never_the_nearest():
    split = Split(np.full((3, 2, 2), 200, dtype=np.uint8), np.array([1, 1, 9], dtype=np.uint8))
    facts = file_frame({"train": split}, {"train": agreement(split, class_means(split, 3))})
    assert facts["agreement"][0] == pytest.approx(2 / 3)
    assert facts.iloc[0].drop("agreement").to_dict() == {
        "split": "train",
        "images": 3,
        "height": 2,
        "width": 2,
        "pixel_type": "uint8",
        "label_type": "uint8",
    }
