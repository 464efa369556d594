"""What `digits batch` reads: every form gives the same pixels, in any part."""

import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.drawings import page

from digits.batch.source import Images, Pictures, open_source
from digits.data.idx import format_idx
from digits.errors import DigitsError

IMAGES = np.random.default_rng(0).integers(0, 256, (37, 6, 6), dtype=np.uint8)
FLAT = IMAGES.reshape(len(IMAGES), -1)


def as_idx(folder: Path) -> Path:
    path = folder / "images"
    path.write_bytes(format_idx(IMAGES))
    return path


def as_npy(images: np.ndarray, folder: Path) -> Path:
    path = folder / "images.npy"
    np.save(path, images)
    return path


def as_parquet(table: pa.Table, folder: Path, rows: int = 5) -> Path:
    path = folder / "images.parquet"
    pq.write_table(table, path, row_group_size=rows)
    return path


def column_a_pixel(names: str) -> pa.Table:
    """As on Kaggle: int64, the label first. The columns stand in the order of their names as text."""
    columns = {names.format(at): pa.array(FLAT[:, at].astype(np.int64)) for at in sorted(range(36), key=str)}
    return pa.table({"label": pa.array([7] * len(FLAT)), **columns})


def in_files(folder: Path) -> Path:
    """Parquet of two files."""
    parts = folder / "parts"
    parts.mkdir()
    for name, rows in (("a", FLAT[:20]), ("b", FLAT[20:])):
        pq.write_table(pa.table({"pixels": [row.tobytes() for row in rows]}), parts / f"{name}.parquet")
    return parts


FORMS = {
    "IDX": as_idx,
    "squares": lambda folder: as_npy(IMAGES, folder),
    "rows": lambda folder: as_npy(FLAT, folder),
    "with a channel": lambda folder: as_npy(IMAGES[..., None], folder),
    "bytes": lambda folder: as_parquet(pa.table({"pixels": [row.tobytes() for row in FLAT]}), folder),
    "bytes of a fixed size": lambda folder: as_parquet(
        pa.table({"pixels": pa.array([row.tobytes() for row in FLAT], pa.binary(36))}), folder
    ),
    "lists": lambda folder: as_parquet(pa.table({"pixels": FLAT.tolist()}), folder),
    "columns": lambda folder: as_parquet(column_a_pixel("pixel{}"), folder),
    "several files": in_files,
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_pixels_in_any_part(tmp_path, form):
    source = open_source(FORMS[form](tmp_path))
    assert isinstance(source, Images)
    assert (len(source), source.side) == (37, 6)

    @settings(max_examples=30)
    @given(st.integers(0, 37), st.integers(0, 37))
    def check(start: int, stop: int) -> None:
        read = source.read(start, stop)
        np.testing.assert_array_equal(read, IMAGES[start:stop])
        assert read.dtype == np.uint8

    check()


def test_pictures_are_found_in_folders_within(tmp_path):
    (tmp_path / "2025" / "may").mkdir(parents=True)
    for name in ("b.png", "2025/may/a.PNG", "2025/c.jpg"):
        page(tmp_path / "drawn.png").rename(tmp_path / name)
    (tmp_path / "notes.txt").write_text("no picture")
    source = open_source(tmp_path)
    assert isinstance(source, Pictures)
    assert source.files == ("2025/c.jpg", "2025/may/a.PNG", "b.png")


def broken(folder: Path, content: bytes) -> Path:
    path = folder / "broken"
    path.write_bytes(content)
    return path


REFUSED = {
    "nothing": (lambda folder: folder / "none", "no such file or folder"),
    "an empty folder": (lambda folder: folder, "nothing to read in this folder"),
    "text": (lambda folder: broken(folder, b"7\n"), "neither of pictures in a folder"),
    "gzip": (lambda folder: broken(folder, b"\x1f\x8b\x08"), "gunzip it first"),
    "a short IDX": (lambda folder: broken(folder, format_idx(IMAGES)[:100]), "its header .* needs"),
    "floats": (lambda folder: as_npy(IMAGES / 255, folder), "raw pixels are expected, uint8"),
    "no squares": (lambda folder: as_npy(FLAT[:, :35], folder), "raw pixels are expected"),
    "torn Parquet": (lambda folder: broken(folder, b"PAR1 torn"), "not Parquet"),
    "no pixels": (lambda folder: as_parquet(pa.table({"label": [1]}), folder), "a column `pixels`"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_read_is_refused_in_a_line(tmp_path, case):
    make, message = REFUSED[case]
    with pytest.raises(DigitsError, match=message) as caught:
        open_source(make(tmp_path))
    assert len(str(caught.value).splitlines()) == 1


UNREADABLE = {
    "a missing pixel": (pa.table({"pixels": [FLAT[0].tobytes(), None]}), "a pixel is missing"),
    "several sizes": (pa.table({"pixels": [FLAT[0].tobytes(), FLAT[0].tobytes()[:25]]}), "several sizes"),
    "pixels divided by 255": (pa.table({"pixels": [(FLAT[0] / 255).tolist()] * 2}), "whole numbers from 0 to 255"),
    "above 255": (pa.table({"pixels": [[256] * 36] * 2}), "whole numbers from 0 to 255"),
}


@pytest.mark.parametrize("case", UNREADABLE)
def test_values_that_are_no_pixels_are_refused_in_a_line(tmp_path, case):
    table, message = UNREADABLE[case]
    path = as_parquet(table, tmp_path)
    with pytest.raises(DigitsError, match=f"{re.escape(str(path))}: .*{message}"):
        open_source(path).read(0, 2)
