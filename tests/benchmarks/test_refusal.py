"""What becomes of pictures of things that are no digits."""

import gzip

import numpy as np
import pytest
from PIL import Image, ImageDraw
from support.drawings import classify, seven

from benchmarks.refusal import _idx, _printed, outcome, scribble
from digits.data.idx import format_idx
from digits.pictures.find import find_digits
from digits.pictures.prototypes import Prototypes
from digits.pictures.read import Reader


def bar() -> Image.Image:
    """The fake classifier takes it for a 1, surely."""
    page = Image.new("L", (200, 260), 255)
    ImageDraw.Draw(page).rectangle((95, 50, 108, 210), fill=0)
    return page


def test_a_picture_has_one_of_four_outcomes():
    reader = Reader(classify, not_sure_below=0.9)
    assert outcome(Image.new("L", (200, 260), 255), reader) == "no digit found"
    assert outcome(seven(), reader) == "low probability"
    assert outcome(bar(), reader) == "read surely"
    # Typical images of which every image is too far.
    far = Prototypes(np.ones((10, 1, 14 * 14), np.uint8), np.full(10, 1e-6))
    assert outcome(bar(), Reader(classify, not_sure_below=0.9, prototypes=far)) == "unlike any known"


@pytest.mark.parametrize("seed", range(5))
def test_a_scribble_is_ink_on_paper(seed):
    grey = np.asarray(scribble(np.random.default_rng(seed))) / 255
    assert 0.01 < (grey < 0.5).mean() < 0.3 and (grey[[0, -1]] == 1).all()


def test_each_character_of_each_font_is_a_picture_of_its_own():
    pages = [np.asarray(page) for page in _printed("a+/", ("DejaVuSans", "STIXGeneral"))]
    assert len(pages) == 6 and len({page.tobytes() for page in pages}) == 6
    assert all(len(find_digits(page / 255)) == 1 for page in pages)


@pytest.mark.parametrize("name", ["images", "images.gz"])
def test_images_may_be_gzipped(tmp_path, name):
    images = np.arange(2 * 9, dtype=np.uint8).reshape(2, 3, 3)
    data = format_idx(images)
    (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    assert (_idx(tmp_path / name) == images).all()
