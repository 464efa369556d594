"""A comparison of models as a table in the terminal, as CSV and as JSON."""

import json
from dataclasses import asdict
from typing import Any

import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from digits.evaluation.comparison import MISSING, Comparison, Entry
from digits.evaluation.paired import PairedComparison, p_text
from digits.evaluation.scores import METRICS, Metric

# Widths of the table with models as columns, in characters: three models fit into a terminal of 80.
_TALL_HEADING = 22
_TALL_CELL = 16


def print_comparison(comparison: Comparison, console: Console | None = None) -> None:
    """Print a table with one model a row, or, if that is too wide for the terminal, one model a column."""
    console = console or Console()
    groups = cells(comparison)
    wide = _wide_table(groups)
    if Measurement.get(console, console.options.update(max_width=10_000), wide).maximum <= console.width:
        console.print(wide)
    else:
        base = comparison.entries.index(comparison.baseline)
        for table in _tall_tables(groups, base, console.width):
            console.print(table)
    console.print(Text(comparison.method, style="dim"))


def print_json(comparison: Comparison) -> None:
    """Print `to_json` on standard output, indented."""
    print(json.dumps(to_json(comparison), indent=2, ensure_ascii=False, allow_nan=False, default=str))


def to_json(comparison: Comparison) -> dict[str, Any]:
    """Everything in the table, and the metrics in full, as JSON values."""
    return {
        "baseline": comparison.baseline.model.name,
        "significance": comparison.significance,
        "comparisons": comparison.tests,
        "correction": "holm" if comparison.tests > 1 else "none",
        "differing_params": comparison.differing,
        "models": [
            {
                "name": entry.model.name,
                "labels": entry.model.labels,
                "run_id": entry.model.run_id,
                "model_sha256": entry.model.model_sha256,
                "test_sha256": entry.model.test_sha256,
                "params": {key: entry.model.params.get(key) for key in comparison.differing},
                "val_accuracy": entry.model.training.get("val_accuracy"),
                "metrics": entry.model.metrics,
                "accuracy_interval": [entry.low, entry.high],
                "epochs": len(entry.model.history),
                "training_seconds": entry.model.training_seconds,
                "against_baseline": asdict(entry.paired) if entry.paired else None,
                "verdict": entry.verdict,
                "note": entry.note,
            }
            for entry in comparison.entries
        ],
    }


def to_csv(comparison: Comparison) -> str:
    """One line per model; parameters that differ have their own columns, with their dotted names."""
    labels = _label_names(comparison)
    rows = []
    for entry in comparison.entries:
        model, paired = entry.model, entry.paired
        row: dict[str, Any] = {"name": model.name}
        row |= {label: model.labels.get(label) for label in labels}
        row |= {key: model.params.get(key) for key in comparison.differing}
        row["val_accuracy"] = model.training.get("val_accuracy")
        for metric in METRICS:
            row[metric.key] = entry.score(metric)
            if ends := entry.interval(metric):
                row |= {f"{metric.key}_low": ends[0], f"{metric.key}_high": ends[1]}
        row |= {"epochs": len(model.history), "training_seconds": model.training_seconds}
        for key in ("wins", "losses", "difference", "low", "high", "p_value", "p_adjusted"):
            row[key if key not in ("low", "high") else f"difference_{key}"] = getattr(paired, key) if paired else None
        row |= {"verdict": entry.verdict, "run_id": model.run_id, "model_sha256": model.model_sha256}
        rows.append(row)
    # As objects, because a column of counts would become floats: the baseline has none.
    return pd.DataFrame(rows, dtype=object).to_csv(index=False)


