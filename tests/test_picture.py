"""Pictures of any kind become 28×28 digits in MNIST's convention, or a named error of one line."""

import gzip
import io
import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from PIL import Image, ImageDraw
from scenes import KINDS, photo
from scipy.ndimage import gaussian_filter

from digits.idx import parse_idx
from digits.picture import (
    MAX_PIXELS,
    Digit,
    PictureError,
    find_digits,
    group_boxes,
    ink_is_light,
    load_picture,
    reading_order,
    ruled_lines,
    stroke_width,
    to_mnist,
)

SAMPLE = Path(__file__).parent / "data" / "mnist" / "t10k-images-idx3-ubyte.gz"
MODES = ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr", "HSV", "LAB", "I", "F", "I;16"]


@pytest.fixture(scope="session")
def images() -> np.ndarray:
    """400 test images of MNIST, uint8 (400, 28, 28)."""
    return parse_idx(gzip.decompress(SAMPLE.read_bytes()))


@pytest.fixture(scope="session")
def train_images() -> np.ndarray:
    return parse_idx(gzip.decompress((SAMPLE.parent / "train-images-idx3-ubyte.gz").read_bytes()))


def encoded(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def digits_in(data: bytes) -> list[Digit]:
    return find_digits(load_picture(data).grey)


def seven(size=(200, 260), ink=0, paper=255, width=18, mode="L") -> Image.Image:
    image = Image.new(mode, size, paper)
    w, h = size
    points = [(0.25 * w, 0.2 * h), (0.75 * w, 0.2 * h), (0.45 * w, 0.8 * h)]
    ImageDraw.Draw(image).line(points, fill=ink, width=width, joint="curve")
    return image


def is_like(pixels: np.ndarray, other: np.ndarray) -> bool:
    """The same digit, but for softness and a shift by a pixel, which a blur evens out."""
    soft = [gaussian_filter(each.astype(float), 1.5).ravel() for each in (pixels, other)]
    return np.corrcoef(soft)[0, 1] > 0.85


# --- MNIST's own images -------------------------------------------------------------------------------------------


def found_alone(greys) -> tuple[np.ndarray, float]:
    """The digits of pictures with one digit each (zeros where not exactly one is found), and the share so found."""
    found = [find_digits(grey) for grey in greys]
    pixels = [each[0].pixels if len(each) == 1 else np.zeros((28, 28), np.uint8) for each in found]
    return np.array(pixels), float(np.mean([len(each) == 1 for each in found]))


def mean_difference(pixels: np.ndarray, images: np.ndarray) -> np.ndarray:
    return np.abs(pixels.astype(int) - images).mean(axis=(1, 2))


@pytest.mark.parametrize("invert", [False, True])
def test_an_image_in_the_convention_is_left_nearly_as_it_is(images, invert):
    found, share = found_alone((255 - image if invert else image) / 255 for image in images)
    assert share >= 0.99
    # On training images 97 % differ by less than 2 of 255 a pixel.
    assert (mean_difference(found, images) < 2).mean() >= 0.95


def test_padding_changes_nothing(images):
    plain, _ = found_alone(image / 255 for image in images[:100])
    padded, _ = found_alone(np.pad(image, ((3, 60), (45, 10))) / 255 for image in images[:100])
    assert (plain == padded).all(axis=(1, 2)).mean() >= 0.97


@pytest.mark.parametrize("factor", [2, 3, 5, pytest.param(10, marks=pytest.mark.slow)])
def test_enlarging_by_pixels_is_undone(images, factor):
    found, share = found_alone(np.kron(image, np.ones((factor, factor))) / 255 for image in images[:100])
    assert share >= 0.98
    assert (mean_difference(found, images[:100]) < 2).mean() >= 0.85


@pytest.mark.parametrize("resample", [Image.Resampling.BILINEAR, Image.Resampling.BICUBIC, Image.Resampling.LANCZOS])
def test_smooth_enlarging_keeps_the_shape(images, resample):
    large = (np.asarray(Image.fromarray(image).resize((112, 112), resample)) / 255 for image in images[:100])
    found, share = found_alone(large)
    assert share >= 0.98
    assert np.mean([is_like(a, b) for a, b in zip(found, images, strict=False)]) >= 0.96


def test_the_convention(images):
    found, _ = found_alone(np.pad(image, 30) / 255 for image in images[:100])
    rows, columns = (found > 0).any(axis=2).sum(axis=1), (found > 0).any(axis=1).sum(axis=1)
    assert found.dtype == np.uint8
    assert (np.maximum(rows, columns) <= 20).all()
    assert (found.max(axis=(1, 2)) == 255).all()
    at = np.arange(28)
    mass = found.sum(axis=(1, 2))
    for axis in (1, 2):
        centres = (found.sum(axis=3 - axis) * at).sum(axis=1) / mass
        assert (np.abs(centres - 14) <= 0.51).mean() >= 0.99


# --- Any picture at all -------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(
    content=npst.arrays(np.uint8, npst.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=70)),
    mode=st.sampled_from(MODES),
    kind=st.sampled_from(["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP"]),
    zoom=st.sampled_from([1, 1, 3, 9]),
)
def test_any_size_mode_and_content_gives_digits_or_the_named_error(content, mode, kind, zoom):
    image = Image.fromarray(np.kron(content, np.ones((zoom, zoom), np.uint8)))
    try:
        image = image.convert("RGB").convert(mode) if mode not in ("I;16", "LAB", "PA") else image.convert(mode)
    except ValueError:
        image = Image.new(mode, image.size, 5)
    try:
        data = encoded(image, kind)
    except (OSError, ValueError):
        return  # this format cannot hold this mode
    for digit in digits_in(data):
        assert digit.pixels.dtype == np.uint8
        assert digit.pixels.shape == (28, 28)
        left, top, right, bottom = digit.box
        assert 0 <= left < right <= image.width
        assert 0 <= top < bottom <= image.height


