"""What is expected of the raw data: the tables of its features, and their expectations from section `validate`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from digits.data.raw import Split
from digits.params import Section, ValidateParams
from digits.surroundings import shield
from digits.validation.features import (
    agreement,
    class_frame,
    class_means,
    file_frame,
    image_digests,
    image_frame,
    twins,
)

if TYPE_CHECKING:
    from great_expectations.expectations import Expectation

# Columns of `image_frame`, and what a report calls them.
FEATURES = {
    "min": "darkest pixel",
    "max": "brightest pixel",
    "mean": "mean ink",
    "area": "ink area",
    "x": "centre of mass x",
    "y": "centre of mass y",
    "width": "width of the ink",
    "height": "height of the ink",
}


class Table(NamedTuple):
    """A frame and what is expected of it. `key` is the column that identifies a row."""

    name: str
    frame: pd.DataFrame
    key: str
    expectations: list[Expectation]


def build_tables(splits: dict[str, Split], params: ValidateParams) -> list[Table]:
    """Describe the raw data in tables, with the expectations of each.

    Args:
        splits: `train` and `test`, with images of the same size.
        params: section `validate`.

    Returns:
        The tables "files", "train images", "test images", "train classes" and "test classes". The frames of images are
        those of `image_frame`. That of the test images also has the column `twin`: the row of the first training image
        with the same pixels.
    """
    gxe = great_expectations().expectations
    means = class_means(splits["train"], len(params.class_shares))
    digests = {name: image_digests(split.images) for name, split in splits.items()}
    frames = {name: image_frame(split, digests[name]) for name, split in splits.items()}
    frames["test"]["twin"] = twins(digests["test"], digests["train"])
    tables = [files_table(splits, {name: agreement(split, means) for name, split in splits.items()}, params)]
    for name in splits:
        count, duplicates, *leaks = _of_a_set(gxe, name, params)
        label, *each = _of_every_image(gxe, params)
        averages = _of_averages(gxe, _bounds(params.average))
        tables.append(
            Table(f"{name} images", frames[name], "row", [count, label, duplicates, *each, *averages, *leaks])
        )
    return [*tables, *(classes_table(name, split, params) for name, split in splits.items())]


def files_table(splits: dict[str, Split], agreements: dict[str, float], params: ValidateParams) -> Table:
    """The table "files".

    Args:
        splits: `train` and `test`.
        agreements: of each, from `digits.validation.features.agreement`.
        params: section `validate`.
    """
    return Table("files", file_frame(splits, agreements), "split", _of_files(great_expectations().expectations, params))


def classes_table(name: str, split: Split, params: ValidateParams) -> Table:
    """The table of the classes of a split."""
    frame = class_frame(split.labels, params.class_shares)
    return Table(f"{name} classes", frame, "class", _of_classes(great_expectations().expectations, params))


def every_image(name: str, frame: pd.DataFrame, params: ValidateParams) -> Table:
    """What is expected of every single image of a split, for some of them: rows of `image_frame`."""
    return Table(f"{name} images", frame, "row", _of_every_image(great_expectations().expectations, params))


def whole_split(name: str, alike: pd.DataFrame, averages: pd.DataFrame, params: ValidateParams) -> list[Table]:
    """What is expected of a split as a whole, in two tables.

    Args:
        name: of the split.
        alike: one row an image: `row`, `first`, and for the test images `twin`, as in `build_tables`.
        averages: one row, the means of the columns of `FEATURES`.
        params: section `validate`.
    """
    gxe = great_expectations().expectations
    return [
        Table(f"{name} images", alike, "row", _of_a_set(gxe, name, params)),
        Table(f"{name} images, averages", averages, "row", _of_averages(gxe, _bounds(params.average))),
    ]


def single_images(split: Split, params: ValidateParams) -> Table:
    """Describe images in a table, with the expectations that hold for every single one.

    Args:
        split: images and labels.
        params: section `validate`.
    """
    gxe = great_expectations().expectations
    return Table("images", image_frame(split, image_digests(split.images)), "row", _of_each(gxe, params))


def served_tables(features: pd.DataFrame, digits: np.ndarray, spread: pd.Series, params: ValidateParams) -> list[Table]:
    """What is expected of images that a model served, as far as it can be expected of so many.

    The bounds of each image hold for any number. Those of a mean or of a class's share are made for a whole data set:
    they are expected where three standard errors of this many images fit within them.

    Args:
        features: the columns of `FEATURES`, one row an image.
        digits: int (n,), the classes that were read.
        spread: standard deviation of each feature, in images that are as they should be.
        params: section `validate`.

    Returns:
        The tables "served images" and, where there are enough images, "served classes".
    """
    gxe = great_expectations().expectations
    errors = spread / np.sqrt(len(features))
    averages = [(name, ends) for name, ends in _bounds(params.average) if 6 * errors[name] <= ends[1] - ends[0]]
    expectations = [*_of_each(gxe, params), *_of_averages(gxe, averages)]
    tables = [Table("served images", features.rename_axis("row").reset_index(), "row", expectations)]
    shares = np.array(params.class_shares)
    if (3 * np.sqrt(shares * (1 - shares) / len(digits)) <= params.class_tolerance).all():
        frame = class_frame(digits, params.class_shares)
        tables.append(Table("served classes", frame, "class", _of_classes(gxe, params)))
    return tables


def great_expectations() -> Any:
    """Import Great Expectations, which takes 3.5 s, without its usage statistics.

    The import starts a thread that would send them.
    """
    shield("GX_.*", "(?!)", {"GX_ANALYTICS_ENABLED": "false"}, {})
    import great_expectations as gx
    import great_expectations.expectations

    return gx


def _of_files(gxe: Any, params: ValidateParams) -> list[Expectation]:
    side = [params.side, params.side]
    return [
        _between(gxe, "height", side, "image height"),
        _between(gxe, "width", side, "image width"),
        gxe.ExpectColumnValuesToBeInSet(column="pixel_type", value_set=["uint8"], meta={"name": "pixel type"}),
        gxe.ExpectColumnValuesToBeInSet(column="label_type", value_set=["uint8"], meta={"name": "label type"}),
        _between(gxe, "agreement", [params.min_agreement, 1], "labels fit images"),
    ]


def _of_a_set(gxe: Any, name: str, params: ValidateParams) -> list[Expectation]:
    size = params.images.model_dump()[name]
    unique, null = gxe.ExpectColumnValuesToBeUnique, gxe.ExpectColumnValuesToBeNull
    found = [
        gxe.ExpectTableRowCountToEqual(value=size, meta={"name": "number of images"}),
        unique(column="first", mostly=1 - params.max_duplicates, meta={"name": "duplicates"}),
    ]
    if name == "test":
        found.append(null(column="twin", mostly=1 - params.max_leaks, meta={"name": "leaks"}))
    return found


def _of_every_image(gxe: Any, params: ValidateParams) -> list[Expectation]:
    labels = list(range(len(params.class_shares)))
    label = gxe.ExpectColumnValuesToBeInSet(column="label", value_set=labels, meta={"name": "label"})
    return [label, *_of_each(gxe, params)]


def _of_each(gxe: Any, params: ValidateParams) -> list[Expectation]:
    return [_between(gxe, column, bounds, FEATURES[column]) for column, bounds in _bounds(params.each)]


def _of_averages(gxe: Any, bounds: list[tuple[str, list[float]]]) -> list[Expectation]:
    return [
        gxe.ExpectColumnMeanToBeBetween(
            column=column, min_value=low, max_value=high, meta={"name": f"average {FEATURES[column]}"}
        )
        for column, (low, high) in bounds
    ]


def _of_classes(gxe: Any, params: ValidateParams) -> list[Expectation]:
    tolerance = params.class_tolerance
    return [_between(gxe, "deviation", [-tolerance, tolerance], "class share, less the declared one")]


def _between(gxe: Any, column: str, bounds: Sequence[float], name: str) -> Expectation:
    low, high = bounds
    return gxe.ExpectColumnValuesToBeBetween(column=column, min_value=low, max_value=high, meta={"name": name})


def _bounds(section: Section) -> list[tuple[str, list[float]]]:
    return list(section.model_dump().items())
