"""What MLflow's interface shows of a run and a version: accuracy, changed parameters, gates and links, as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from digits.registry.lineage import typed
from digits.registry.model_card import escaped, templates
from digits.tracking import artifacts
from digits.tracking.source import changed_params, committed_params

if TYPE_CHECKING:
    from mlflow.entities import Run

    from digits.registry.gates import Gate
    from digits.registry.model import Model

# The tag that MLflow's interface shows as the description of a run.
NOTE = "mlflow.note.content"
_MOST_CHANGES = 12


def description(model: Model, gates: Sequence[Gate] = (), of_run: bool = False) -> str:
    """The text.

    Args:
        model: evaluated, with its run.
        gates: what they said, for a version.
        of_run: whether it stands in the run itself, which needs no link then.

    Raises:
        DigitsError: the model has no run, or was never evaluated.
        jinja2.UndefinedError: a fact is missing.
    """
    environment = templates("digits.registry", blocks=True)
    run, results = model.require_run(), model.results
    metrics, validation = results.metrics, results.training.get("val_accuracy")
    return environment.get_template("description.md").render(
        accuracy=_percent(metrics["accuracy"]),
        n=metrics["n"],
        confidence=f"{results.evaluation['confidence']:.0%}",
        interval=f"{100 * metrics['accuracy_low']:.2f} to {100 * metrics['accuracy_high']:.2f}",
        validation=None if validation is None else _percent(validation),
        changed=_changed(model),
        training=f"{results.training['epochs']} epochs: {escaped(results.training['reason'])}.",
        gates=gates,
        run=run.info,
        of_run=of_run,
        page=artifacts.REPORT if _has_page(run) else None,
    )


def _has_page(run: Run) -> bool:
    # Its digest follows that of the pictures.
    return " " in run.data.tags.get(artifacts.PLOTS_MARK, "")


def _changed(model: Model) -> list[str] | None:
    """The parameters that differ from the commit's; None where the commit is not here."""
    run = model.require_run()
    committed = committed_params(run.data.tags.get(artifacts.GIT_COMMIT), run.data.tags.get(artifacts.GIT_FOLDER))
    if committed is None:
        return None
    changed = changed_params(typed(run.data.params), committed)
    words = [f"{escaped(key)} = {escaped(str(value))}" for key, value in changed.items()]
    return words[:_MOST_CHANGES] + ([f"{len(words) - _MOST_CHANGES} more"] if len(words) > _MOST_CHANGES else [])


def _percent(share: float) -> str:
    return f"{100 * share:.2f} %"
