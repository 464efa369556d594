"""What a model must show to be registered, and to replace the champion. Pure: figures in, gates out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table
from rich.text import Text

from digits.errors import DigitsError
from digits.params import AbsoluteGates, PromotionGates
from digits.statistics import compare_paired, non_inferior, p_text

# Of reports/metrics.json. A margin of 0.01 must admit 0.99 - 0.98, which binary floats make a little more.
_DECIMALS = 6


@dataclass(frozen=True)
class Gate:
    """One condition, readable without the code. `dataclasses.asdict` makes it JSON.

    Attributes:
        name: what is measured.
        observed: the finding, with its unit.
        required: the condition, with its unit.
        passed: whether it holds.
        value: the number that was tested.
        limit: what it was tested against.
    """

    name: str
    observed: str
    required: str
    passed: bool
    value: float
    limit: float


@dataclass(frozen=True)
class Measured:
    """A model's results.

    Attributes:
        predictions: frame as in reports/predictions.csv.
        metrics: `test` of reports/metrics.json.
        latency_ms: median time to classify one image, in milliseconds, measured on the same machine for both.
    """

    predictions: pd.DataFrame
    metrics: dict[str, Any]
    latency_ms: float


def absolute_gates(metrics: dict[str, Any], size_mb: float, latency_ms: float, limits: AbsoluteGates) -> list[Gate]:
    """What any version must reach, whoever the champion is.

    Args:
        metrics: `test` of reports/metrics.json.
        size_mb: of the .keras file, in 10^6 bytes.
        latency_ms: median time to classify one image, in milliseconds.
        limits: `register.gates` of params.yaml.
    """
    low, f1, error = metrics["accuracy_low"], metrics["macro_f1"], metrics["calibration_error"]
    return [
        Gate(
            "Test accuracy, lower end of its interval",
            f"{low:.2%} (accuracy {metrics['accuracy']:.2%})",
            f"at least {limits.min_accuracy_low:.2%}",
            low >= limits.min_accuracy_low,
            low,
            limits.min_accuracy_low,
        ),
        Gate(
            "Macro F1",
            f"{f1:.4f}",
            f"at least {limits.min_macro_f1:.4f}",
            f1 >= limits.min_macro_f1,
            f1,
            limits.min_macro_f1,
        ),
        _at_most("Expected calibration error", error, limits.max_calibration_error, ".4f"),
        _at_most("Size of the model file", size_mb, limits.max_size_mb, ".2f", " MB"),
        _at_most("Median time for one image", latency_ms, limits.max_latency_ms, ".2f", " ms"),
    ]


def promotion_gates(champion: Measured, challenger: Measured, limits: PromotionGates) -> list[Gate]:
    """What a challenger must show to replace the champion: evidence that it is better, and no regression elsewhere.

    The first gate alone is the evidence. A challenger that passes it is not inferior either; the second gate is there
    for one that fails the first, to tell "no worse, but not shown to be better" from "possibly worse".

    Args:
        champion: results of the current champion.
        challenger: results of the candidate, on the same test images.
        limits: `register.promotion` of params.yaml.

    Raises:
        DigitsError: the two were scored on different test images.
    """
    refuse_other_images(champion.predictions, challenger.predictions)
    champion_right, challenger_right = right(champion.predictions), right(challenger.predictions)
    comparison = compare_paired(champion_right, challenger_right, limits.significance)
    before, after = champion.metrics, challenger.metrics
    names = list(before["per_class"])
    actual = champion.predictions["actual"].to_numpy()
    lost = np.bincount(actual, champion_right, len(names)) - np.bincount(actual, challenger_right, len(names))
    drops = np.round(lost / np.maximum(np.bincount(actual, minlength=len(names)), 1), _DECIMALS)
    drop = float(drops.max())
    fall = f"class {names[drops.argmax()]} falls by {drop * 100:.2f} points" if drop > 0 else "no class falls"
    gain = round(after["calibration_error"] - before["calibration_error"], _DECIMALS)
    ratio = challenger.latency_ms / champion.latency_ms
    return [
        Gate(
            "Better accuracy on the same images",
            f"{comparison.difference * 100:+.2f} points ({before['accuracy']:.2%} → {after['accuracy']:.2%}), "
            f"{comparison.wins} images won, {comparison.losses} lost, {p_text(comparison.p_value)}",
            f"a gain with McNemar's exact p < {limits.significance:g}",
            comparison.verdict == "better",
            comparison.p_value,
            limits.significance,
        ),
        Gate(
            "Accuracy not inferior",
            f"{comparison.low * 100:+.2f} points at the lower end of the {1 - limits.significance:.0%} interval",
            f"above -{limits.non_inferiority_margin * 100:.2f} points",
            non_inferior(comparison, limits.non_inferiority_margin),
            comparison.low,
            -limits.non_inferiority_margin,
        ),
        Gate(
            "Recall of each class",
            fall,
            f"no class falls by more than {limits.class_margin * 100:.2f} points",
            drop <= limits.class_margin,
            drop,
            limits.class_margin,
        ),
        Gate(
            "Rise of the calibration error",
            f"{gain:+.4f} ({before['calibration_error']:.4f} → {after['calibration_error']:.4f})",
            f"at most +{limits.calibration_margin:.4f}",
            gain <= limits.calibration_margin,
            gain,
            limits.calibration_margin,
        ),
        Gate(
            "Median time for one image",
            f"{ratio:.2f} times ({champion.latency_ms:.2f} ms → {challenger.latency_ms:.2f} ms)",
            f"at most {limits.latency_ratio:.2f} times the champion's",
            ratio <= limits.latency_ratio,
            ratio,
            limits.latency_ratio,
        ),
    ]


def print_gates(gates: Sequence[Gate], title: str, console: Console | None = None) -> None:
    """Print a table, one gate a row."""
    table = Table(title=title, title_justify="left", title_style="bold", show_lines=True)
    for heading in ("Gate", "Observed", "Required"):
        table.add_column(heading, overflow="fold")
    table.add_column("Result", no_wrap=True)
    for gate in gates:
        # As Text: a class may be called "[b]", which is not markup.
        result = Text("pass", "green") if gate.passed else Text("FAIL", "bold red")
        table.add_row(Text(gate.name), Text(gate.observed), Text(gate.required), result)
    (console or Console()).print(table)


def right(predictions: pd.DataFrame) -> np.ndarray:
    """Which images were classified rightly: bool (n,)."""
    return predictions["actual"].to_numpy() == predictions["predicted"].to_numpy()


def refuse_other_images(first: pd.DataFrame, second: pd.DataFrame) -> None:
    """Refuse to pair predictions for different test images.

    Raises:
        DigitsError: `image` or `actual` differ.
    """
    if not all(np.array_equal(first[column], second[column]) for column in ("image", "actual")):
        raise DigitsError(
            f"the two models were scored on different test images ({len(first)} and {len(second)}): "
            "score both on the same ones before comparing them"
        )


def _at_most(name: str, value: float, limit: float, form: str, unit: str = "") -> Gate:
    observed, required = f"{value:{form}}{unit}", f"at most {limit:{form}}{unit}"
    return Gate(name, observed, required, value <= limit, value, limit)
