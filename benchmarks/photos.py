"""How many generated photos of handwriting `digits predict` reads rightly, by kind of paper and pen.

The digits are validation images. `tests/support/scenes.py` makes the photos. Sheets seen at an angle and pairs of
digits that touch are read, too, and with `--pictures` labelled pictures of one's own. Run the pipeline first, then
`python -m benchmarks photos [--images 50] [--pictures FOLDER]`
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from scipy import ndimage

from benchmarks.labelled import Pictures
from benchmarks.project import support
from benchmarks.record import Session, parser
from digits import paths
from digits.data.dataset import Dataset
from digits.model.classifier import load_classifier
from digits.pictures.file import load_picture
from digits.pictures.read import Reader, predict
from digits.pictures.ruled import EIGHT_NEIGHBOURS
from digits.results import working_copy

# The digits that were read in a picture, and whether the model was sure of each.
Read = list[tuple[int, bool]]

# Between the camera's direction and the one straight down, in degrees.
_ANGLES = (0, 15, 30, 45, 60)


def main(arguments: Sequence[str]) -> None:
    """Measure and write the record."""
    options = parser("photos", __doc__)
    options.add_argument("--images", type=int, default=50, help="photos of each kind, with a digit and without")
    options.add_argument("--pictures", type=Path, help="a folder of labelled pictures: labels.csv with file and truth")
    chosen = options.parse_args(arguments)
    session = Session("photos", arguments, chosen)
    count = 2 if chosen.quick else chosen.images
    images, one_hot = (np.asarray(array) for array in Dataset(paths.PROCESSED).arrays("validation"))
    labels = one_hot.argmax(axis=1)
    reader = Reader.of(load_classifier(paths.MODEL), working_copy())
    pictures = Pictures(chosen.pictures, reader.side) if chosen.pictures else None
    rows = []
    for kind in support("scenes").KINDS:
        rng = np.random.default_rng(0)
        rows_of_kind = rng.choice(len(images), count, replace=False)
        found = [(read(images[i], kind, rng, reader), int(labels[i])) for i in rows_of_kind]
        empty = sum(not read(None, kind, rng, reader) for _ in range(count))
        rows.append({"paper": kind, "photos": count, **_counts(found), "empty: no digit found": empty})
    angled = [_at_an_angle(count * 2, degrees, images, labels, reader) for degrees in _ANGLES]
    touching = [_touching(count * 4, images, labels, reader)]
    own = {"pictures": pictures.counts(reader)} if pictures else {}
    session.finish(photos=rows, angled=angled, touching=touching, **own)


def read(image: np.ndarray | None, kind: str, rng: np.random.Generator, reader: Reader) -> Read:
    """What is read in a photo of a digit, or of empty paper.

    Args:
        image: uint8 (28, 28); None for empty paper.
        kind: of paper and pen, one of `support.scenes.KINDS`.
        rng: draws tilt, light and noise.
        reader: a model.
    """
    return _read(support("scenes").photo(image, kind, rng), reader)


def _read(page: Image.Image, reader: Reader) -> Read:
    file = io.BytesIO()
    page.save(file, "JPEG", quality=85)
    readings = predict(load_picture(file.getvalue()), reader).readings
    return [(reading.digit, reading.sure) for reading in readings]


def _at_an_angle(count: int, degrees: int, images: np.ndarray, labels: np.ndarray, reader: Reader) -> dict[str, Any]:
    """How many sheets on a table are read rightly from an angle, and how many once they are straightened exactly."""
    scenes = support("scenes")
    rng = np.random.default_rng(0)
    seen: list[tuple[Read, int]] = []
    straight: list[tuple[Read, int]] = []
    for row in rng.choice(len(images), count, replace=False):
        photos = scenes.at_an_angle(scenes.photo(images[row], "table", rng), degrees, rng.uniform(0, 2 * np.pi))
        for found, photo in zip((seen, straight), photos, strict=True):
            found.append((_read(photo, reader), int(labels[row])))
    exact = {f"straightened exactly: {name}": number for name, number in _counts(straight).items()}
    return {"angle, degrees": degrees, "photos": count, **_counts(seen), **exact}


def _touching(count: int, images: np.ndarray, labels: np.ndarray, reader: Reader) -> dict[str, Any]:
    """How many pairs of digits that touch are read rightly.

    Args:
        count: of pairs that touch.
        images: uint8 (n, 28, 28).
        labels: int (n,).
        reader: a model.
    """
    drawings = support("drawings")
    rng = np.random.default_rng(0)
    found: list[tuple[Read, list[int]]] = []
    while len(found) < count:
        pair = rng.choice(len(images), 2, replace=False)
        ink = drawings.side_by_side(*map(drawings.enlarged, images[pair]), overlap=int(rng.integers(2, 14)))
        # Those that lie beside each other without a touch are left out.
        if ndimage.label(ink > 0.25, EIGHT_NEIGHBOURS)[1] == 1:
            page = Image.fromarray(np.uint8(255 * (1 - np.pad(ink, 40))))
            found.append((_read(page, reader), labels[pair].tolist()))
    right = [[digit for digit, _ in answer] == truth for answer, truth in found]
    return {
        "pairs that touch": count,
        "read rightly": sum(right),
        "taken for one digit": sum(len(answer) == 1 for answer, _ in found),
        "wrong, and sure of all": sum(
            bool(answer) and not good and all(sure for _, sure in answer)
            for good, (answer, _) in zip(right, found, strict=True)
        ),
    }


def _counts(found: Sequence[tuple[Read, int]]) -> dict[str, Any]:
    """How many answers are the label alone, and how many are something else of which the model is sure."""
    right = [[digit for digit, _ in answer] == [label] for answer, label in found]
    misled = [not good and any(sure for _, sure in answer) for good, (answer, _) in zip(right, found, strict=True)]
    return {"read rightly": sum(right), "wrong, and sure of it": sum(misled)}
