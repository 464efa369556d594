"""Typical images: what is near them, what is far, and files that are not theirs."""

import numpy as np
import pytest
from support.drawings import classify

from digits.errors import DigitsError
from digits.pictures.prototypes import Prototypes, load_prototypes, save_prototypes, softened
from digits.pictures.read import Reader, doubts


@pytest.fixture
def bars():
    """An upright bar, and a level one, each by which a class is known."""
    images = np.zeros((2, 28, 28), np.uint8)
    images[0, 4:24, 12:16] = images[1, 12:16, 4:24] = 255
    return images


@pytest.fixture
def prototypes(bars):
    soft = softened(bars)[:, None]
    return Prototypes(np.rint(255 * soft / soft.max()).astype(np.uint8), np.array([0.5, 0.5]))


def test_near_is_near_and_far_is_strange(bars, prototypes):
    moved = np.roll(bars, 1, axis=(1, 2))
    assert (prototypes.distances(bars, np.array([0, 1])) < 0.02).all()
    assert not prototypes.strange(moved, np.array([0, 1])).any()
    assert prototypes.strange(bars, np.array([1, 0])).all()
    # Brightness is no difference.
    assert not prototypes.strange(bars // 3, np.array([0, 1])).any()


def test_a_class_without_a_limit_refuses_nothing_not_even_an_image_without_ink(bars, prototypes):
    without = Prototypes(prototypes.images, np.full(2, np.inf))
    assert not without.strange(np.concatenate([bars, np.zeros_like(bars)]), np.array([1, 0, 0, 1])).any()


@pytest.mark.parametrize("side", [8, 28, 32, 64])
def test_images_of_any_side_are_softened(side):
    soft = softened(np.full((3, side, side), 200, np.uint8))
    assert soft.dtype == np.float64 and soft.shape[1] < 320
    np.testing.assert_allclose(np.linalg.norm(soft, axis=1), 1, rtol=1e-5)
    assert softened(np.zeros((0, side, side), np.uint8)).shape == (0, soft.shape[1])


def test_a_reading_says_why_it_is_not_sure(bars, prototypes):
    def answers(*rows):
        return np.array(rows, np.float32)

    reader = Reader(classify, class_names=["bar", "level"], not_sure_below=0.9, prototypes=prototypes)
    probabilities = answers([0.99, 0.01], [0.99, 0.01], [0.2, 0.8])
    assert doubts(bars[[0, 1, 1]], probabilities, reader) == ["", "unlike any bar known", "low probability"]
    assert doubts(bars[[1]], probabilities[1:2], Reader(classify, not_sure_below=0.9)) == [""]


def test_the_file_gives_back_what_was_written_with_the_same_bytes(prototypes, tmp_path):
    for name in ("one.npz", "other.npz"):
        save_prototypes(prototypes, tmp_path / name)
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "other.npz").read_bytes()
    found = load_prototypes(tmp_path / "one.npz", 2, 28)
    assert (found.images == prototypes.images).all() and (found.limits == prototypes.limits).all()


def test_files_that_are_not_theirs_are_one_line(prototypes, tmp_path):
    file = tmp_path / "prototypes.npz"
    with pytest.raises(DigitsError, match=r"prototypes.npz"):
        load_prototypes(file, 2, 28)
    save_prototypes(prototypes, file)
    for classes, side in ((3, 28), (2, 8)):
        with pytest.raises(DigitsError, match="is of a model of other classes or of another side"):
            load_prototypes(file, classes, side)
    content = file.read_bytes()
    for length in (0, 10, len(content) // 2, len(content) - 1):
        file.write_bytes(content[:length])
        with pytest.raises(DigitsError, match=r"prototypes.npz"):
            load_prototypes(file, 2, 28)
    with file.open("wb") as other:
        np.savez(other, images=prototypes.images.astype(float), limits=prototypes.limits)
    with pytest.raises(DigitsError, match="it has no typical images and limits"):
        load_prototypes(file, 2, 28)
