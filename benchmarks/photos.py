"""How many generated photos of handwriting `digits predict` reads rightly, by kind of paper and pen.

The digits are validation images. `tests/support/scenes.py` makes the photos. Run the pipeline first, then
`python -m benchmarks photos [--images 50]`
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.project import support
from benchmarks.record import Session, parser
from digits import paths
from digits.data.dataset import Dataset
from digits.model.classifier import load_classifier
from digits.pictures.file import load_picture
from digits.pictures.read import Reader, predict
from digits.results import working_copy

# The digits that were read in a picture, and whether the model was sure of each.
Read = list[tuple[int, bool]]


def main(arguments: Sequence[str]) -> None:
    """Measure and write the record."""
    options = parser("photos", __doc__)
    options.add_argument("--images", type=int, default=50, help="photos of each kind, with a digit and without")
    chosen = options.parse_args(arguments)
    session = Session("photos", arguments, chosen)
    count = 2 if chosen.quick else chosen.images
    images, labels = Dataset(paths.PROCESSED).arrays("validation")
    reader = Reader.of(load_classifier(paths.MODEL), working_copy())
    rows = []
    for kind in support("scenes").KINDS:
        rng = np.random.default_rng(0)
        rows_of_kind = rng.choice(len(images), count, replace=False)
        found = [(read(images[i], kind, rng, reader), int(labels[i].argmax())) for i in rows_of_kind]
        empty = sum(not read(None, kind, rng, reader) for _ in range(count))
        rows.append({"paper": kind, "photos": count, **_counts(found), "empty: no digit found": empty})
    session.finish(photos=rows)


def read(image: np.ndarray | None, kind: str, rng: np.random.Generator, reader: Reader) -> Read:
    """What is read in a photo of a digit, or of empty paper.

    Args:
        image: uint8 (28, 28); None for empty paper.
        kind: of paper and pen, one of `support.scenes.KINDS`.
        rng: draws tilt, light and noise.
        reader: a model.
    """
    file = io.BytesIO()
    support("scenes").photo(image, kind, rng).save(file, "JPEG", quality=85)
    readings = predict(load_picture(file.getvalue()), reader).readings
    return [(reading.digit, reading.sure) for reading in readings]


def _counts(found: Sequence[tuple[Read, int]]) -> dict[str, Any]:
    """How many answers are the label alone, and how many are something else of which the model is sure."""
    right = [[digit for digit, _ in answer] == [label] for answer, label in found]
    misled = [not good and any(sure for _, sure in answer) for good, (answer, _) in zip(right, found, strict=True)]
    return {"read rightly": sum(right), "wrong, and sure of it": sum(misled)}
