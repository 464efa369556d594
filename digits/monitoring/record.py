"""The record of a verdict in MLflow: a run of its own, tagged with the version that served."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from digits.monitoring.drift import TITLES
from digits.tracking.observation import write_observation

if TYPE_CHECKING:
    from digits.monitoring.live import Served
    from digits.monitoring.monitor import Verdict
    from digits.registry.model import Model
    from digits.registry.versions import Registry


def record(registry: Registry, model: Model, verdict: Verdict, live: Served, page: str) -> str:
    """Write a run with the verdict's figures and the page.

    Args:
        registry: in whose store it is written.
        model: a registered version.
        verdict: on what it served.
        live: what it served.
        page: from `digits.monitoring.page.monitor_page`.

    Returns:
        The id of the run.
    """
    assert model.version is not None
    tags = {
        "served_model": model.version.name,
        "served_version": str(model.version.version),
        "served_sha256": model.sha256,
        "served_from": live.first.isoformat(timespec="seconds"),
        "served_to": live.last.isoformat(timespec="seconds"),
        "alarms": ", ".join(TITLES[name] for name in verdict.alarms) or "none",
    }
    name = f"{model.title}, to {live.last:%Y-%m-%d %H:%M}"
    return write_observation(registry.client, name, tags, metrics_of(verdict), page)


def metrics_of(verdict: Verdict) -> dict[str, float]:
    """The verdict's figures by the names that they have in MLflow. What is not known of this batch is left out."""
    found = {
        "images": verdict.images,
        "alarm": float(bool(verdict.alarms)),
        "threshold": verdict.threshold,
        "false_alarms": verdict.false_alarms,
        "not_sure": verdict.refused[0],
        "labelled": verdict.labelled,
        "labelled_at_random": float(verdict.labelled_at_random),
        "expectations": len(verdict.checks),
        "expectations_failed": sum(not check.success for check in verdict.checks),
    }
    found |= dict(zip(("accuracy_estimated", "accuracy_low", "accuracy_high"), verdict.accuracy, strict=True))
    if verdict.labelled_accuracy:
        found["accuracy_labelled"] = verdict.labelled_accuracy[0]
    for name, row in verdict.table.iterrows():
        found |= {f"p_adjusted/{name}": row["adjusted"], f"mean/{name}": row["found"]}
    found |= {f"class_share/{label}": share for label, share in enumerate(verdict.shares)}
    return {key: float(value) for key, value in found.items() if math.isfinite(value)}
