"""The expectations of section `validate`, run by Great Expectations over the frames of `digits.frame`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from digits.frame import class_frame, class_means, file_frame, image_frame, twins
from digits.params import Section, ValidateParams
from digits.raw import Split

if TYPE_CHECKING:
    from great_expectations.expectations import Expectation

# Fixed, so that the pages of the Data Docs keep their names. What varies from run to run is in MLflow.
_RUN_NAME, _RUN_TIME = "validate", datetime(2000, 1, 1, tzinfo=UTC)
_TWINS = {"hash": "twin", "twin": "training twin"}
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
    """A frame, the column that tells its rows apart, and what is expected of it."""

    name: str
    frame: pd.DataFrame
    key: str
    expectations: list[Expectation]


@dataclass(frozen=True)
class Check:
    """The outcome of one expectation.

    Attributes:
        table: what it was about: "train images", "test classes", …
        key: what `rows` number: "row", "class" or "split".
        expectation: in words.
        observed: the value; of values by row the first five unexpected ones or, if all are as expected, their range.
        allowed: in words.
        unexpected: number of rows that do not hold; None where the expectation is about the table as a whole.
        rows: the first of them: rows of the raw file, labels or names of splits.
        success: whether it holds.
    """

    table: str
    key: str
    expectation: str
    observed: str
    allowed: str
    unexpected: int | None
    rows: list[Any]
    success: bool


def describe(splits: dict[str, Split], params: ValidateParams) -> list[Table]:
    """Frames of the raw data with their expectations.

    Args:
        splits: `train` and `test`, with images of the same size.
        params: section `validate`.

    Returns:
        The tables "files"; "train images", "test images" (their frames are those of `image_frame`, and `twin`, the row
        of the first training image with the same pixels, for the test split); "train classes", "test classes".
    """
    gxe = _great_expectations().expectations
    means = class_means(splits["train"], len(params.class_shares))
    frames = {name: image_frame(split, name) for name, split in splits.items()}
    frames["test"]["twin"] = twins(frames["test"], frames["train"])
    leaks = gxe.ExpectColumnValuesToBeNull(column="twin", mostly=1 - params.max_leaks, meta={"name": "leaks"})
    tables = [Table("files", file_frame(splits, means), "split", _of_files(gxe, params))]
    for name, size in params.images.model_dump().items():
        expectations = _of_images(gxe, params, size) + ([leaks] if name == "test" else [])
        tables.append(Table(f"{name} images", frames[name], "row", expectations))
    for name, split in splits.items():
        frame = class_frame(split.labels, params.class_shares)
        tables.append(Table(f"{name} classes", frame, "class", _of_classes(gxe, params)))
    return tables


def run(tables: list[Table], docs: Path | None = None, first: int = 10) -> list[Check]:
    """Check every expectation of every table.

    Args:
        tables: of `describe`.
        docs: folder for Data Docs as GX writes them; None for none.
        first: how many unexpected rows to name.

    Returns:
        One check per expectation, in the tables' order.

    Raises:
        RuntimeError: an expectation could not be computed: a mistake of ours, not of the data.
    """
    gx = _great_expectations()
    context = _context(gx, docs)
    source = context.data_sources.add_pandas("raw")
    checks = []
    for table in tables:
        name = table.name.replace(" ", "-")
        suite = context.suites.add(gx.ExpectationSuite(name, expectations=table.expectations))
        batch = source.add_dataframe_asset(name).add_batch_definition_whole_dataframe("all")
        definition = context.validation_definitions.add(gx.ValidationDefinition(name=name, data=batch, suite=suite))
        result = definition.run(
            batch_parameters={"dataframe": table.frame},
            run_id=gx.core.run_identifier.RunIdentifier(_RUN_NAME, _RUN_TIME),
            # SUMMARY gives counts and the first rows; COMPLETE would list every pixel of an inverted data set.
            result_format={
                "result_format": "SUMMARY",
                "unexpected_index_column_names": [table.key],
                "partial_unexpected_count": first,
            },
        )
        found = {item.expectation_config.meta["name"]: _check(table, item) for item in result.results}
        # GX regroups results by column.
        checks += [found[expectation.meta["name"]] for expectation in table.expectations]
    if docs is not None:
        context.build_data_docs()
    return checks


def _of_files(gxe: Any, params: ValidateParams) -> list[Expectation]:
    side = [params.side, params.side]
    return [
        _between(gxe, "height", side, "image height"),
        _between(gxe, "width", side, "image width"),
        gxe.ExpectColumnValuesToBeInSet(column="pixel_type", value_set=["uint8"], meta={"name": "pixel type"}),
        gxe.ExpectColumnValuesToBeInSet(column="label_type", value_set=["uint8"], meta={"name": "label type"}),
        _between(gxe, "agreement", [params.min_agreement, 1], "labels fit images"),
    ]


def _of_images(gxe: Any, params: ValidateParams, size: int) -> list[Expectation]:
    labels = list(range(len(params.class_shares)))
    return [
        gxe.ExpectTableRowCountToEqual(value=size, meta={"name": "number of images"}),
        gxe.ExpectColumnValuesToBeInSet(column="label", value_set=labels, meta={"name": "label"}),
        gxe.ExpectColumnValuesToBeUnique(column="hash", mostly=1 - params.max_duplicates, meta={"name": "duplicates"}),
        *(_between(gxe, column, bounds, FEATURES[column]) for column, bounds in _bounds(params.each)),
        *(
            gxe.ExpectColumnMeanToBeBetween(
                column=column, min_value=low, max_value=high, meta={"name": f"average {FEATURES[column]}"}
            )
            for column, (low, high) in _bounds(params.average)
        ),
    ]


def _of_classes(gxe: Any, params: ValidateParams) -> list[Expectation]:
    tolerance = params.class_tolerance
    return [_between(gxe, "deviation", [-tolerance, tolerance], "class share, less the declared one")]


def _between(gxe: Any, column: str, bounds: Sequence[float], name: str) -> Expectation:
    low, high = bounds
    return gxe.ExpectColumnValuesToBeBetween(column=column, min_value=low, max_value=high, meta={"name": name})


def _bounds(section: Section) -> list[tuple[str, list[float]]]:
    return list(section.model_dump().items())


def _check(table: Table, item: Any) -> Check:
    """Translate GX's result of one expectation."""
    config, result = item.expectation_config, item.result
    if "observed_value" not in result and "unexpected_count" not in result:
        raise RuntimeError(f"{table.name}: {config.type} of {config.kwargs} was not computed: {item.exception_info}")
    index = result.get("partial_unexpected_index_list", [])
    return Check(
        table=table.name,
        key=table.key,
        expectation=config.meta["name"],
        observed=_observed(table.frame, config, result),
        allowed=_allowed(config.kwargs),
        unexpected=result.get("unexpected_count"),
        rows=[_plain(entry[table.key]) for entry in index],
        success=bool(item.success),
    )


