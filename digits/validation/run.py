"""Checking the expectations with Great Expectations, and the outcome of each in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from digits.program import progress
from digits.validation.expectations import Table, great_expectations

# Constant, so that the pages of the Data Docs keep their names. MLflow records what varies from run to run.
_RUN_NAME, _RUN_TIME = "validate", datetime(2000, 1, 1, tzinfo=UTC)
# Columns that say which other image is the same, and what a report calls such an image.
_TWINS = {"first": "twin", "twin": "training twin"}


@dataclass(frozen=True)
class Check:
    """The outcome of one expectation.

    Attributes:
        table: name of the table: "train images", "test classes", …
        key: the column that `rows` holds values of: "row", "class" or "split".
        expectation: what is expected, in words.
        observed: the value that was found. For an expectation of each row: the first five unexpected values, or the
            range of all values if none is unexpected.
        allowed: the values that are expected, in words.
        unexpected: number of unexpected rows; None for an expectation of the table as a whole.
        rows: the first unexpected rows: rows of the raw file, labels or names of splits.
        success: whether the expectation holds.
    """

    table: str
    key: str
    expectation: str
    observed: str
    allowed: str
    unexpected: int | None
    rows: list[Any]
    success: bool


@dataclass(frozen=True)
class Finding:
    """What Great Expectations found of one expectation, before it is put into words.

    Attributes:
        table: as in `Check`.
        key: as in `Check`.
        name: the expectation in words.
        kwargs: of the expectation: the column and what is allowed.
        observed: of the table as a whole; None for an expectation of each row.
        unexpected: as in `Check`.
        values: the first unexpected values.
        rows: the first unexpected rows.
        low: the lowest value of the column; None for an expectation of the table, and where there are no values.
        high: the highest one.
        success: whether the expectation holds.
    """

    table: str
    key: str
    name: str
    kwargs: dict[str, Any]
    observed: Any
    unexpected: int | None
    values: list[Any]
    rows: list[Any]
    low: Any
    high: Any
    success: bool


def run_expectations(tables: list[Table], docs: Path | None = None, first: int = 10) -> list[Check]:
    """Check every expectation of every table.

    Args:
        tables: from `build_tables`.
        docs: folder for the Data Docs of Great Expectations; None writes none.
        first: how many unexpected rows to name.

    Returns:
        One check an expectation, in the order of the tables.

    Raises:
        RuntimeError: an expectation could not be computed, which is a bug of ours and no fault of the data.
    """
    return [check_of(finding) for finding in find(tables, docs, first)]


def find(tables: list[Table], docs: Path | None = None, first: int = 10) -> list[Finding]:
    """As `run_expectations`, but not in words yet."""
    gx = great_expectations()
    context = _context(gx, docs)
    source = context.data_sources.add_pandas("raw")
    findings = []
    for table in progress(tables, "expectations"):
        name = table.name.replace(" ", "-")
        suite = context.suites.add(gx.ExpectationSuite(name, expectations=table.expectations))
        batch = source.add_dataframe_asset(name).add_batch_definition_whole_dataframe("all")
        definition = context.validation_definitions.add(gx.ValidationDefinition(name=name, data=batch, suite=suite))
        result = definition.run(
            batch_parameters={"dataframe": table.frame},
            run_id=gx.core.run_identifier.RunIdentifier(_RUN_NAME, _RUN_TIME),
            # SUMMARY gives counts and the first rows. COMPLETE would list each image of an inverted data set.
            result_format={
                "result_format": "SUMMARY",
                "unexpected_index_column_names": [table.key],
                "partial_unexpected_count": first,
            },
        )
        found = {item.expectation_config.meta["name"]: _finding(table, item) for item in result.results}
        # Great Expectations groups its results by column.
        findings += [found[expectation.meta["name"]] for expectation in table.expectations]
    if docs is not None:
        context.build_data_docs()
    return findings


def merged(findings: Sequence[Finding], first: int = 10) -> Finding:
    """What would have been found of one expectation of each row, had its table not come in parts.

    Args:
        findings: of the parts, in order.
        first: as for `run_expectations`.
    """
    lows = [one.low for one in findings if one.low is not None]
    highs = [one.high for one in findings if one.high is not None]
    return replace(
        findings[0],
        unexpected=sum(one.unexpected or 0 for one in findings),
        values=[value for one in findings for value in one.values][:first],
        rows=[row for one in findings for row in one.rows][:first],
        low=min(lows, default=None),
        high=max(highs, default=None),
        success=all(one.success for one in findings),
    )


def check_of(finding: Finding) -> Check:
    """A finding in words."""
    return Check(
        table=finding.table,
        key=finding.key,
        expectation=finding.name,
        observed=_observed(finding),
        allowed=_allowed(finding.kwargs),
        unexpected=finding.unexpected,
        rows=finding.rows,
        success=finding.success,
    )


def _context(gx: Any, docs: Path | None) -> Any:
    """A context in memory, without progress bars and usage statistics. The Data Docs are its only files."""
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


def _finding(table: Table, item: Any) -> Finding:
    """Translate one result of Great Expectations."""
    config, result = item.expectation_config, item.result
    if "observed_value" not in result and "unexpected_count" not in result:
        raise RuntimeError(f"{table.name}: {config.type} of {config.kwargs} was not computed: {item.exception_info}")
    index = result.get("partial_unexpected_index_list", [])
    of_rows = "observed_value" not in result
    values = table.frame[config.kwargs["column"]].dropna() if of_rows else table.frame.iloc[:0, 0]
    return Finding(
        table=table.name,
        key=table.key,
        name=config.meta["name"],
        kwargs=dict(config.kwargs),
        observed=_plain(result.get("observed_value")),
        unexpected=result.get("unexpected_count"),
        values=[_plain(value) for value in result.get("partial_unexpected_list", [])],
        rows=[_plain(entry[table.key]) for entry in index],
        low=_plain(values.min()) if len(values) else None,
        high=_plain(values.max()) if len(values) else None,
        success=bool(item.success),
    )


def _observed(finding: Finding) -> str:
    if finding.observed is not None:
        return _short(finding.observed)
    if finding.kwargs["column"] in _TWINS:
        # The number of twins says more to a person than their hashes.
        return f"{finding.unexpected or 'none'} with a {_TWINS[finding.kwargs['column']]}"
    if finding.values:
        return ", ".join(dict.fromkeys(map(_short, finding.values[:5])))
    return "no values" if finding.low is None else _range(finding.low, finding.high)


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
