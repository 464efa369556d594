"""The verdict as one HTML file that needs no network: tests, histograms, class shares and the strangest images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jinja2 import Environment, FileSystemLoader

from digits.monitoring.drift import NUMBERS
from digits.monitoring.monitor import number_text, sentences, table_rows
from digits.report.comparison_page import png_uri
from digits.validation.expectations import FEATURES

if TYPE_CHECKING:
    from digits.monitoring.live import Observed, Served
    from digits.monitoring.monitor import Verdict
    from digits.monitoring.strangest import Strange

_BINS = 30
# Of the drawing, in units of its own.
_WIDTH, _HEIGHT = 300, 90


@dataclass(frozen=True)
class Histogram:
    """Two outlines over one axis.

    Attributes:
        title: of the axis.
        low: its beginning.
        high: its end.
        validation: the outline as an SVG path in a box of `_WIDTH` by `_HEIGHT`, y down.
        live: likewise.
        is_alarm: whether the two differ.
    """

    title: str
    low: str
    high: str
    validation: str
    live: str
    is_alarm: bool


def monitor_page(verdict: Verdict, validation: Observed, live: Served, title: str, names: Sequence[str]) -> str:
    """The page, with the same bytes for the same verdict.

    Args:
        verdict: on the live images.
        validation: what they were compared with.
        live: what was served.
        title: of the model.
        names: of the classes.

    Returns:
        HTML with all styles and pictures inside; it loads nothing and runs no script.
    """
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    least_sure = live.extremes.least_sure(validation.columns)
    farthest = live.extremes.farthest(validation.columns)
    *facts, outcome = sentences(verdict)
    return environment.get_template("page.html").render(
        title=title,
        verdict=verdict,
        since=f"{live.first:%Y-%m-%d %H:%M}",
        until=f"{live.last:%Y-%m-%d %H:%M}",
        outcome=outcome,
        facts=[line.strip() for line in facts if not line.startswith("  ")],
        rows=table_rows(verdict),
        histograms=[_histogram(name, validation, live, verdict) for name in NUMBERS],
        box=f"0 0 {_WIDTH} {_HEIGHT}",
        classes=_classes(verdict, validation, live, names),
        checks=verdict.checks,
        sheets=[
            ("Least sure", [(png_uri(one.pixels), *_words(one, names, False)) for one in least_sure]),
            (
                "Farthest from the validation images",
                [(png_uri(one.pixels), *_words(one, names, True)) for one in farthest],
            ),
        ],
    )


def _words(one: Strange, names: Sequence[str], by_feature: bool) -> tuple[str, str, str]:
    """What was read, why the image is here, and both in a sentence."""
    name = names[one.digit] if one.digit < len(names) else str(one.digit)
    sure, feature = f"{one.confidence:.0%}", f"{FEATURES[one.feature]} {one.value:.3g}"
    sentence = f"Read as {name} with a probability of {sure}; what is strangest in it: {feature}"
    return name, feature if by_feature else sure, sentence


def _classes(
    verdict: Verdict, validation: Observed, live: Observed, names: Sequence[str]
) -> list[tuple[str, float, float, float]]:
    """Of each class: name, share of the validation images, share of the answers, estimated share of the live images."""
    known, read = (
        np.bincount(values, minlength=len(names))[: len(names)] / len(values)
        for values in (validation.labels, live.columns["digit"])
    )
    return list(zip(names, known.tolist(), read.tolist(), verdict.shares, strict=True))


def _histogram(name: str, validation: Observed, live: Observed, verdict: Verdict) -> Histogram:
    """The outlines over the range of nearly all images of both kinds."""
    theirs, ours = (one.columns[name][np.isfinite(one.columns[name])] for one in (validation, live))
    # All may be blank images, which have no centre.
    ends = [np.quantile(part, [0.002, 0.998]) for part in (theirs, ours) if len(part)] or [np.zeros(2)]
    low, high = float(np.min(ends)), float(np.max(ends))
    # A bar for each whole number, where there are few.
    is_whole = theirs.dtype.kind in "iu" and high - low < _BINS
    edges = np.arange(low - 0.5, high + 1) if is_whole else np.linspace(low, max(high, low + 1e-6), _BINS + 1)
    shares = [np.histogram(part.clip(edges[0], edges[-1]), edges)[0] / max(1, len(part)) for part in (theirs, ours)]
    highest = max(part.max() for part in shares)
    known, served = (_outline(part / max(highest, 1e-9)) for part in shares)
    first, last = (number_text(edge, name) for edge in (low, high))
    return Histogram(NUMBERS[name], first, last, known, served, name in verdict.alarms)


def _outline(heights: np.ndarray) -> str:
    """The outline of bars of heights from 0 to 1 as an SVG path, closed at the bottom."""
    step = _WIDTH / len(heights)
    parts = [f"V{_HEIGHT * (1 - height):.1f}H{step * (i + 1):.1f}" for i, height in enumerate(heights.tolist())]
    return f"M0 {_HEIGHT}{''.join(parts)}V{_HEIGHT}Z"
