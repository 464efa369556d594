"""What the report of a run says, in rows of text. Its page and its Markdown show the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from digits.evaluation.comparison import Comparison
from digits.evaluation.robustness import worst
from digits.evaluation.scores import METRICS, weak_classes
from digits.report.comparison_page import verdict_sentence
from digits.report.comparison_table import cells
from digits.report.curves import best_epoch
from digits.report.robustness import words

if TYPE_CHECKING:
    from digits.results import Results

# A heading and a cell.
Row = tuple[str, str]
# The parameters that decide a model and its figures. The seed's recipe has defaults of some of them.
_SECTIONS = ("recipe", "preprocess.", "train.", "evaluate.")
_RAW_FILES = "fetch.files."


class Condition(Protocol):
    """A gate of the registry, which this room does not know."""

    @property
    def name(self) -> str:
        """What is measured."""

    @property
    def observed(self) -> str:
        """The finding, with its unit."""

    @property
    def required(self) -> str:
        """The condition, with its unit."""

    @property
    def passed(self) -> bool:
        """Whether it holds."""


@dataclass(frozen=True)
class Setting:
    """A parameter; `default` is None where it has the value of recipe `seed`, or where that says nothing of it."""

    key: str
    value: str
    default: str | None


@dataclass(frozen=True)
class Standing:
    """How a model stands beside the champion.

    Attributes:
        against: what it was measured against.
        gates: of registration, and of promotion where there is a champion to compare with.
        comparison: of the champion, which is the baseline, and the model; None where they were not compared.
    """

    against: str
    gates: Sequence[Condition]
    comparison: Comparison | None = None

    @property
    def failed(self) -> list[str]:
        """The names of the gates that refuse."""
        return [gate.name for gate in self.gates if not gate.passed]

    @property
    def verdict(self) -> Row:
        """The verdict on the accuracy, and its grounds; empty where the models were not compared."""
        if self.comparison is None:
            return "", ""
        base = self.comparison.baseline
        (entry,) = (one for one in self.comparison.entries if one is not base)
        return verdict_sentence(entry, base.model.name)

    @property
    def table(self) -> tuple[list[str], list[tuple[str, dict[str, list[str]]]]]:
        """The names of both models, and the groups of rows: title → heading → a cell for each model."""
        if self.comparison is None:
            return [], []
        groups = cells(self.comparison)
        names = groups["Model"].pop("model")
        return names, [(title, rows) for title, rows in groups.items() if rows]


@dataclass(frozen=True)
class RunFacts:
    """All that the report of a run says, but for its pictures.

    Attributes:
        name: what people call the model.
        accuracy: on the test images, as a text.
        summary: the figures that matter most.
        data: how many images there are, and how many expectations hold.
        training: why it stopped, and its best epoch.
        weakest: the names of the weakest classes.
        calibration: what the probabilities are worth.
        robustness: the worst of each change: what was changed, accuracy, interval, images.
        settings: parameters that decide the model and its figures.
        lineage: what the model came from.
        standing: beside the champion; None where nobody asked the registry.
        left_out: why a part is missing.
    """

    name: str
    accuracy: str
    summary: list[Row]
    data: list[Row]
    training: list[Row]
    weakest: list[str]
    calibration: list[Row]
    robustness: list[tuple[str, str, str, str]]
    settings: list[Setting]
    lineage: list[Row]
    standing: Standing | None = None
    left_out: Sequence[str] = ()

    @property
    def changed(self) -> list[Setting]:
        """The parameters that differ from their default."""
        return [setting for setting in self.settings if setting.default is not None]


def run_facts(
    results: Results,
    defaults: Mapping[str, Any],
    lineage: Sequence[Row] = (),
    standing: Standing | None = None,
    left_out: Sequence[str] = (),
) -> RunFacts:
    """Read what is known of a model.

    Args:
        results: of the model; `params` have their types.
        defaults: the flat parameters of recipe `seed`.
        lineage: what more is known of its origin.
        standing: beside the champion.
        left_out: why a part is missing.

    Raises:
        DigitsError: it was not trained or not evaluated to the end.
    """
    metrics = results.metrics
    confidence = f"{results.evaluation['confidence']:.0%}"
    scores = []
    for metric in METRICS:
        text = metric.text(metrics[metric.key])
        if metric.interval:
            low, high = (metric.number(metrics[key]) for key in metric.keys[1:])
            text += f" ({confidence} interval {low} to {high})"
        scores.append((f"Test {metric.name.lower()}" if metric is METRICS[0] else metric.name, text))
    return RunFacts(
        name=results.name,
        accuracy=METRICS[0].text(metrics[METRICS[0].key]),
        summary=[*scores, ("Weights", f"{results.training['weights']:,}")],
        data=_data(results),
        training=_training(results),
        weakest=weak_classes(metrics["per_class"]),
        calibration=_calibration(results),
        robustness=_robustness(results),
        settings=_settings(results.params, defaults),
        lineage=[*_hashes(results), *lineage],
        standing=standing,
        left_out=left_out,
    )


def _data(results: Results) -> list[Row]:
    sizes, rows = results.dataset, []
    for split in ("train", "validation", "test"):
        rows.append((f"{'Training' if split == 'train' else split.capitalize()} images", f"{sizes[split]:,}"))
    rows.append(("Classes", ", ".join(sizes["class_names"])))
    if (found := results.validation) is not None:
        held = found["expectations"] - found["failed"]
        rows.append(("Expectations of the raw data", f"{held} of {found['expectations']} hold"))
        leaks = found.get("test", {}).get("leaks")
        rows += [] if leaks is None else [("Test images that are training images too", f"{leaks:,}")]
    return rows


def _training(results: Results) -> list[Row]:
    training, history = results.training, results.history
    accuracy, loss = best_epoch(history, "accuracy"), best_epoch(history, "loss")
    return [
        ("Stopped" if training.get("stopped") else "Ended", training["reason"]),
        ("Epochs", f"{len(history):,}"),
        ("Best validation accuracy", f"{100 * accuracy[1]:.2f} % in epoch {accuracy[0]}"),
        ("Best validation loss", f"{loss[1]:.4f} in epoch {loss[0]}"),
    ]


def _calibration(results: Results) -> list[Row]:
    rows = [("Expected calibration error", f"{results.metrics['calibration_error']:.4f}")]
    if (found := results.calibration) is not None:
        accepted, error = (100 * found["test"][key] for key in ("accepted", "error"))
        rows += [
            ("Not sure below a probability of", f"{found['not_sure_below']:.4f}"),
            (
                "Test images answered surely",
                f"{accepted:.2f} %, and {error:.3f} % of those wrongly",
            ),
        ]
    return rows


def _robustness(results: Results) -> list[tuple[str, str, str, str]]:
    """The unchanged images first."""
    if results.robustness is None:
        return []
    unchanged = results.robustness.head(1)
    rows = [*unchanged.to_dict("records"), *worst(results.robustness).to_dict("records")]
    return [
        (
            words(row["perturbation"], row["strength"]),
            f"{100 * row['accuracy']:.1f} %",
            f"{100 * row['low']:.1f} to {100 * row['high']:.1f} %",
            f"{row['n']:,}",
        )
        for row in rows
    ]


def _settings(params: Mapping[str, Any], defaults: Mapping[str, Any]) -> list[Setting]:
    return [
        Setting(key, _text(value), _text(defaults[key]) if key in defaults and defaults[key] != value else None)
        for key, value in params.items()
        if key.startswith(_SECTIONS)
    ]


def _text(value: Any) -> str:
    """A parameter as params.yaml has it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _hashes(results: Results) -> list[Row]:
    """The SHA-256 of the model and of the data."""
    raw = [
        (f"Raw file {results.params.get(key.replace('.sha256', '.name'), key)}", str(value))
        for key, value in results.params.items()
        if key.startswith(_RAW_FILES) and key.endswith(".sha256")
    ]
    model = results.model_sha256 or results.evaluation["model_sha256"]
    return [("Model file, SHA-256", model), ("Test images and labels, SHA-256", results.test_sha256), *raw]