def cells(comparison: Comparison) -> dict[str, dict[str, list[str]]]:
    """The table's text in groups: group → heading → one cell per entry, whose lines are separated by newlines.

    The first group identifies the models. The others are empty if there is nothing to tell.
    """
    entries = comparison.entries
    level = f"{1 - comparison.significance:.0%}"
    models = {"model": [entry.model.name for entry in entries]}
    models |= {name: [e.model.labels.get(name, MISSING) for e in entries] for name in _label_names(comparison)}
    params = {key: [str(e.model.params.get(key, MISSING)) for e in entries] for key in comparison.differing}
    scores = {}
    for metric in METRICS:
        heading = metric.title if comparison.baseline.interval(metric) is None else f"{metric.title} ({level} interval)"
        scores[heading] = [_score(entry, metric) for entry in entries]
    training = {
        "validation accuracy in %": [_percent(e.model.training.get("val_accuracy")) for e in entries],
        "epochs": [str(len(e.model.history)) for e in entries],
        "training time": [duration(e.model.training_seconds) for e in entries],
    }
    verdicts = {}
    if len(entries) > 1:
        verdicts = {
            f"accuracy in points ({level} interval)": [_difference(entry.paired) for entry in entries],
            "McNemar's p, corrected" if comparison.tests > 1 else "McNemar's p": [
                p_text(e.paired.p_adjusted).removeprefix("p = ") if e.paired else MISSING for e in entries
            ],
            "verdict": [entry.note.replace(": ", "\n").replace("differ, ", "differ\n") for entry in entries],
        }
    return {
        "Model": models,
        "Parameters that differ": params,
        "Training": training,
        comparison.images.capitalize(): scores,
        f"Against {comparison.baseline.model.name}": verdicts,
    }


def duration(seconds: float | None) -> str:
    """A time as people write it: `2 min 11 s`."""
    if seconds is None:
        return MISSING
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _percent(share: float | None) -> str:
    return MISSING if share is None else f"{share * 100:.2f}"


def _label_names(comparison: Comparison) -> list[str]:
    return list(dict.fromkeys(label for entry in comparison.entries for label in entry.model.labels))


def _score(entry: Entry, metric: Metric) -> str:
    value, ends = entry.score(metric), entry.interval(metric)
    if value is None:
        return MISSING
    return metric.number(value) + (f"\n({metric.number(ends[0])} to {metric.number(ends[1])})" if ends else "")


def _difference(paired: PairedComparison | None) -> str:
    if paired is None:
        return MISSING
    return f"{paired.difference * 100:+.2f}\n({paired.low * 100:+.2f} to {paired.high * 100:+.2f})"


def _styled(text: str) -> Text:
    head = text.partition("\n")[0]
    styled = Text(text)
    if colour := {"better": "bold green", "worse": "bold red", "not compared": "yellow"}.get(head):
        styled.stylize(colour, 0, len(head))
    return styled


def _wide_table(groups: dict[str, dict[str, list[str]]]) -> Table:
    """Models as rows; a model's other names stand below its name."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    identity, *others = groups.values()
    columns = {"model": identity["model"].copy()}
    for label, values in identity.items():
        for i, value in enumerate(values):
            if label != "model" and value not in (MISSING, identity["model"][i]):
                columns["model"][i] += f"\n{label} {value}"
    for group in others:
        columns |= group
    for heading in columns:
        table.add_column(heading.replace(" (", "\n(").replace(".", ".\n").replace(", ", ",\n"), no_wrap=True)
    for row in zip(*columns.values(), strict=True):
        table.add_row(*map(_styled, row), end_section=True)
    return table


def _tall_tables(groups: dict[str, dict[str, list[str]]], base: int, width: int) -> list[Table]:
    """Models as columns, as many as fit beside the headings; the baseline comes first in every table."""
    names = groups["Model"]["model"]
    others = [i for i in range(len(names)) if i != base]
    fitting = max((width - _TALL_HEADING) // (_TALL_CELL + 2) - 1, 1)
    tables = []
    for start in range(0, max(len(others), 1), fitting):
        shown = [base, *others[start : start + fitting]]
        # The headings have what the models and the table's edges leave.
        heading_width = max(width - len(shown) * (_TALL_CELL + 2) - 5, 12)
        table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
        table.add_column("model", max_width=heading_width, overflow="fold")
        for i in shown:
            table.add_column(Text(names[i]), max_width=_TALL_CELL, overflow="fold")
        for title, group in groups.items():
            rows = [(heading, values) for heading, values in group.items() if heading != "model"]
            for number, (heading, values) in enumerate(rows, start=1):
                text = heading if len(heading) <= heading_width else heading.replace(".", ".\n").replace(" (", "\n(")
                if title.startswith("Against") and number == 1:
                    text = f"{title}:\n{text}"
                table.add_row(text, *(_styled(values[i]) for i in shown), end_section=number == len(rows))
        tables.append(table)
    return tables
