"""Typical images are found among those of their class, and few of a class lie beyond the limit."""

import numpy as np
import pytest
from scipy.stats import binom

from digits.evaluation.prototypes import COUNT, REFUSED, limits, typical
from digits.pictures.prototypes import Prototypes


def bars(n, seed):
    """Noisy upright (0) and level (1) bars, uint8 (n, 28, 28), and their labels."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, n)
    images = rng.integers(0, 120, (n, 28, 28))
    for image, label, place in zip(images, labels, rng.integers(10, 16, n), strict=True):
        bar = (slice(4, 24), slice(place, place + 3))
        image[bar[::-1] if label else bar] = 255
    return images.astype(np.uint8), labels


@pytest.fixture(scope="module")
def found():
    return typical(*bars(500, 0), 3)


def test_the_same_images_give_the_same_typical_ones(found):
    assert found.shape == (3, COUNT, 196) and found.dtype == np.uint8
    assert (typical(*bars(500, 0), 3) == found).all()
    # No image is of the third class.
    assert not found[2].any()


def test_a_class_of_few_images_is_known_by_them():
    images, labels = bars(5, 1)
    few = typical(np.repeat(images, 3, axis=0), np.repeat(labels, 3), 2)
    assert few.shape[1] <= 5
    assert Prototypes(few, np.ones(2)).distances(images, labels).max() < 0.02


def test_few_of_a_class_lie_beyond_the_limit_and_one_less_would_not_be_the_smallest(found):
    images, labels = bars(4000, 2)
    allowed = limits(found, images, labels, labels, 0.95)
    distances = Prototypes(found, allowed).distances(images, labels)
    for label in (0, 1):
        n, beyond = (labels == label).sum(), (distances[labels == label] > allowed[label]).sum()
        assert binom.cdf(beyond, n, REFUSED) <= 0.05 < binom.cdf(beyond + 1, n, REFUSED)
    assert allowed[2] == np.inf


def test_too_few_images_give_no_limit_and_wrong_answers_do_not_count(found):
    images, labels = bars(2000, 3)
    for n, has_limit in ((298, False), (299, True)):
        rows = np.flatnonzero(labels == 0)[:n]
        allowed = limits(found, images[rows], labels[rows], labels[rows], 0.95)
        assert np.isfinite(allowed[0]) == has_limit
    assert (limits(found, images, labels, 1 - labels, 0.95) == np.inf).all()


@pytest.mark.slow
def test_other_images_of_the_class_are_seldom_refused(found):
    """Over many draws the bound fails for about one in twenty."""
    failed = []
    for seed in range(40):
        images, labels = bars(700, 100 + seed)
        allowed = limits(found, images, labels, labels, 0.95)
        others, theirs = bars(2000, 1000 + seed)
        strange = Prototypes(found, allowed).strange(others, theirs)
        failed += [strange[theirs == label].mean() > 2 * REFUSED for label in (0, 1)]
    assert np.mean(failed) < 0.1
