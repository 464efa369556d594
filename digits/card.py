"""The model card: what a registered version is, how good, on what data, and where it fails.

Source of the form: M. Mitchell et al., "Model cards for model reporting", FAT* 2019.
"""

from __future__ import annotations

from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined

from digits.robustness import CLEAN, worst


def model_card(
    *,
    name: str,
    version: str,
    run_id: str,
    run_name: str,
    metrics: dict[str, Any],
    training: dict[str, Any],
    params: dict[str, str],
    tags: dict[str, str],
    sizes: dict[str, int],
    side: int,
    class_names: list[str],
    confidence: str,
    data_name: str,
    data_licence: str,
    libraries: str,
    robustness: pd.DataFrame | None = None,
) -> str:
    """The card as Markdown; its pictures are in `plots/` beside it.

    Args:
        name: of the registered model.
        version: its number.
        run_id: of the MLflow run that trained it.
        run_name: what people call that run.
        metrics: `test` of reports/metrics.json.
        training: reports/training.json.
        params: flat, as the run logged them.
        tags: of the run.
        sizes: images by split.
        side: height and width of an image in pixels.
        class_names: name of label 0, 1, ….
        confidence: of the interval of the accuracy, as text.
        data_name: what the data set is called.
        data_licence: under which licence, and by whom.
        libraries: names and versions.
        robustness: from `digits.robustness.robustness`, or None for a run that was not measured so.

    Raises:
        jinja2.UndefinedError: a fact is missing.
    """
    environment = Environment(
        loader=PackageLoader("digits"), undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False
    )
    return environment.get_template("model_card.md").render(
        name=name,
        version=version,
        run_id=run_id,
        run_name=run_name,
        metrics=metrics,
        training=training,
        params=params,
        tags=tags,
        sizes=sizes,
        side=side,
        class_names=class_names,
        confidence=confidence,
        data_name=data_name,
        data_licence=data_licence,
        libraries=libraries,
        weak=weak_classes(metrics["per_class"]),
        worst=[] if robustness is None else worst(robustness).to_dict("records"),
        unchanged=None if robustness is None else robustness[robustness["perturbation"] == CLEAN].iloc[0],
    )


def weak_classes(per_class: dict[str, dict[str, float]], count: int = 2) -> list[str]:
    """The classes with the lowest F1, lowest first, ties in the order of labels."""
    return sorted(per_class, key=lambda name: per_class[name]["f1"])[:count]
