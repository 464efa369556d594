"""What changed between two raw data sets: images added, removed, relabelled, and changed in their place.

Two images with the same pixels are the same image, wherever they stand in their file. An image of other pixels counts
as changed if it has the same label and stands in the same place: after the same neighbour.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from digits.arrays import Rows, chunks
from digits.data.raw import Split

ADDED, REMOVED, RELABELLED, CHANGED = "added", "removed", "relabelled", "changed"
KINDS = (ADDED, REMOVED, RELABELLED, CHANGED)
# There is no such row or label.
NONE = -1
# What has to agree for two images to be the same one. Of equal images, those that agree in most are taken first.
_SAME = (["hash", "row"], ["hash", "label"], ["hash"])


@dataclass(frozen=True, eq=False)
class Changes:
    """What changed.

    Attributes:
        images: one row an image that is not the same with the same label in both. Columns: split, kind, before_row,
            after_row, before_label, after_label (`NONE` where it is not there) and elsewhere, the row of an image with
            the same pixels that the other split lost or gained.
        classes: one row a split and class. Columns: before, after (numbers of images), added, removed, relabelled_away,
            relabelled_here, changed.
        reordered: the splits in which the images that are in both stand in another order.
    """

    images: pd.DataFrame
    classes: pd.DataFrame
    reordered: list[str]

    def of_kind(self, kind: str) -> pd.DataFrame:
        """The images of a kind."""
        return self.images[self.images["kind"] == kind]

    @property
    def crossed(self) -> pd.DataFrame:
        """The images that a split gained and the other lost."""
        return self.images[(self.images["kind"] == ADDED) & (self.images["elsewhere"] != NONE)]

    def as_dict(self) -> dict[str, Any]:
        """All of it, ready for JSON."""
        images = self.images.astype(object).where(self.images != NONE, None)
        return {
            "images": {kind: int((self.images["kind"] == kind).sum()) for kind in KINDS},
            "classes": self.classes.reset_index().to_dict("records"),
            "reordered": self.reordered,
            "changes": images.to_dict("records"),
        }


def compare_raw(before: Mapping[str, Split], after: Mapping[str, Split]) -> Changes:
    """Compare two data sets, split by split.

    Memory holds a hash and a few numbers for each image, and some images at a time.

    Args:
        before: split → images and labels.
        after: the same splits.
    """
    images, classes, reordered = {}, {}, []
    for split in before:
        old, new = _described(before[split]), _described(after[split])
        same = _same(old, new)
        left, right = old.drop(same["before_row"]), new.drop(same["after_row"])
        changed = _in_place(left, right, same)
        images[split] = pd.concat(
            [
                _rows(RELABELLED, same[same["before_label"] != same["after_label"]]),
                _rows(CHANGED, changed),
                _rows(REMOVED, _one_sided(left.drop(changed["before_row"]), "before")),
                _rows(ADDED, _one_sided(right.drop(changed["after_row"]), "after")),
            ]
        )
        classes[split] = _by_class(old, new, images[split])
        if not same.sort_values("before_row")["after_row"].is_monotonic_increasing:
            reordered.append(split)
    every = pd.concat(images, names=["split"]).reset_index("split").reset_index(drop=True)
    every["elsewhere"] = _elsewhere(every)
    return Changes(every.drop(columns="hash"), pd.concat(classes, names=["split", "label"]), reordered)


def _described(split: Split) -> pd.DataFrame:
    """Row, label and hash of each image; the index is the row as well."""
    return pd.DataFrame({"row": np.arange(len(split.labels)), "label": split.labels, "hash": _hashes(split.images)})


def _hashes(images: Rows) -> list[bytes]:
    """128 bits of each image, over its bytes."""
    return [
        hashlib.blake2b(np.ascontiguousarray(image).data, digest_size=16).digest()
        for _, part in chunks(images)
        for image in part
    ]


def _same(before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    """The images that are in both: each at most once."""
    pairs = []
    for keys in _SAME:
        # Of equal images, the first belongs to the first.
        left, right = (side.assign(nth=side.groupby(keys).cumcount()) for side in (before, after))
        found = _paired(left, right, [*keys, "nth"])
        before, after = before.drop(found["before_row"]), after.drop(found["after_row"])
        pairs.append(found)
    return pd.concat(pairs, ignore_index=True)


def _in_place(before: pd.DataFrame, after: pd.DataFrame, same: pd.DataFrame) -> pd.DataFrame:
    """The images of the same label that took the place of another."""
    known = same.sort_values("before_row")
    neighbour = np.searchsorted(known["before_row"], before["row"]) - 1
    shifts = np.concatenate([known["after_row"] - known["before_row"], [0]])
    # Before the first image that is in both, rows count from the start.
    place = before["row"] + shifts[np.where(neighbour < 0, len(known), neighbour)]
    return _paired(before.assign(row=place).drop_duplicates("row"), after, ["row", "label"])


def _paired(before: pd.DataFrame, after: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Rows and labels of what agrees in the keys. The index of each side says the rows."""
    left = before[keys].assign(before_row=before.index, before_label=before["label"])
    right = after[keys].assign(after_row=after.index, after_label=after["label"])
    return left.merge(right, on=keys).drop(columns=keys)


def _one_sided(left: pd.DataFrame, side: str) -> pd.DataFrame:
    return left.rename(columns={name: f"{side}_{name}" for name in ("row", "label")})


def _rows(kind: str, found: pd.DataFrame) -> pd.DataFrame:
    numbers = ["before_row", "after_row", "before_label", "after_label"]
    rows = found.assign(kind=kind).reindex(columns=["kind", *numbers, "hash"])
    return rows.fillna(dict.fromkeys(numbers, NONE)).astype(dict.fromkeys(numbers, np.int64)).sort_values(numbers[:2])


def _by_class(before: pd.DataFrame, after: pd.DataFrame, found: pd.DataFrame) -> pd.DataFrame:
    """The numbers of a split, one row a class that has an image before or after."""

    def count(kind: str, side: str) -> pd.Series:
        return found.loc[found["kind"] == kind, f"{side}_label"].value_counts()

    columns = {
        "before": before["label"].value_counts(),
        "after": after["label"].value_counts(),
        ADDED: count(ADDED, "after"),
        REMOVED: count(REMOVED, "before"),
        "relabelled_away": count(RELABELLED, "before"),
        "relabelled_here": count(RELABELLED, "after"),
        CHANGED: count(CHANGED, "before"),
    }
    return pd.DataFrame(columns).fillna(0).astype(np.int64).sort_index()


def _elsewhere(images: pd.DataFrame) -> pd.Series:
    """For an image that was added or removed: the row of the same pixels where the other split lost or gained them."""
    found = pd.Series(NONE, index=images.index)
    for kind, other, row in ((ADDED, REMOVED, "before_row"), (REMOVED, ADDED, "after_row")):
        # Within a split, the same pixels on both sides are neither.
        rows = images[images["kind"] == other].drop_duplicates("hash").set_index("hash")[row]
        mine = images["kind"] == kind
        found[mine] = images.loc[mine, "hash"].map(rows).fillna(NONE).astype(np.int64)
    return found
