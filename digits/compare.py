"""Which of several trained models is better, and whether the difference is real. Knows neither MLflow nor DVC."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from digits.errors import DigitsError
from digits.gates import refuse_other_images, right
from digits.statistics import PairedComparison, compare_paired, correct_for_many, p_text, wilson_interval

OTHER_DATA = "not compared: scored on other test data"
_MISSING = "–"
# Of the table with models as columns, in characters: three models fit into a terminal of 80.
_TALL_HEADING = 22
_TALL_CELL = 16


@dataclass(frozen=True)
class Candidate:
    """A trained model and what is known of it.

    Attributes:
        name: short and unique; what tables and `--baseline` call it.
        params: flat, `train.batch_size`; values are compared as text, because MLflow stores text.
        metrics: `test` of reports/metrics.json.
        history: frame as in reports/history.csv.
        predictions: frame as in reports/predictions.csv.
        training_seconds: duration of the training, None if nobody measured it.
        run_id: of the MLflow run, empty if there is none.
        model_sha256: of the .keras file.
        test_sha256: of the test images and labels.
        labels: other names of it, such as {"run": …, "version": …, "aliases": …, "experiment": …}; shown as given.
    """

    name: str
    params: dict[str, Any]
    metrics: dict[str, Any]
    history: pd.DataFrame
    predictions: pd.DataFrame
    training_seconds: float | None
    run_id: str
    model_sha256: str
    test_sha256: str
    labels: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Entry:
    """A candidate in a comparison.

    Attributes:
        candidate: the model.
        accuracy: share of the test images that it got right.
        low: lower end of the Wilson interval of `accuracy`.
        high: its upper end.
        paired: against the baseline; None for the baseline itself and where the test data differ.
        note: the verdict in words, or why there is none.
    """

    candidate: Candidate
    accuracy: float
    low: float
    high: float
    paired: PairedComparison | None
    note: str

    @property
    def verdict(self) -> str:
        """`better`, `worse`, `no evidence`, `baseline` or `not compared`."""
        return self.paired.verdict if self.paired else self.note.partition(":")[0]


@dataclass(frozen=True)
class Comparison:
    """Candidates in the order of display, one of them the baseline of all others.

    Attributes:
        entries: one per candidate.
        baseline: the entry that the others are compared with.
        differing: names of the parameters that are not the same for all.
        significance: of each verdict, after Holm's correction; intervals have confidence 1 - `significance`.
        tests: number of comparisons that the p values are corrected for.
    """

    entries: list[Entry]
    baseline: Entry
    differing: list[str]
    significance: float
    tests: int

    @property
    def method(self) -> str:
        """How the figures were made, in a few sentences for below the table."""
        level = f"{1 - self.significance:.0%}"
        if not self.tests:
            return f"Interval: {level}, Wilson."
        n = len(self.baseline.candidate.predictions)
        corrected = f", p corrected for {self.tests} comparisons (Holm)" if self.tests > 1 else ""
        return (
            f"Compared with {self.baseline.candidate.name} on the same {n:,} test images. "
            f"Intervals: {level}; Wilson's for an accuracy, Tango's for a paired difference. "
            f"Verdict: McNemar's exact test, two-sided{corrected}; a difference counts at p < {self.significance:g}."
        )


def compare(
    candidates: Sequence[Candidate], baseline: str | None = None, sort: str | None = None, significance: float = 0.05
) -> Comparison:
    """Compare models on the same test images.

    Args:
        candidates: at least one, with unique names.
        baseline: name of the one that the others are compared with; default is the first.
        sort: key of the order, see `sort_keys`, best first; default is the order given.
        significance: of the verdicts, in (0, 1).

    Raises:
        DigitsError: no candidate, a name twice, an unknown baseline or sort key, or two lists of predictions that claim
            the same test data and are not of the same images.
    """
    names = [candidate.name for candidate in candidates]
    if not candidates:
        raise DigitsError("nothing to compare: no trained model was found")
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise DigitsError(f"{', '.join(twice)}: given more than once, each model can be compared only once")
    if baseline is not None and baseline not in names:
        raise DigitsError(f"--baseline {baseline}: not among the models compared ({', '.join(names)})")
    base = candidates[names.index(baseline)] if baseline else candidates[0]

    others = [c for c in candidates if c is not base and c.test_sha256 == base.test_sha256]
    for other in others:
        refuse_other_images(base.predictions, other.predictions)
    base_right = right(base.predictions)
    tests = correct_for_many([compare_paired(base_right, right(c.predictions), significance) for c in others])
    paired = dict(zip((other.name for other in others), tests, strict=True))

    entries = [_entry(candidate, base, paired.get(candidate.name), significance) for candidate in candidates]
    reference = next(entry for entry in entries if entry.candidate is base)
    differing = _differing([candidate.params for candidate in candidates])
    if sort:
        entries = _sorted(entries, sort, differing)
    return Comparison(entries, reference, differing, significance, len(tests))


def sort_keys(differing: Sequence[str] = ()) -> list[str]:
    """What `compare` can sort by: these and the parameters that differ."""
    return [*_SORT, *differing]


def to_json(comparison: Comparison) -> dict[str, Any]:
    """Everything in the table, and the metrics in full, as JSON values."""
    return {
        "baseline": comparison.baseline.candidate.name,
        "significance": comparison.significance,
        "comparisons": comparison.tests,
        "correction": "holm" if comparison.tests > 1 else "none",
        "differing_params": comparison.differing,
        "models": [
            {
                "name": entry.candidate.name,
                "labels": entry.candidate.labels,
                "run_id": entry.candidate.run_id,
                "model_sha256": entry.candidate.model_sha256,
                "test_sha256": entry.candidate.test_sha256,
                "params": {key: entry.candidate.params.get(key) for key in comparison.differing},
                "metrics": entry.candidate.metrics,
                "accuracy_interval": [entry.low, entry.high],
                "epochs": len(entry.candidate.history),
                "training_seconds": entry.candidate.training_seconds,
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
        candidate, paired = entry.candidate, entry.paired
        row: dict[str, Any] = {"name": candidate.name}
        row |= {label: candidate.labels.get(label) for label in labels}
        row |= {key: candidate.params.get(key) for key in comparison.differing}
        row |= {"accuracy": entry.accuracy, "accuracy_low": entry.low, "accuracy_high": entry.high}
        row |= {key: candidate.metrics[key] for key in ("loss", "macro_f1", "calibration_error")}
        row |= {"epochs": len(candidate.history), "training_seconds": candidate.training_seconds}
        for key in ("wins", "losses", "difference", "low", "high", "p_value", "p_adjusted"):
            row[key if key not in ("low", "high") else f"difference_{key}"] = getattr(paired, key) if paired else None
        row |= {"verdict": entry.verdict, "run_id": candidate.run_id, "model_sha256": candidate.model_sha256}
        rows.append(row)
    # Counts stay integers where the baseline has none.
    return pd.DataFrame(rows, dtype=object).to_csv(index=False)


def print_comparison(comparison: Comparison, console: Console | None = None) -> None:
    """Print a table with one model a row, or, where that is too wide for the terminal, one model a column."""
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


def cells(comparison: Comparison) -> dict[str, dict[str, list[str]]]:
    """The table's text, in groups: group to heading to one cell per entry, lines within it separated by newlines.

    The first group says which model it is; the others are empty where there is nothing to tell.
    """
    entries = comparison.entries
    level = f"{1 - comparison.significance:.0%}"
    models = {"model": [entry.candidate.name for entry in entries]}
    models |= {name: [e.candidate.labels.get(name, _MISSING) for e in entries] for name in _label_names(comparison)}
    params = {key: [str(e.candidate.params.get(key, _MISSING)) for e in entries] for key in comparison.differing}
    scores = {
        f"accuracy in % ({level} interval)": [
            f"{e.accuracy * 100:.2f}\n({e.low * 100:.2f} to {e.high * 100:.2f})" for e in entries
        ],
        "loss": [f"{e.candidate.metrics['loss']:.4f}" for e in entries],
        "macro F1": [f"{e.candidate.metrics['macro_f1']:.4f}" for e in entries],
        "calibration error": [f"{e.candidate.metrics['calibration_error']:.4f}" for e in entries],
    }
    training = {
        "epochs": [str(len(e.candidate.history)) for e in entries],
        "training time": [duration(e.candidate.training_seconds) for e in entries],
    }
    verdicts = {}
    if len(entries) > 1:
        verdicts = {
            f"accuracy in points ({level} interval)": [_difference(entry.paired) for entry in entries],
            "McNemar's p, corrected" if comparison.tests > 1 else "McNemar's p": [
                p_text(e.paired.p_adjusted).removeprefix("p = ") if e.paired else _MISSING for e in entries
            ],
            "verdict": [entry.note.replace(": ", "\n").replace("differ, ", "differ\n") for entry in entries],
        }
    return {
        "Model": models,
        "Parameters that differ": params,
        "Training": training,
        "Test images": scores,
        f"Against {comparison.baseline.candidate.name}": verdicts,
    }


def duration(seconds: float | None) -> str:
    """A time for people: `2 min 11 s`."""
    if seconds is None:
        return _MISSING
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _entry(candidate: Candidate, base: Candidate, paired: PairedComparison | None, significance: float) -> Entry:
    correct = right(candidate.predictions)
    low, high = wilson_interval(int(correct.sum()), len(correct), 1 - significance)
    if candidate is base:
        note = "baseline"
    elif paired is None:
        note = OTHER_DATA
    elif candidate.model_sha256 and candidate.model_sha256 == base.model_sha256:
        note = f"{paired.verdict}: the same model file"
    else:
        note = paired.explanation
    return Entry(candidate, float(correct.mean()), low, high, paired, note)


def _differing(params: Sequence[dict[str, Any]]) -> list[str]:
    """Parameters whose text is not the same everywhere, in the order in which they first appear."""
    keys = dict.fromkeys(key for flat in params for key in flat)
    return [key for key in keys if len({str(flat.get(key, _MISSING)) for flat in params}) > 1]


# Each gives a number, small for the best; None comes last.
_SORT: dict[str, Callable[[Entry], float | None]] = {
    "accuracy": lambda entry: -entry.accuracy,
    "difference": lambda entry: -entry.paired.difference if entry.paired else None,
    "p": lambda entry: entry.paired.p_adjusted if entry.paired else None,
    "loss": lambda entry: entry.candidate.metrics["loss"],
    "macro_f1": lambda entry: -entry.candidate.metrics["macro_f1"],
    "calibration_error": lambda entry: entry.candidate.metrics["calibration_error"],
    "training_seconds": lambda entry: entry.candidate.training_seconds,
}


def _sorted(entries: list[Entry], key: str, differing: Sequence[str]) -> list[Entry]:
    if key in _SORT:
        values = [_SORT[key](entry) for entry in entries]
        order = sorted(range(len(entries)), key=lambda i: (values[i] is None, values[i] or 0))
    elif key in differing:
        texts = pd.Series([str(entry.candidate.params.get(key, "")) for entry in entries])
        numbers = pd.to_numeric(texts, errors="coerce")
        order = list((texts if numbers.isna().any() else numbers).sort_values(kind="stable").index)
    else:
        raise DigitsError(f"--sort {key}: no such key, take one of {', '.join(sort_keys(differing))}")
    return [entries[i] for i in order]


def _label_names(comparison: Comparison) -> list[str]:
    return list(dict.fromkeys(label for entry in comparison.entries for label in entry.candidate.labels))


def _difference(paired: PairedComparison | None) -> str:
    if paired is None:
        return _MISSING
    return f"{paired.difference * 100:+.2f}\n({paired.low * 100:+.2f} to {paired.high * 100:+.2f})"


def _styled(text: str) -> Text:
    head = text.partition("\n")[0]
    styled = Text(text)
    if colour := {"better": "bold green", "worse": "bold red", "not compared": "yellow"}.get(head):
        styled.stylize(colour, 0, len(head))
    return styled


def _wide_table(groups: dict[str, dict[str, list[str]]]) -> Table:
    """Models as rows; their other names stand below their name."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    identity, *others = groups.values()
    columns = {"model": identity["model"].copy()}
    for label, values in identity.items():
        for i, value in enumerate(values):
            if label != "model" and value not in (_MISSING, identity["model"][i]):
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
        table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
        table.add_column("model", max_width=_TALL_HEADING)
        for i in shown:
            table.add_column(Text(names[i]), max_width=_TALL_CELL, overflow="fold")
        for title, group in groups.items():
            rows = [(heading, values) for heading, values in group.items() if heading != "model"]
            for number, (heading, values) in enumerate(rows, start=1):
                text = heading if len(heading) <= _TALL_HEADING else heading.replace(".", ".\n").replace(" (", "\n(")
                if title.startswith("Against") and number == 1:
                    text = f"{title}:\n{text}"
                table.add_row(text, *(_styled(values[i]) for i in shown), end_section=number == len(rows))
        tables.append(table)
    return tables
