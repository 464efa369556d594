"""What a model must show to be registered, and to replace the champion. Pure: figures in, gates out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from digits.evaluation.paired import (
    PairedComparison,
    compare_paired,
    level,
    non_inferior,
    p_text,
    refuse_other_images,
    right,
)
from digits.results import Results

if TYPE_CHECKING:
    from rich.console import Console

    from digits.params import RegisterParams

# Metrics are rounded to six decimals. A margin of 0.01 must admit 0.99 - 0.98, which binary floats make a little more.
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
class Evidence:
    """What the gates look at.

    Attributes:
        model: results of the model that is to be registered or promoted.
        size_mb: of its .keras file, in 10^6 bytes.
        latency_ms: median time to classify one image, in milliseconds; NaN where nobody measured it.
        champion: results of the present champion on the same test images, or None.
        champion_latency_ms: likewise, measured in turns with the model's.
        look: the model's number among those that were looked at on these images beside this champion, from 1.
        feedback: on the test images of `preprocess.extra`, which ones the champion and the model get right: bool (n,)
            each; None where neither was trained with further data sets.
        learned: whether the model was trained with such.
    """

    model: Results
    size_mb: float
    latency_ms: float = float("nan")
    champion: Results | None = None
    champion_latency_ms: float = float("nan")
    look: int = 1
    feedback: tuple[np.ndarray, np.ndarray] | None = None
    learned: bool = False

    @property
    def is_judged_by_feedback(self) -> bool:
        """Whether the model has to be better on the feedback, and no worse on the test images."""
        return self.champion is not None and self.feedback is not None and self.learned


# --- Gates of any version ---------------------------------------------------------------------------------------------


def accuracy_low(evidence: Evidence, limits: RegisterParams) -> Gate:
    """The lower end of the test accuracy's interval."""
    metrics, limit = evidence.model.metrics, limits.gates.min_accuracy_low
    low = metrics["accuracy_low"]
    return Gate(
        "Test accuracy, lower end of its interval",
        f"{low:.2%} (accuracy {metrics['accuracy']:.2%})",
        f"at least {limit:.2%}",
        low >= limit,
        low,
        limit,
    )


def macro_f1(evidence: Evidence, limits: RegisterParams) -> Gate:
    """The mean F1 of the classes."""
    value, limit = evidence.model.metrics["macro_f1"], limits.gates.min_macro_f1
    return Gate("Macro F1", f"{value:.4f}", f"at least {limit:.4f}", value >= limit, value, limit)


def calibration_error(evidence: Evidence, limits: RegisterParams) -> Gate:
    """The expected calibration error."""
    value = evidence.model.metrics["calibration_error"]
    return _at_most("Expected calibration error", value, limits.gates.max_calibration_error, ".4f")


def size(evidence: Evidence, limits: RegisterParams) -> Gate:
    """The size of the .keras file."""
    return _at_most("Size of the model file", evidence.size_mb, limits.gates.max_size_mb, ".2f", " MB")


def same_answers(evidence: Evidence, limits: RegisterParams) -> Gate:
    """The agreement of the model with its twin, which answers for it."""
    twin, limit = evidence.model.twin, limits.gates.max_twin_difference
    assert twin is not None, "a gate of the twin was asked without one"
    same, images, difference = twin["same_class"], twin["images"], twin["max_difference"]
    return Gate(
        "Same answers by the fast twin",
        f"same class for {same:,} of {images:,} images, probabilities differ by at most {difference:.6f}",
        f"all, by at most {limit:.6f}",
        same == images and difference <= limit,
        difference,
        limit,
    )


def latency(evidence: Evidence, limits: RegisterParams) -> Gate:
    """The time to classify one image."""
    return _at_most("Median time for one image", evidence.latency_ms, limits.gates.max_latency_ms, ".2f", " ms")


# --- Gates against the champion ---------------------------------------------------------------------------------------


def better(evidence: Evidence, limits: RegisterParams) -> Gate:
    """A gain in accuracy on the same images: the one gate that is evidence of a better model."""
    champion = _champion(evidence)
    rights = right(champion.predictions), right(evidence.model.predictions)
    return _gain("Better accuracy on the same images", rights, evidence.look, limits)


