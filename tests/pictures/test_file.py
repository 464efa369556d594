"""Files of any format and mode become pictures; any other file gives a named error of one line."""

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
from PIL import Image
from support.drawings import digits_in, encoded, is_like, seven

from digits.pictures.file import MAX_PIXELS, PictureError, load_picture, shown
from digits.pictures.find import find_digits

# --- Bad files ----------------------------------------------------------------------------------------------------


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes that claims to be huge."""

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


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_bytes_that_are_no_picture_give_the_named_error(data):
    with pytest.raises(PictureError):
        load_picture(data)


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


def test_pipes_and_devices_are_refused_unread(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    for path in (tmp_path / "pipe.png", Path("/dev/zero")):
        with pytest.raises(PictureError, match="a pipe or device, not a file"):
            load_picture(path)


def test_a_huge_file_is_not_read_whole(tmp_path):
    with (tmp_path / "huge.tif").open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(PictureError, match="more than 200 MiB"):
        load_picture(tmp_path / "huge.tif")


def test_missing_file_and_folder_are_named(tmp_path):
    with pytest.raises(PictureError, match="no such file"):
        load_picture(tmp_path / "none.png")
    with pytest.raises(PictureError, match="folder"):
        load_picture(tmp_path)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_file_is_named(tmp_path):
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
        "from digits.pictures.file import PictureError, load_picture\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try:\n    load_picture(sys.argv[1])\nexcept PictureError:\n"
        "    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    run = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    # In KiB on Linux; the picture would take 2.5 GB.
    assert int(run.stdout) < 20_000


def test_names_that_are_no_text_are_escaped():
    assert shown(os.fsdecode(b"caf\xe9\n\x1b[31m.png")) == "caf\\xe9\\n\\x1b[31m.png"
    assert shown("Größe 7.png") == "Größe 7.png"


# --- Formats and modes --------------------------------------------------------------------------------------------


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


def test_the_first_frame_of_an_animation_is_read_and_the_note_says_so(expected):
    frames = [seven(), Image.new("L", (200, 260), 255)]
    picture = load_picture(encoded(frames[0], "GIF", save_all=True, append_images=frames[1:]))
    (digit,) = find_digits(picture.grey)
    assert is_like(digit.pixels, expected)
    assert picture.note == "first of 2 frames"
