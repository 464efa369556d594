"""Further data sets beside the raw one: folders of data/feedback, each with the four files of a raw data set.

Their training images are trained on as well. Their test images are a test of their own, beside that of the raw data.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from digits.data.raw import Split, read_raw
from digits.data.split import Part
from digits.errors import DigitsError


def read_extra(folders: Sequence[str], side: int, classes: int) -> list[dict[str, Split]]:
    """Read data sets whose images are as the model takes them. A split may be empty.

    Args:
        folders: of the data sets, as `preprocess.extra` names them.
        side: of the raw data's images, in pixels.
        classes: number of classes.

    Returns:
        Of each, the splits `train` and `test`.

    Raises:
        DigitsError: a file is missing or damaged, or holds images of another size or labels without a name.
    """
    found = []
    for folder in folders:
        try:
            splits = read_raw(folder, may_be_empty=True)
        except DigitsError as error:
            raise DigitsError(f"preprocess.extra names {folder}: {error}") from None
        for split in splits.values():
            if len(split.images) and split.images.shape[1] != side:
                raise DigitsError(
                    f"preprocess.extra names {folder}: its images are {split.images.shape[1]} pixels wide, those of "
                    f"the raw data {side}: leave it out, or scale it"
                )
            if len(split.labels) and split.labels.max() >= classes:
                raise DigitsError(
                    f"preprocess.extra names {folder}: it has label {split.labels.max()}, but preprocess.class_names "
                    f"has {classes} names"
                )
        found.append(splits)
    return found


def parts_of(sets: Sequence[dict[str, Split]], split: str, times: int = 1) -> list[Part]:
    """All images of one split of some data sets, the whole of it several times over."""
    return [Part(one[split], np.arange(len(one[split].labels))) for _ in range(times) for one in sets]