def better_on_feedback(evidence: Evidence, limits: RegisterParams) -> Gate:
    """A gain in accuracy on the test images of `preprocess.extra`, for a model that was trained with such images."""
    assert evidence.feedback is not None, "a gate of the feedback was asked without one"
    return _gain("Better accuracy on feedback", evidence.feedback, evidence.look, limits)


def not_worse_on_feedback(evidence: Evidence, limits: RegisterParams) -> Gate:
    """No loss that shows on the test images of `preprocess.extra`: they are too few to rule out a margin."""
    assert evidence.feedback is not None, "a gate of the feedback was asked without one"
    significance = limits.promotion.significance
    comparison = compare_paired(*evidence.feedback, significance)
    return Gate(
        "Accuracy on feedback not worse",
        _change(comparison, evidence.feedback),
        f"no loss with McNemar's exact p < {significance:g}",
        comparison.verdict != "worse",
        comparison.p_value,
        significance,
    )


def not_inferior(evidence: Evidence, limits: RegisterParams) -> Gate:
    """No loss of accuracy beyond a margin.

    A model that is better is not inferior either. For one that is not shown to be better, this gate tells "no worse"
    from "possibly worse".
    """
    champion, significance = _champion(evidence), limits.promotion.significance
    margin = limits.promotion.non_inferiority_margin
    comparison = compare_paired(right(champion.predictions), right(evidence.model.predictions), significance)
    return Gate(
        "Accuracy not inferior",
        f"{comparison.low * 100:+.2f} points at the lower end of the {1 - significance:.0%} interval",
        f"above -{margin * 100:.2f} points",
        non_inferior(comparison, margin),
        comparison.low,
        -margin,
    )


def each_class(evidence: Evidence, limits: RegisterParams) -> Gate:
    """No class whose recall falls by more than a margin. A class without test images cannot fall."""
    champion, margin = _champion(evidence), limits.promotion.class_margin
    names, actual = list(champion.metrics["per_class"]), champion.predictions["actual"].to_numpy()
    rights = (right(results.predictions) for results in (champion, evidence.model))
    before, after = (np.bincount(actual, correct, len(names)) for correct in rights)
    drops = np.round((before - after) / np.maximum(np.bincount(actual, minlength=len(names)), 1), _DECIMALS)
    drop = float(drops.max())
    fall = f"class {names[drops.argmax()]} falls by {drop * 100:.2f} points" if drop > 0 else "no class falls"
    required = f"no class falls by more than {margin * 100:.2f} points"
    return Gate("Recall of each class", fall, required, drop <= margin, drop, margin)


def calibration_rise(evidence: Evidence, limits: RegisterParams) -> Gate:
    """No rise of the calibration error beyond a margin."""
    before, after = (r.metrics["calibration_error"] for r in (_champion(evidence), evidence.model))
    gain, margin = round(after - before, _DECIMALS), limits.promotion.calibration_margin
    return Gate(
        "Rise of the calibration error",
        f"{gain:+.4f} ({before:.4f} → {after:.4f})",
        f"at most +{margin:.4f}",
        gain <= margin,
        gain,
        margin,
    )


def latency_ratio(evidence: Evidence, limits: RegisterParams) -> Gate:
    """The time to classify one image, compared with the champion's."""
    before, after, limit = evidence.champion_latency_ms, evidence.latency_ms, limits.promotion.latency_ratio
    ratio = after / before
    return Gate(
        "Median time for one image",
        f"{ratio:.2f} times ({before:.2f} ms → {after:.2f} ms)",
        f"at most {limit:.2f} times the champion's",
        ratio <= limit,
        ratio,
        limit,
    )


# --- The table --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Rule:
    """A gate's place in the table.

    Attributes:
        check: gives the gate.
        against_champion: whether it needs a champion to compare with.
        of_twin: whether it needs a twin, which models of earlier versions of this project do not have.
        when: whether it applies to other evidence.
        repeatable: whether the same model always gives the same finding. A time does not.
    """

    check: Callable[[Evidence, RegisterParams], Gate]
    against_champion: bool = False
    of_twin: bool = False
    when: Callable[[Evidence], bool] = lambda evidence: True
    repeatable: bool = True


