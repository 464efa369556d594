"""The expectations of stage validate for data too large for one process: the same verdict, found in shards.

What is expected of every single image is checked in each shard. What is expected of a data set as a whole is checked
once, on sums over the shards and on a table of 20 bytes an image, which shows images that are alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from digits.data.raw import Split, read_raw
from digits.params import ValidateParams
from digits.validation.expectations import FEATURES, classes_table, every_image, files_table, whole_split
from digits.validation.features import (
    agreement,
    class_sums,
    first_alike,
    image_digests,
    image_frame,
    means_of,
    twins,
)
from digits.validation.run import Check, Finding, check_of, find, merged
from digits.workers.pool import run_all

# A multiple of the images that `agreement` takes at once, so that its sums are those of the whole.
_IMAGES = 100_000


class Part(NamedTuple):
    """Some images of a split. `means` are of the classes, for the second walk; None in the first one."""

    raw: str
    split: str
    start: int
    stop: int
    params: ValidateParams
    means: np.ndarray | None = None

    def __str__(self) -> str:
        return f"{self.split} images {self.start:,} to {self.stop - 1:,}"

    def images(self) -> Split:
        """The images and their labels. The images stay in their file."""
        whole = read_raw(self.raw)[self.split]
        return Split(whole.images[self.start : self.stop], whole.labels[self.start : self.stop])


class Described(NamedTuple):
    """What is known of a part.

    Attributes:
        part: which one.
        findings: what is expected of every image.
        digests: of the images, uint64 (n, 2).
        sums: of the images of each class, and their number, see `class_sums`.
        totals: the sum of each feature, float64 (features,), and the number of images that have it.
    """

    part: Part
    findings: list[Finding]
    digests: np.ndarray
    sums: tuple[np.ndarray, np.ndarray]
    totals: tuple[np.ndarray, np.ndarray]


def validate_raw(
    raw: Path,
    params: ValidateParams,
    docs: Path | None,
    workers: int,
    address: str = "",
    progress: Callable[[Iterator[int], int], Iterator[int]] = lambda done, total: done,
) -> list[Check]:
    """Check raw data in shards.

    Args:
        raw: folder of the four files. On a cluster all nodes see it under the same path.
        params: section `validate`.
        docs: folder for the Data Docs of Great Expectations about the whole; None writes none.
        workers: processes of this machine; 0 for as many as it has processors.
        address: of a Ray cluster, whose nodes take their place.
        progress: shows how many images are done; each is walked through twice.

    Returns:
        The checks that stage validate makes, in its order.

    Raises:
        DigitsError: as `read_raw` and `digits.workers.pool.run_all`.
    """
    splits = read_raw(raw)
    parts = [
        Part(str(raw.absolute()), name, start, min(start + _IMAGES, len(split.images)), params)
        for name, split in splits.items()
        for start in range(0, len(split.images), _IMAGES)
    ]
    total = 2 * sum(len(split.images) for split in splits.values())
    described: list[Described] = []
    right = dict.fromkeys(splits, 0)

    def walk() -> Iterator[int]:
        for one in run_all(describe, parts, workers, address):
            described.append(one)
            yield one.part.stop - one.part.start
        described.sort(key=lambda one: parts.index(one.part))
        own = [one for one in described if one.part.split == "train"]
        means = means_of(*(np.sum([one.sums[at] for one in own], axis=0) for at in (0, 1)))
        for part, count in run_all(agreeing, [part._replace(means=means) for part in parts], workers, address):
            right[part.split] += count
            yield part.stop - part.start

    for _ in progress(walk(), total):
        pass
    agreements = {name: right[name] / len(split.images) for name, split in splits.items()}
    return _checks(splits, described, agreements, params, docs)


def describe(part: Part) -> Described:
    """The first walk: describe the images of a part, and check what is expected of every one."""
    split = part.images()
    digests = image_digests(split.images)
    frame = image_frame(split, digests)
    frame["row"] = frame["row"] + part.start
    columns = frame[list(FEATURES)].astype(np.float64)
    return Described(
        part,
        find([every_image(part.split, frame, part.params)]),
        digests,
        class_sums(split, len(part.params.class_shares)),
        (columns.sum().to_numpy(), columns.count().to_numpy()),
    )


def agreeing(part: Part) -> tuple[Part, int]:
    """The second walk: how many images of a part are nearest to the mean image of their own class."""
    assert part.means is not None
    return part._replace(means=None), round(agreement(part.images(), part.means) * (part.stop - part.start))


def _checks(
    splits: dict[str, Split],
    described: Sequence[Described],
    agreements: dict[str, float],
    params: ValidateParams,
    docs: Path | None,
) -> list[Check]:
    """All checks, in the order of `build_tables`."""
    digests = {name: np.concatenate([one.digests for one in described if one.part.split == name]) for name in splits}
    tables = [files_table(splits, agreements, params)]
    for name in splits:
        own = [one for one in described if one.part.split == name]
        alike = pd.DataFrame({"row": np.arange(len(digests[name])), "first": first_alike(digests[name])})
        if name == "test":
            alike["twin"] = twins(digests["test"], digests["train"])
        sums, counts = (np.sum([one.totals[at] for one in own], axis=0) for at in (0, 1))
        with np.errstate(invalid="ignore"):
            averages = pd.DataFrame([sums / counts], columns=list(FEATURES)).assign(row=0)
        tables += whole_split(name, alike, averages, params)
    tables += [classes_table(name, split, params) for name, split in splits.items()]
    whole = find(tables, docs)
    found: list[Finding] = [one for one in whole if one.table == "files"]
    for name in splits:
        own = [one for one in described if one.part.split == name]
        count, duplicates, *leaks = (one for one in whole if one.table == f"{name} images")
        label, *each = (merged(findings) for findings in zip(*(one.findings for one in own), strict=True))
        means = [replace(one, table=f"{name} images") for one in whole if one.table == f"{name} images, averages"]
        found += [count, label, duplicates, *each, *means, *leaks]
    found += [one for one in whole if one.table.endswith("classes")]
    return [check_of(one) for one in found]
