"""A comparison of models as one HTML file that needs no network: tables, curves, and the images they disagree on."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from jinja2 import Environment, FileSystemLoader

from digits.arrays import Rows
from digits.evaluation.comparison import MISSING, Comparison, Entry
from digits.evaluation.paired import p_text
from digits.report.comparison_figures import (
    MARKERS,
    confusion_difference_figure,
    differences_figure,
    histories_figure,
    look,
    svg_uri,
)
from digits.report.comparison_table import cells
from digits.report.sheet import png_uri

# Images of each kind for each model: enough to see what they have in common, in a page of a few hundred kilobytes.
MOST_IMAGES = 60


@dataclass(frozen=True)
class Picture:
    """A test image on which two models disagree.

    Attributes:
        uri: PNG as data URI; None if the images are not at hand.
        row: in the test file.
        actual: name of the true class.
        before: the baseline's answer.
        after: the challenger's answer.
        words: all of it in a sentence, with probabilities.
    """

    uri: str | None
    row: int
    actual: str
    before: str
    after: str
    words: str


@dataclass(frozen=True)
class Disagreement:
    """Images of one kind, the surest mistake first.

    Attributes:
        title: what they have in common.
        total: how many there are; `pictures` may be fewer.
        pictures: those shown.
    """

    title: str
    total: int
    pictures: list[Picture]


def comparison_page(comparison: Comparison, images: Rows | None = None) -> str:
    """The page, with the same bytes for the same comparison.

    Args:
        comparison: of `digits.evaluation.comparison.compare`.
        images: test images uint8 (n, height, width), where row i is image i of the predictions. Without them, the page
            has only the numbers of the images that models disagree on.

    Returns:
        HTML with all styles and pictures inside; it loads nothing and runs no script.
    """
    templates = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    groups = cells(comparison)
    paired = [entry for entry in comparison.entries if entry.paired]
    base = comparison.baseline
    names = _class_names(base, paired)
    return templates.get_template("comparison_page.html").render(
        comparison=comparison,
        base=base.model.name,
        models=groups["Model"].pop("model"),
        groups={title: rows for title, rows in groups.items() if rows},
        verdicts=[entry.verdict for entry in comparison.entries],
        sentences=[
            (entry, *verdict_sentence(entry, base.model.name)) for entry in comparison.entries if entry is not base
        ],
        curves=[
            (
                f"{title} after each epoch, training and validation",
                svg_uri(histories_figure(comparison.entries, key, title)),
            )
            for key, title in (("accuracy", "Accuracy"), ("loss", "Loss"))
        ],
        legend=[
            (colour, MARKERS[marker], entry.model.name)
            for (colour, marker), entry in zip(
                map(look, range(len(comparison.entries))), comparison.entries, strict=True
            )
        ],
        forest=svg_uri(differences_figure(paired)) if paired else None,
        recalls=_recalls(comparison, names),
        details=[
            (
                entry,
                svg_uri(confusion_difference_figure(base, entry, names)),
                disagreements(base, entry, names, images),
            )
            for entry in paired
        ],
    )


def disagreements(base: Entry, entry: Entry, names: Sequence[str], images: Rows | None = None) -> list[Disagreement]:
    """The images to which two models give different answers: won, lost, and both wrong.

    Args:
        base: the baseline.
        entry: the challenger, scored on the same images.
        names: of the classes.
        images: test images uint8 (n, height, width), or None.
    """
    columns = ["image", "actual", "predicted", "probability"]
    frame = pd.DataFrame(base.model.predictions[columns]).rename(columns={"probability": "sure"})
    frame["after"] = entry.model.predictions["predicted"].to_numpy()
    frame["after_sure"] = entry.model.predictions["probability"].to_numpy()
    frame = frame[frame["predicted"] != frame["after"]]
    before_right, after_right = frame["actual"] == frame["predicted"], frame["actual"] == frame["after"]
    before, after = base.model.name, entry.model.name
    kinds = [
        (f"Won: only {after} is right", frame[after_right], "sure"),
        (f"Lost: only {before} is right", frame[before_right], "after_sure"),
        ("Both wrong, with different answers", frame[~before_right & ~after_right], "after_sure"),
    ]
    found = []
    for title, rows, order in kinds:
        shown = rows.sort_values([order, "image"], ascending=[False, True]).head(MOST_IMAGES)
        pictures = []
        for row, actual, first, sure, second, second_sure in zip(*(shown[c].tolist() for c in shown), strict=True):
            words = (
                f"Image {row}, true class {names[actual]}: {before} says {names[first]} ({sure:.0%} sure), "
                f"{after} says {names[second]} ({second_sure:.0%} sure)"
            )
            uri = None if images is None else png_uri(images[row])
            pictures.append(Picture(uri, row, names[actual], names[first], names[second], words))
        found.append(Disagreement(title, len(rows), pictures))
    return found


def _class_names(base: Entry, others: Sequence[Entry]) -> list[str]:
    """Name of label 0, 1, …: the baseline's, and for labels that only others know, that of the one with most names."""
    names = list(base.model.metrics["per_class"])
    longest = max((list(entry.model.metrics["per_class"]) for entry in [base, *others]), key=len)
    return names + longest[len(names) :]


def verdict_sentence(entry: Entry, base: str) -> tuple[str, str]:
    """The verdict on a model beside the baseline called `base`, and its grounds."""
    paired = entry.paired
    reason = entry.note.partition(": ")[2]
    if paired is None:
        return entry.verdict, reason
    verdict = f"{entry.verdict} of a difference from" if entry.verdict == "no evidence" else f"{entry.verdict} than"
    return f"{verdict} {base}", (
        f"{paired.difference * 100:+.2f} points ({paired.low * 100:+.2f} to {paired.high * 100:+.2f}), "
        f"{p_text(paired.p_adjusted)}; {reason}"
    )


def _recalls(comparison: Comparison, names: Sequence[str]) -> list[tuple[str, list[str]]]:
    """Rows of a table: class name, and its recall in percent for each model on the baseline's test data."""
    base = comparison.baseline.model
    scores = [
        list(entry.model.metrics["per_class"].values()) if entry.model.test_sha256 == base.test_sha256 else []
        for entry in comparison.entries
    ]
    # Found by its place, because the label may have another name in another model, or none.
    return [
        (name, [_recall(values[label] if label < len(values) else None) for values in scores])
        for label, name in enumerate(names)
    ]


def _recall(values: dict[str, float] | None) -> str:
    """A recall in percent. There is none of a class that the model does not know, or that no test image has."""
    return f"{values['recall'] * 100:.2f}" if values and values["support"] else MISSING