# A new gate is a function above and a line here; its limit is a field of section `register`.
GATES: tuple[Rule, ...] = (
    Rule(accuracy_low),
    Rule(macro_f1),
    Rule(calibration_error),
    Rule(size),
    Rule(same_answers, of_twin=True),
    Rule(latency, repeatable=False),
    Rule(better, against_champion=True, when=lambda evidence: not evidence.is_judged_by_feedback),
    Rule(better_on_feedback, against_champion=True, when=lambda evidence: evidence.is_judged_by_feedback),
    Rule(
        not_worse_on_feedback,
        against_champion=True,
        when=lambda evidence: evidence.feedback is not None and not evidence.learned,
    ),
    Rule(not_inferior, against_champion=True),
    Rule(each_class, against_champion=True),
    Rule(calibration_rise, against_champion=True),
    Rule(latency_ratio, against_champion=True, repeatable=False),
)


def check(
    evidence: Evidence, limits: RegisterParams, repeatable_only: bool = False, against_champion_only: bool = False
) -> list[Gate]:
    """All gates that apply, in the order of the table. Those against a champion, and of a twin, need one.

    Args:
        evidence: figures of the model, and of the champion.
        limits: section `register` of params.yaml.
        repeatable_only: leave out the gates whose finding varies from run to run, as a file under DVC must.
        against_champion_only: leave out the gates that need no champion.

    Raises:
        DigitsError: the two models were scored on different test images.
    """
    if evidence.champion is not None:
        refuse_other_images(evidence.champion.predictions, evidence.model.predictions)
    return [
        rule.check(evidence, limits)
        for rule in GATES
        if (evidence.champion is not None or not rule.against_champion)
        and (evidence.model.twin is not None or not rule.of_twin)
        and rule.when(evidence)
        and (rule.repeatable or not repeatable_only)
        and (rule.against_champion or not against_champion_only)
    ]


def failed(gates: Sequence[Gate]) -> list[str]:
    """The names of the gates that refuse."""
    return [gate.name for gate in gates if not gate.passed]


def print_gates(gates: Sequence[Gate], title: str, console: Console | None = None) -> None:
    """Print a table, one gate a row."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left", title_style="bold", show_lines=True)
    for heading in ("Gate", "Observed", "Required"):
        table.add_column(heading, overflow="fold")
    table.add_column("Result", no_wrap=True)
    for gate in gates:
        # As Text: a class may be called "[b]", which is not markup.
        result = Text("pass", "green") if gate.passed else Text("FAIL", "bold red")
        table.add_row(Text(gate.name), Text(gate.observed), Text(gate.required), result)
    (console or Console()).print(table)


def _champion(evidence: Evidence) -> Results:
    assert evidence.champion is not None, "a gate against the champion was asked without one"
    return evidence.champion


def _gain(name: str, rights: tuple[np.ndarray, np.ndarray], look: int, limits: RegisterParams) -> Gate:
    """A gain that shows at the level that pays for the models looked at before."""
    least = level(limits.promotion.significance, look)
    comparison = compare_paired(*rights, least)
    return Gate(
        name,
        _change(comparison, rights),
        f"a gain with McNemar's exact p < {least:.2g} (model {look} against this champion)",
        comparison.verdict == "better",
        comparison.p_value,
        least,
    )


def _change(comparison: PairedComparison, rights: tuple[np.ndarray, np.ndarray]) -> str:
    before, after = (float(one.mean()) for one in rights)
    return (
        f"{comparison.difference * 100:+.2f} points ({before:.2%} → {after:.2%}), "
        f"{comparison.wins} images won, {comparison.losses} lost, {p_text(comparison.p_value)}"
    )


def _at_most(name: str, value: float, limit: float, form: str, unit: str = "") -> Gate:
    observed, required = f"{value:{form}}{unit}", f"at most {limit:{form}}{unit}"
    return Gate(name, observed, required, value <= limit, value, limit)