@settings(max_examples=150, deadline=None)
@given(
    kind=st.sampled_from(["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM"]),
    cut=st.floats(0, 1),
    damage=st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 255)), max_size=6),
)
def test_damaged_bytes_give_digits_or_the_named_error(kind, cut, damage):
    data = bytearray(encoded(seven((60, 80), width=6).convert("RGB"), kind))
    for where, value in damage:
        data[int(where * len(data))] = value
    try:
        found = digits_in(bytes(data[: int(cut * len(data))]))
    except PictureError as error:
        assert "\n" not in str(error)
    else:
        assert all(digit.pixels.shape == (28, 28) for digit in found)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_what_is_no_picture_gives_the_named_error(data):
    with pytest.raises(PictureError):
        load_picture(data)


@settings(max_examples=60, deadline=None)
@given(
    npst.arrays(
        np.float32,
        npst.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=90),
        elements=st.sampled_from([0, 0.03, 0.5, 0.97, 1]),
    )
)
def test_to_mnist_takes_any_ink(ink):
    if ink.max() < 0.5:
        return
    pixels = to_mnist(ink)
    assert pixels.dtype == np.uint8
    assert pixels.shape == (28, 28)
    assert pixels.max() == 255


# --- Bad files ----------------------------------------------------------------------------------------------------


