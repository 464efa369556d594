"""The model card: what a registered version is, how good, on what data, and where it fails.

Source of the form: M. Mitchell et al., "Model cards for model reporting", FAT* 2019.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from digits.evaluation.perturbation import CLEAN
from digits.evaluation.robustness import worst
from digits.evaluation.scores import METRICS, Metric, absent_classes, weak_classes
from digits.results import Results
from digits.tracking import artifacts

if TYPE_CHECKING:
    from jinja2 import Environment

    from digits.params import RegisterParams


def model_card(results: Results, model_name: str, version: str, params: RegisterParams, looks: int) -> str:
    """The card as Markdown; its pictures are in `plots/` beside it.

    Args:
        results: of the run that made the model.
        model_name: of the registered model.
        version: its number.
        params: section `register`, which says whose the data are.
        looks: how many other models' results on the same test images had been looked at.

    Raises:
        DigitsError: the model was never evaluated.
        jinja2.UndefinedError: a fact is missing.
    """
    environment = templates("digits.registry")
    table = results.robustness
    confidence = f"{results.evaluation['confidence']:.0%}"
    return environment.get_template("model_card.md").render(
        name=model_name,
        version=version,
        looks=looks,
        run_id=results.run_id,
        run_name=results.run_name,
        metrics=results.metrics,
        table=[(metric.name, _cell(metric, results.metrics, confidence)) for metric in METRICS],
        training=results.training,
        params=results.params,
        tags=results.tags,
        sizes=results.dataset,
        side=int(results.params["validate.side"]),
        class_names=results.dataset["class_names"],
        confidence=confidence,
        data_name=params.data_name,
        data_licence=params.data_licence,
        libraries=results.tags[artifacts.LIBRARIES],
        weak=weak_classes(results.metrics["per_class"]),
        absent=absent_classes(results.metrics["per_class"]),
        worst=[] if table is None else worst(table).to_dict("records"),
        unchanged=None if table is None else table[table["perturbation"] == CLEAN].iloc[0],
    )


def templates(package: str, blocks: bool = False) -> Environment:
    """The Markdown templates in a package's folder. Their filter `md` shows a text as it is.

    Args:
        package: such as `digits.registry`.
        blocks: whether a line with a statement alone leaves no line behind.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader(package, "."),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=blocks,
        lstrip_blocks=blocks,
        autoescape=False,
    )
    environment.filters["md"] = escaped
    return environment


def escaped(text: str) -> str:
    """A text as one line of Markdown that shows it as it is, in a cell of a table as well.

    Backslashes keep the signs from meaning anything (CommonMark 0.31.2, section 2.4). `$` is GitHub's for formulas. A
    `>` within a line and a `_` within a word mean nothing (sections 5.1 and 6.2), and stay readable in a terminal.
    """
    return re.sub(r"[\\`*\[\]<&|~$]|^>|(?<![^\W_])_|_(?![^\W_])", r"\\\g<0>", " ".join(str(text).split()))


def _cell(metric: Metric, metrics: dict[str, Any], confidence: str) -> str:
    """A metric's value; where it has an interval, the value is set off from that."""
    value = metric.text(metrics[metric.key])
    if metric.interval is None:
        return value
    _, low, high = (metric.number(metrics[key]) for key in metric.keys)
    return f"**{value}** ({confidence} interval {low} to {high} {metric.unit}, Wilson)"
