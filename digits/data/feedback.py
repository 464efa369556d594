"""The data set of what people said of images that were served: four IDX files, and a table with who said it and when.

An image belongs to one side for good, by the hash of its pixels: an image that was tested on is never trained on,
whatever is collected later.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from digits.data.idx import format_idx
from digits.data.raw import FILES, read_raw
from digits.errors import DigitsError
from digits.files import atomic_path

TABLE = "images.csv"
# One row an image: its side and place there, the SHA-256 of its pixels, its label, who gave it and when; and of the
# answer that it got: its row in the log, the model, the class and the probability.
COLUMNS = ("split", "row", "sha256", "label", "who", "labelled", "id", "model_sha256", "read", "probability")
# One image of so many is for testing.
_TESTED = 3


@dataclass(frozen=True, eq=False)
class Feedback:
    """Labelled images.

    Attributes:
        images: uint8 (n, side, side).
        table: n rows, in the same order, with the columns from `sha256` on of `COLUMNS`.
    """

    images: np.ndarray
    table: pd.DataFrame

    def __len__(self) -> int:
        return len(self.table)

    def counts(self) -> dict[str, int]:
        """How many images are for training, and how many for testing."""
        sides = [side_of(sha256) for sha256 in self.table["sha256"]]
        return {split: sides.count(split) for split in FILES}


def side_of(sha256: str) -> str:
    """The side of an image, `train` or `test`, by the SHA-256 of its pixels."""
    return "test" if int(sha256, 16) % _TESTED == 0 else "train"


def pixels_sha256(image: np.ndarray) -> str:
    """SHA-256 of an image's pixels, row by row."""
    return hashlib.sha256(np.ascontiguousarray(image).data).hexdigest()


def read_feedback(folder: Path, side: int) -> Feedback:
    """What was collected before; empty where nothing was.

    Args:
        folder: of the data set.
        side: of the images, in pixels; those of an empty set have it.

    Raises:
        DigitsError: a file is missing or damaged, or the images have another size.
    """
    if not folder.exists():
        return Feedback(np.zeros((0, side, side), np.uint8), pd.DataFrame(columns=COLUMNS[2:]))
    way_out = f"`dvc checkout {folder}.dvc` brings back what was collected last"
    try:
        splits = read_raw(folder, may_be_empty=True)
        table = pd.read_csv(folder / TABLE, keep_default_na=False)
        if list(table.columns) != list(COLUMNS) or len(table) != sum(len(one.labels) for one in splits.values()):
            raise DigitsError(f"{folder / TABLE} does not describe the images beside it")
    except (ValueError, OSError) as error:
        raise DigitsError(f"{folder / TABLE}: {str(error).splitlines()[0]}; {way_out}") from None
    except DigitsError as error:
        raise DigitsError(f"{error}; {way_out}") from None
    images = np.concatenate([np.asarray(one.images) for one in splits.values()])
    if len(images) and images.shape[1] != side:
        raise DigitsError(f"{folder} has images of {images.shape[1]} pixels, the raw data of {side}: collect elsewhere")
    return Feedback(images, table[list(COLUMNS[2:])])


def write_feedback(folder: Path, feedback: Feedback) -> None:
    """Write the data set, complete or not at all. The same images in any order give the same bytes."""
    table = feedback.table.assign(split=[side_of(sha256) for sha256 in feedback.table["sha256"]])
    table["image"] = np.arange(len(table))
    table = table.sort_values(["split", "sha256"], ascending=[False, True], ignore_index=True)
    table["row"] = table.groupby("split").cumcount()
    with atomic_path(folder) as part:
        part.mkdir()
        for split, (images_name, labels_name) in FILES.items():
            rows = table[table["split"] == split]
            images = feedback.images[rows["image"].to_numpy(np.int64)]
            (part / images_name).write_bytes(format_idx(images))
            (part / labels_name).write_bytes(format_idx(rows["label"].to_numpy(np.uint8)))
        table[list(COLUMNS)].to_csv(part / TABLE, index=False)
