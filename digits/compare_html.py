"""A comparison of models as one HTML file that needs no network: tables, curves, and the images they disagree on."""

import base64
import io
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from jinja2 import Environment, FileSystemLoader
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from PIL import Image
from sklearn.metrics import confusion_matrix

from digits.compare import Comparison, Entry, cells
from digits.statistics import p_text
from digits.style import BLACK, BLUE, GREY, PALETTE, VERMILION, style, text_colour

# Of each kind, for each model: enough to see what they have in common, and a page of a few hundred kilobytes.
MOST_IMAGES = 60
# Beyond the palette, colours come again with another marker. On the left Matplotlib's, on the right the character.
_MARKERS = {"o": "●", "s": "■", "^": "▲", "D": "◆", "v": "▼", "P": "✚", "X": "✖"}
_DOTTED = (0, (2, 2))
# Beyond this, numbers in the cells of a confusion matrix can no longer be read.
_MOST_NUMBERED_CLASSES = 30


@dataclass(frozen=True)
class Picture:
    """A test image on which two models disagree.

    Attributes:
        uri: PNG as data URI, None where the images are not at hand.
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
    """Images of one kind, those with the surest mistake first.

    Attributes:
        title: what they have in common.
        total: how many there are; `pictures` may be fewer.
        pictures: those shown.
    """

    title: str
    total: int
    pictures: list[Picture]


def comparison_page(comparison: Comparison, images: np.ndarray | None = None) -> str:
    """The page, with the same bytes for the same comparison.

    Args:
        comparison: of `digits.compare.compare`.
        images: test images uint8 (n, height, width), where row i is image i of the predictions; without them, those
            that models disagree on are listed by number only.

    Returns:
        HTML with all styles and pictures inside; it loads nothing and runs no script.
    """
    templates = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    names = list(comparison.baseline.candidate.metrics["per_class"])
    groups = cells(comparison)
    paired = [entry for entry in comparison.entries if entry.paired]
    base = comparison.baseline
    return templates.get_template("compare.html").render(
        comparison=comparison,
        base=base.candidate.name,
        models=groups["Model"].pop("model"),
        groups={title: rows for title, rows in groups.items() if rows},
        verdicts=[entry.verdict for entry in comparison.entries],
        sentences=[
            (entry, *_sentence(entry, base.candidate.name)) for entry in comparison.entries if entry is not base
        ],
        curves=[
            (
                f"{title} after each epoch, training and validation",
                svg_uri(curves_figure(comparison.entries, key, title)),
            )
            for key, title in (("accuracy", "Accuracy"), ("loss", "Loss"))
        ],
        legend=[
            (colour, _MARKERS[marker], entry.candidate.name)
            for (colour, marker), entry in zip(
                map(_look, range(len(comparison.entries))), comparison.entries, strict=True
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


def curves_figure(entries: Sequence[Entry], key: str, title: str) -> Figure:
    """Training and validation curves of all models on one pair of axes.

    Args:
        entries: the models.
        key: `accuracy` or `loss`, a column of the histories beside `val_` and itself.
        title: of the vertical axis.
    """
    with style():
        figure = Figure(figsize=(7, 4.8))
        axes = figure.subplots()
        for i, entry in enumerate(entries):
            history = entry.candidate.history
            colour, marker = _look(i)
            axes.plot(history["epoch"], history[f"val_{key}"], color=colour, marker=marker, markersize=5)
            axes.plot(history["epoch"], history[key], color=colour, linestyle=_DOTTED, linewidth=1.6)
        axes.set_xlabel("Epoch")
        axes.set_ylabel(title)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(axis="y")
        # The models' names are outside, where there is room for any number of any length.
        kinds = [
            Line2D([], [], color=GREY, label="validation"),
            Line2D([], [], color=GREY, linestyle=_DOTTED, linewidth=1.6, label="training"),
        ]
        # Where the curves are not: accuracy ends at the top, loss at the bottom.
        axes.legend(handles=kinds, loc="lower right" if key == "accuracy" else "upper right")
    return figure


def differences_figure(entries: Sequence[Entry]) -> Figure:
    """Difference in accuracy to the baseline, with its interval, one line a model.

    Args:
        entries: those with a paired comparison.
    """
    with style():
        figure = Figure(figsize=(8, 1.2 + 0.45 * len(entries)))
        axes = figure.subplots()
        axes.axvline(0, color=GREY, linewidth=1.2)
        for row, entry in enumerate(entries):
            paired = entry.paired
            assert paired is not None
            colour = {"better": BLUE, "worse": VERMILION}.get(paired.verdict, BLACK)
            low, middle, high = (100 * value for value in (paired.low, paired.difference, paired.high))
            axes.errorbar(
                middle, row, xerr=[[middle - low], [high - middle]], fmt="o", color=colour, capsize=5, linewidth=2.2
            )
            axes.annotate(paired.verdict, (1.01, row), xycoords=("axes fraction", "data"), va="center", color=colour)
        axes.set_yticks(range(len(entries)), [textwrap.fill(entry.candidate.name, 28) for entry in entries])
        axes.set_ylim(len(entries) - 0.5, -0.5)
        axes.set_xlabel("Accuracy compared with the baseline, in percentage points")
        axes.grid(axis="x")
    return figure


def confusion_difference_figure(base: Entry, entry: Entry, names: Sequence[str]) -> Figure:
    """How many images more or fewer the challenger puts into each cell of the confusion matrix.

    Blue is better (more on the diagonal, fewer elsewhere), orange is worse.

    Args:
        base: the baseline.
        entry: the challenger, scored on the same images.
        names: of the classes.
    """
    change = _confusion(entry, len(names)) - _confusion(base, len(names))
    benefit = np.where(np.eye(len(names), dtype=bool), change, -change)
    limit = max(int(np.abs(benefit).max()), 1)
    colours = LinearSegmentedColormap.from_list("worse_better", [VERMILION, "#FFFFFF", BLUE])
    side = max(0.5 * min(len(names), 40), 4)
    with style():
        figure = Figure(figsize=(side + 1.6, side + 1.1))
        axes = figure.subplots()
        axes.imshow(benefit, cmap=colours, vmin=-limit, vmax=limit)
        for (row, column), value in np.ndenumerate(change):
            if value and len(names) <= _MOST_NUMBERED_CLASSES:
                colour = text_colour(colours((benefit[row, column] + limit) / (2 * limit)))
                axes.text(column, row, f"{value:+d}", ha="center", va="center", fontsize=11, color=colour)
        axes.set_xticks(range(len(names)), names, rotation=0 if max(map(len, names)) <= 3 else 90)
        axes.set_yticks(range(len(names)), names)
        # White lines between the cells, and a frame to show where empty ones end.
        axes.set_xticks(np.arange(len(names) - 1) + 0.5, minor=True)
        axes.set_yticks(np.arange(len(names) - 1) + 0.5, minor=True)
        axes.grid(which="minor", color="#E5E5E5", linewidth=0.6)
        axes.tick_params(which="both", length=0)
        axes.spines[["top", "right"]].set_visible(True)
        axes.set_xlabel("Predicted class")
        axes.set_ylabel("True class")
    return figure


def disagreements(
    base: Entry, entry: Entry, names: Sequence[str], images: np.ndarray | None = None
) -> list[Disagreement]:
    """The images to which two models give different answers: won, lost, and wrong both times.

    Args:
        base: the baseline.
        entry: the challenger, scored on the same images.
        names: of the classes.
        images: test images uint8 (n, height, width), or None.
    """
    columns = ["image", "actual", "predicted", "probability"]
    frame = pd.DataFrame(base.candidate.predictions[columns]).rename(columns={"probability": "sure"})
    frame["after"] = entry.candidate.predictions["predicted"].to_numpy()
    frame["after_sure"] = entry.candidate.predictions["probability"].to_numpy()
    frame = frame[frame["predicted"] != frame["after"]]
    before_right, after_right = frame["actual"] == frame["predicted"], frame["actual"] == frame["after"]
    before, after = base.candidate.name, entry.candidate.name
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


def svg_uri(figure: Figure) -> str:
    """A figure as data URI, with the same bytes for the same figure."""
    out = io.BytesIO()
    # Identifiers in the file are made when it is drawn, from the style's salt.
    with style():
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    return "data:image/svg+xml;base64," + base64.b64encode(out.getvalue()).decode()


def png_uri(pixels: np.ndarray) -> str:
    """An image, uint8 (height, width), as data URI; 0 is black."""
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, format="PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()


def _look(i: int) -> tuple[str, str]:
    """Colour and marker of model i."""
    return PALETTE[i % len(PALETTE)], list(_MARKERS)[i // len(PALETTE) % len(_MARKERS)]


def _confusion(entry: Entry, classes: int) -> np.ndarray:
    predictions = entry.candidate.predictions
    return confusion_matrix(predictions["actual"], predictions["predicted"], labels=range(classes))


def _sentence(entry: Entry, base: str) -> tuple[str, str]:
    """The verdict, and what it rests on."""
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
    base = comparison.baseline.candidate
    return [
        (
            name,
            [
                # By place: the same label may have another name there.
                f"{list(entry.candidate.metrics['per_class'].values())[label]['recall'] * 100:.2f}"
                if entry.candidate.test_sha256 == base.test_sha256
                else "–"
                for entry in comparison.entries
            ],
        )
        for label, name in enumerate(names)
    ]
