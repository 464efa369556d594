"""How much of what is no digit is read surely: letters, signs, strokes, scribbles, and with `--images` other things.

Each is a picture of its own, which is found and read as `digits predict` does; digits of the validation images stand
beside them. Nothing is chosen by it. Run the pipeline first, then
`python -m benchmarks refusal [--count 300] [--images FILE]`, where FILE has images as MNIST's files have them, such as
Fashion-MNIST's (Debian: dataset-fashion-mnist)
"""

from __future__ import annotations

import gzip
import string
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from benchmarks.project import support
from benchmarks.record import Session, parser
from digits import paths
from digits.data.dataset import Dataset
from digits.data.idx import parse_idx
from digits.model.classifier import load_classifier
from digits.pictures.find import find_digits
from digits.pictures.read import Reader, read_digits
from digits.results import working_copy

# Of matplotlib, which the project installs.
_FONTS = (
    *("DejaVuSans", "DejaVuSans-Bold", "DejaVuSans-Oblique", "DejaVuSansMono", "DejaVuSansMono-Bold"),
    *("DejaVuSerif", "DejaVuSerif-Bold", "DejaVuSerif-Italic", "STIXGeneral", "STIXGeneralItalic"),
)
# Those that look like digits are left out.
_LETTERS = [letter for letter in string.ascii_letters if letter not in "bBDgGiIjlOoqQsSTzZ"]
_SIGNS = "+=#%&*?@$<>{}~^"
_STROKES = "/[]()!-|"
_SIDE = 220
_NOTHING, _LOW, _UNLIKE, _SURE = "no digit found", "low probability", "unlike any known", "read surely"


def main(arguments: Sequence[str]) -> None:
    """Measure and write the record."""
    options = parser("refusal", __doc__)
    options.add_argument("--count", type=int, default=300, help="digits, scribbles and images of other things")
    options.add_argument("--images", type=Path, help="images of other things, an IDX file, gzipped or not")
    chosen = options.parse_args(arguments)
    session = Session("refusal", arguments, chosen)
    count, fonts = (3, _FONTS[:1]) if chosen.quick else (chosen.count, _FONTS)
    reader = Reader.of(load_classifier(paths.MODEL), working_copy())
    rng = np.random.default_rng(0)
    images, _ = Dataset(paths.PROCESSED).arrays("validation")
    kinds: dict[str, Iterable[Image.Image]] = {
        "digits": _enlarged(np.asarray(images), count, rng),
        "letters": _printed(_LETTERS, fonts),
        "signs": _printed(_SIGNS, fonts),
        "strokes": _printed(_STROKES, fonts),
        "scribbles": (scribble(rng) for _ in range(count)),
    }
    if chosen.images:
        kinds["other things"] = _enlarged(_idx(chosen.images), count, rng)
    session.finish(refusal=[_row(kind, pictures, reader) for kind, pictures in kinds.items()])


def scribble(rng: np.random.Generator) -> Image.Image:
    """A line that wanders about, drawn with a pen: L, dark on white.

    Args:
        rng: draws its way and its width.
    """
    way = ndimage.gaussian_filter1d(rng.normal(size=(400, 2)), 8, axis=0).cumsum(axis=0)
    way = (way - way.min(axis=0)) / np.ptp(way, axis=0).max()
    page = Image.new("L", (_SIDE, _SIDE), 255)
    points = [tuple(point) for point in (30 + 160 * way).tolist()]
    ImageDraw.Draw(page).line(points, fill=20, width=int(rng.integers(5, 16)), joint="curve")
    return page


def outcome(picture: Image.Image, reader: Reader) -> str:
    """What becomes of a picture: no digit found, read surely, or why each reading is not sure."""
    grey = np.asarray(picture, dtype=np.float32) / 255
    readings = read_digits(find_digits(grey, reader.side), reader)
    if not readings:
        return _NOTHING
    if any(reading.sure for reading in readings):
        return _SURE
    return _UNLIKE if any(reading.doubt.startswith("unlike") for reading in readings) else _LOW


def _row(kind: str, pictures: Iterable[Image.Image], reader: Reader) -> dict[str, str | int]:
    found = Counter(outcome(picture, reader) for picture in pictures)
    return {"pictures of": kind, "n": found.total(), **{key: found[key] for key in (_NOTHING, _LOW, _UNLIKE, _SURE)}}


def _printed(characters: Iterable[str], fonts: Sequence[str]) -> Iterator[Image.Image]:
    """Each character in each font, black on white."""
    folder = Path(mpl.get_data_path(), "fonts", "ttf")
    for name in fonts:
        font = ImageFont.truetype(folder / f"{name}.ttf", 130)
        for character in characters:
            page = Image.new("L", (_SIDE, _SIDE), 255)
            ImageDraw.Draw(page).text((_SIDE / 2, _SIDE / 2), character, fill=0, font=font, anchor="mm")
            yield page


def _enlarged(images: np.ndarray, count: int, rng: np.random.Generator) -> Iterator[Image.Image]:
    """Some of the images, uint8 (n, side, side), four times as large, dark on white."""
    drawings = support("drawings")
    for row in rng.choice(len(images), count, replace=False):
        ink = drawings.enlarged(images[row])
        yield Image.fromarray(np.uint8(255 * (1 - np.pad(ink, 40))))


def _idx(file: Path) -> np.ndarray:
    data = file.read_bytes()
    return parse_idx(gzip.decompress(data) if file.suffix == ".gz" else data, str(file))