def _observed(frame: pd.DataFrame, config: Any, result: dict[str, Any]) -> str:
    if "observed_value" in result:
        return _short(result["observed_value"])
    if config.kwargs["column"] in _TWINS:
        # A hash says nothing to a person; how many there are does.
        return f"{result['unexpected_count'] or 'none'} with a {_TWINS[config.kwargs['column']]}"
    if unexpected := result["partial_unexpected_list"]:
        return ", ".join(dict.fromkeys(map(_short, unexpected[:5])))
    values = frame[config.kwargs["column"]].dropna()
    return _range(_plain(values.min()), _plain(values.max())) if len(values) else "no values"


def _allowed(kwargs: dict[str, Any]) -> str:
    if "value" in kwargs:
        return f"{kwargs['value']:,}"
    if "value_set" in kwargs:
        values = kwargs["value_set"]
        return _range(values[0], values[-1]) if isinstance(values[0], int) else ", ".join(values)
    if "min_value" in kwargs:
        return _range(kwargs["min_value"], kwargs["max_value"])
    share = 1 - kwargs.get("mostly", 1)
    return f"{f'at most {share:.3%}' if share else 'none'} with a {_TWINS[kwargs['column']]}"


def _range(low: Any, high: Any) -> str:
    return _short(low) if low == high else f"{_short(low)} … {_short(high)}"


def _short(value: Any) -> str:
    return f"{value:,.4g}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)[:8]


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _great_expectations() -> Any:
    """Import GX (3.5 s) without its usage statistics, which are sent from a thread that starts with the import."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    import great_expectations as gx
    import great_expectations.expectations

    return gx


def _context(gx: Any, docs: Path | None) -> Any:
    """A context in memory: no files but the Data Docs, no progress bars, no usage statistics."""
    from great_expectations.data_context.types.base import (
        DataContextConfig,
        InMemoryStoreBackendDefaults,
        ProgressBarsConfig,
    )

    site = {
        "class_name": "SiteBuilder",
        "show_how_to_buttons": False,
        "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
        "store_backend": {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(docs and docs.resolve())},
    }
    config = DataContextConfig(
        store_backend_defaults=InMemoryStoreBackendDefaults(init_temp_docs_sites=False),
        data_docs_sites={"digits": site} if docs else {},
        progress_bars=ProgressBarsConfig(globally=False),
        analytics_enabled=False,
    )
    return gx.get_context(mode="ephemeral", project_config=config)