def bomb(width: int, height: int) -> bytes:
    """A PNG that claims to be huge in a few bytes."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 1000))
        + chunk(b"IEND", b"")
    )


BAD = {
    "zero.png": (b"", "0 bytes"),
    "text.jpg": (b"This is no picture.", "not a picture"),
    "truncated.png": (encoded(seven())[:300], "truncated"),
    "truncated.jpg": (encoded(seven(), "JPEG")[:900], "truncated"),
    "bomb.png": (bomb(50_000, 50_000), "million pixels"),
    "just_too_large.png": (bomb(MAX_PIXELS // 8000 + 1, 8000), "million pixels"),
    "postscript.png": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not a picture"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_files_are_named_in_one_line(tmp_path, name):
    content, reason = BAD[name]
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(PictureError, match=reason) as caught:
        load_picture(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_pipe_is_not_waited_for_and_a_device_not_read(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    for path in (tmp_path / "pipe.png", Path("/dev/zero")):
        with pytest.raises(PictureError, match="a pipe or device, not a file"):
            load_picture(path)


def test_a_huge_file_is_not_read_whole(tmp_path):
    with (tmp_path / "huge.tif").open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(PictureError, match="more than 200 MiB"):
        load_picture(tmp_path / "huge.tif")


def test_missing_and_folder_are_named(tmp_path):
    with pytest.raises(PictureError, match="no such file"):
        load_picture(tmp_path / "none.png")
    with pytest.raises(PictureError, match="folder"):
        load_picture(tmp_path)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_unreadable_is_named(tmp_path):
    path = tmp_path / "secret.png"
    path.write_bytes(encoded(seven()))
    path.chmod(0)
    with pytest.raises(PictureError, match="cannot be read"):
        load_picture(path)


def test_a_bomb_takes_little_memory(tmp_path):
    path = tmp_path / "bomb.png"
    path.write_bytes(bomb(50_000, 50_000))
    code = (
        "import resource, sys\n"
        "from digits.picture import PictureError, load_picture\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try:\n    load_picture(sys.argv[1])\nexcept PictureError:\n"
        "    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    run = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    # In KiB on Linux; the picture would take 2.5 GB.
    assert int(run.stdout) < 20_000


# --- Formats and modes --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def expected() -> np.ndarray:
    """The 28×28 of `seven()`."""
    (digit,) = digits_in(encoded(seven()))
    return digit.pixels


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "AVIF"])
def test_every_format(kind, expected):
    (digit,) = digits_in(encoded(seven().convert("RGB"), kind))
    assert is_like(digit.pixels, expected)


@pytest.mark.parametrize(
    ("ink", "paper"),
    [("white", "black"), ("navy", "ivory"), ("yellow", "green"), ("#c00000", "#006200"), ("#888", "#fff")],
)
def test_any_two_colours(ink, paper, expected):
    (digit,) = digits_in(encoded(seven(ink=ink, paper=paper, mode="RGB")))
    assert is_like(digit.pixels, expected)


@pytest.mark.parametrize("ink", [(0, 0, 0, 255), (255, 255, 255, 255), (200, 30, 30, 255)])
def test_ink_on_transparency(ink, expected):
    (digit,) = digits_in(encoded(seven(ink=ink, paper=(0, 0, 0, 0), mode="RGBA")))
    assert is_like(digit.pixels, expected)


def test_sixteen_bits(expected):
    wide = np.asarray(seven()).astype(np.uint16) * 257
    (digit,) = digits_in(encoded(Image.fromarray(wide)))
    assert is_like(digit.pixels, expected)


def test_cmyk(expected):
    (digit,) = digits_in(encoded(seven(mode="CMYK", ink=(0, 0, 0, 255), paper=(0, 0, 0, 0)), "JPEG"))
    assert is_like(digit.pixels, expected)


@pytest.mark.parametrize(("orientation", "turn"), [(1, None), (3, 180), (6, 90), (8, 270)])
def test_exif_rotation(orientation, turn, expected):
    image = seven()
    stored = image.rotate(turn, expand=True) if turn else image
    exif = Image.Exif()
    exif[0x0112] = orientation
    (digit,) = digits_in(encoded(stored, "JPEG", exif=exif))
    assert is_like(digit.pixels, expected)


def test_an_animation_is_read_by_its_first_frame_and_says_so(expected):
    frames = [seven(), Image.new("L", (200, 260), 255)]
    picture = load_picture(encoded(frames[0], "GIF", save_all=True, append_images=frames[1:]))
    (digit,) = find_digits(picture.grey)
    assert is_like(digit.pixels, expected)
    assert picture.note == "first of 2 frames"


def test_boxes_are_those_of_the_ink():
    (digit,) = digits_in(encoded(seven()))
    ink = np.argwhere(np.asarray(seven()) < 128)
    top, left = ink.min(axis=0)
    bottom, right = ink.max(axis=0) + 1
    assert np.abs(np.array(digit.box) - [left, top, right, bottom]).max() <= 1


# --- Ink, lines, several digits -----------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [1, 3, 60])
def test_thin_and_thick_strokes_come_to_a_usual_width(width):
    (digit,) = digits_in(encoded(seven((280, 360), width=width)))
    rows, columns = np.nonzero(digit.pixels)
    cut = digit.pixels[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    assert 1 <= stroke_width(cut / 255) <= 6.5
    # In one piece: a thin line must not fall apart into dots.
    assert len(find_digits(digit.pixels / 255)) == 1
    assert (digit.pixels > 100).any(axis=1).sum() >= 18


@pytest.mark.parametrize("grey", [0.0, 0.4, 1.0])
def test_a_uniform_page_has_no_digit(grey):
    assert find_digits(np.full((300, 400), grey, np.float32)) == []


@pytest.mark.parametrize("seed", range(4))
def test_a_page_of_noise_or_light_has_no_digit(seed):
    random = np.random.default_rng(seed)
    shape = (300, 400)
    light = np.linspace(0.3, 0.9, shape[1]) * np.ones((shape[0], 1))
    assert find_digits(light) == []
    assert find_digits(np.clip(light + random.normal(0, 0.05, shape), 0, 1)) == []
    assert find_digits(random.uniform(0, 1, shape)) == []


def ruled_page(step: int = 30, squared: bool = False) -> np.ndarray:
    page = np.full((360, 480), 0.95, np.float32)
    page[step // 2 :: step] = 0.6
    if squared:
        page[:, step // 2 :: step] = 0.6
    return page


@pytest.mark.parametrize("squared", [False, True])
def test_ruled_paper_alone_has_no_digit(squared):
    assert find_digits(ruled_page(squared=squared)) == []


@pytest.mark.parametrize("squared", [False, True])
def test_a_digit_on_ruled_paper(squared, expected):
    page = ruled_page(squared=squared)
    ink = np.asarray(seven()) < 128
    page[50:310, 120:320][ink] = 0.1
    (digit,) = find_digits(page)
    assert is_like(digit.pixels, expected)


def test_lines_spare_the_strokes_that_cross_them():
    mask = np.zeros((100, 200), dtype=bool)
    mask[50:52] = True
    mask[20:80, 90:100] = True
    lines = ruled_lines(mask)
    assert lines[50:52, :85].all()
    assert not lines[:, 91:99].any()


def test_a_single_long_stroke_is_no_ruled_line():
    mask = np.zeros((100, 100), dtype=bool)
    mask[10:90, 50] = True
    assert not ruled_lines(mask).any()


def test_light_and_shadow_do_not_hide_a_digit(expected):
    page = np.full((400, 500), 0.9)
    page[80:340, 150:350][np.asarray(seven()) < 128] = 0.2
    page *= np.linspace(0.5, 1, 500)
    page[:, 330:] *= 0.7
    (digit,) = find_digits(page)
    assert is_like(digit.pixels, expected)


def photographed(image: np.ndarray | None, kind: str, rng: np.random.Generator) -> list[Digit]:
    return digits_in(encoded(photo(image, kind, rng), "JPEG", quality=85))


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_photos_of_handwriting(kind, train_images):
    # Of 60 each were found alone, and 59 or all of them like the original.
    rng = np.random.default_rng(20)
    found = [(photographed(image, kind, rng), image) for image in train_images[100:110]]
    assert sum(len(digits) == 1 and is_like(digits[0].pixels, image) for digits, image in found) >= 9


@pytest.mark.parametrize("width", [60, 100, 150])
def test_a_thick_light_zero_is_no_sheet_of_paper(width):
    page = Image.new("L", (600, 600), 0)
    ImageDraw.Draw(page).ellipse((120, 60, 480, 540), outline=255, width=width)
    (digit,) = digits_in(encoded(page))
    assert digit.box == pytest.approx((120, 60, 481, 541), abs=4)


@pytest.mark.parametrize("kind", ["plain", "strongly ruled", "table"])
def test_photos_of_empty_paper_have_no_digit(kind):
    assert not any(photographed(None, kind, np.random.default_rng(seed)) for seed in range(4))


def test_a_dot_or_a_stain_is_no_digit(expected):
    page = Image.new("L", (400, 260), 255)
    ImageDraw.Draw(page).ellipse((220, 100, 290, 165), fill=0)
    assert digits_in(encoded(page)) == []
    page.paste(seven(), (0, 0))
    (digit,) = digits_in(encoded(page))
    assert is_like(digit.pixels, expected)


def test_a_faint_digit_beside_a_dark_one_keeps_its_contrast(expected):
    page = Image.new("L", (400, 260), 255)
    page.paste(seven(), (0, 0))
    page.paste(seven(ink=110), (200, 0))
    dark, faint = digits_in(encoded(page))
    assert is_like(faint.pixels, expected)
    assert faint.pixels.max() == dark.pixels.max() == 255


@pytest.mark.slow
@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1), st.booleans())
def test_several_digits_are_read_from_left_to_right(seed, invert):
    images = parse_idx(gzip.decompress(SAMPLE.read_bytes()))
    random = np.random.default_rng(seed)
    # Those in one piece: what a gap within a digit does is measured over all images above.
    whole = [image for image in images[:60] if len(find_digits(np.pad(image, 30) / 255)) == 1]
    chosen = [whole[i] for i in random.integers(0, len(whole), 4)]
    page = np.zeros((120, 280), np.uint8)
    for number, image in enumerate(chosen):
        top, left = random.integers(30, 38), 20 + 60 * number + random.integers(0, 20)
        page[top : top + 28, left : left + 28] = image
    found = find_digits((255 - page if invert else page) / 255)
    assert len(found) == 4
    assert all(is_like(digit.pixels, image) for digit, image in zip(found, chosen, strict=True))


def test_polarity_of_real_digits(images):
    assert all(ink_is_light(image / 255) for image in images)
    assert not any(ink_is_light(1 - image / 255) for image in images)


def test_strokes_of_one_digit_are_grouped():
    bar_of_five, body, neighbour = [0, 10, 10, 60], [18, 8, 100, 55], [5, 80, 100, 130]
    groups = group_boxes(np.array([bar_of_five, neighbour, body]))
    assert sorted(sorted(group.tolist()) for group in groups) == [[0, 2], [1]]


def test_reading_order_goes_line_by_line():
    second_line, right, left = [60, 0, 100, 20], [5, 50, 45, 70], [10, 0, 50, 20]
    assert reading_order(np.array([second_line, right, left])) == [2, 1, 0]
