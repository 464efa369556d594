"""What changed in the data: as tables by class in the terminal, and as a page with the images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from digits.data.changes import ADDED, CHANGED, KINDS, NONE, RELABELLED, REMOVED, Changes
from digits.data.raw import Split
from digits.data.revisions import raw_data, revision
from digits.params import flatten, load_params
from digits.paths import PARAMS, project_root
from digits.report.sheet import Picture, png_uri, render
from digits.tracking.source import committed_params

# Images of each kind on the page, shared by the classes: a page of some hundred kilobytes.
MOST_IMAGES = 300
HEADINGS = ("class", "before", "after", ADDED, REMOVED, RELABELLED, CHANGED)
_TOUCHED = [ADDED, REMOVED, "relabelled_away", "relabelled_here", CHANGED]


@dataclass(frozen=True, eq=False)
class Side:
    """The data before or after.

    Attributes:
        title: what a person calls them.
        splits: images and labels of each.
        names: of label 0, 1, …; a label beyond them is its own name.
        transpose: whether rows and columns of the images are swapped.
    """

    title: str
    splits: Mapping[str, Split]
    names: list[str]
    transpose: bool = False

    def name(self, label: int) -> str:
        """The name of a label."""
        return self.names[label] if label < len(self.names) else str(label)

    def picture(self, split: str, row: int) -> str:
        """An image as it looks upright, as data URI."""
        image = self.splits[split].images[row]
        return png_uri(np.ascontiguousarray(image.T) if self.transpose else image)


def side_of(name: str) -> Side:
    """The data of a revision, or of the working tree for an empty name.

    Raises:
        DigitsError: as `digits.data.revisions.raw_data`; or params.yaml of the working tree is wrong.
    """
    found = revision(name) if name else None
    settings = (committed_params(found.commit) or {}) if found else flatten(load_params(project_root() / PARAMS))
    names, transpose = (settings.get(f"preprocess.{key}") for key in ("class_names", "transpose"))
    return Side(name or "the working tree", raw_data(found), [str(one) for one in names or []], bool(transpose))


def print_changes(changes: Changes, before: Side, after: Side, console: Console | None = None) -> None:
    """Print one table a split, of the classes in which something changed, and what else is to be known.

    Args:
        changes: from `digits.data.changes.compare_raw`.
        before: what was compared.
        after: with it.
        console: default is standard output.
    """
    console = console or Console()
    for split, rows in tables(changes, before, after):
        table = Table(
            *HEADINGS,
            box=SIMPLE_HEAD,
            pad_edge=False,
            padding=0,
            title=split,
            title_justify="left",
            title_style="bold",
        )
        for column in table.columns[1:]:
            column.justify = "right"
        for number, (name, cells) in enumerate(rows, 2):
            table.add_row(name, *cells, end_section=number == len(rows))
        console.print(table)
    for line in (sentence(changes, before, after), *notes(changes, before, after)):
        console.print(line, soft_wrap=True, markup=False, highlight=False)


def changes_page(changes: Changes, before: Side, after: Side) -> str:
    """The page, with the same bytes for the same data.

    Args:
        changes: from `digits.data.changes.compare_raw`.
        before: what was compared.
        after: with it.
    """
    return render(
        "data_changes.html",
        before=before.title,
        after=after.title,
        sentence=sentence(changes, before, after),
        notes=notes(changes, before, after),
        headings=HEADINGS,
        tables=tables(changes, before, after),
        kinds=[
            (kind.capitalize(), len(found), list(_groups(found, before, after)))
            for kind in KINDS
            if len(found := changes.of_kind(kind))
        ],
    )


def tables(changes: Changes, before: Side, after: Side) -> list[tuple[str, list[tuple[str, list[str]]]]]:
    """For each split in which something changed: name and cells of its classes and of all, as under `HEADINGS`."""
    found = []
    side = after if len(after.names) >= len(before.names) else before
    for split, table in changes.classes.groupby("split", sort=False):
        numbers = table.droplevel("split")
        touched = numbers[numbers[_TOUCHED].any(axis=1)]
        if len(touched):
            rows = [
                (side.name(int(label)), _cells(row))
                for label, (_, row) in zip(touched.index, touched.iterrows(), strict=True)
            ]
            found.append((str(split), [*rows, (f"all {len(numbers)}", _cells(numbers.sum()))]))
    return found


def _cells(numbers: pd.Series) -> list[str]:
    away, here = numbers["relabelled_away"], numbers["relabelled_here"]
    relabelled = [f"-{away:,}"] * bool(away) + [f"+{here:,}"] * bool(here)
    # A zero would hide what changed.
    added, removed, changed = (f"{numbers[kind]:,}" if numbers[kind] else "" for kind in (ADDED, REMOVED, CHANGED))
    return [f"{numbers['before']:,}", f"{numbers['after']:,}", added, removed, " ".join(relabelled), changed]


def sentence(changes: Changes, before: Side, after: Side) -> str:
    """What changed, in one line."""
    counts = [f"{len(found):,} {kind}" for kind in KINDS if len(found := changes.of_kind(kind))]
    total = f"{changes.classes['after'].sum():,} images"
    return f"{before.title} → {after.title}, {total}: {', '.join(counts) or 'no image and no label changed'}"


def notes(changes: Changes, before: Side, after: Side) -> list[str]:
    """What no table shows."""
    lines = [f"{split}: the images that are in both stand in another order" for split in changes.reordered]
    for split, found in changes.crossed.groupby("split"):
        lines.append(f"{split}: {len(found):,} of the added came from the other split")
    width = max(len(before.names), len(after.names))
    renamed = [(before.name(label), after.name(label)) for label in range(width)]
    listed = [f"{old} → {new}" for old, new in renamed if old != new]
    if listed:
        lines.append(f"classes have other names: {', '.join(listed)}")
    return lines


def _groups(found: pd.DataFrame, before: Side, after: Side) -> Iterator[tuple[str, int, list[Picture]]]:
    """The images of a kind: for each split its name, how many there are, and those that are shown, by class."""
    label = found["before_label"].where(found["before_label"] != NONE, found["after_label"])
    most = max(1, MOST_IMAGES // len({*zip(found["split"], label, strict=True)}))
    shown = found.assign(label=label).sort_values("label", kind="stable").groupby(["split", "label"]).head(most)
    for split, rows in found.groupby("split", sort=False):
        pictures = [_picture(row, before, after) for _, row in shown[shown["split"] == split].iterrows()]
        yield str(split), len(rows), pictures


def _picture(change: pd.Series, before: Side, after: Side) -> Picture:
    """An image that changed. Where its pixels did, both are shown."""
    split, kind, old, new = (change[name] for name in ("split", "kind", "before_row", "after_row"))
    sides = {ADDED: [(after, new)], REMOVED: [(before, old)], RELABELLED: [(after, new)]}
    uris = [side.picture(split, row) for side, row in sides.get(kind, [(before, old), (after, new)])]
    labels = ((before, change["before_label"]), (after, change["after_label"]))
    names = [side.name(label) for side, label in labels if label != NONE]
    rows = [str(row) for row in dict.fromkeys((old, new)) if row != NONE]
    lines = [f"row {' → '.join(rows)}"]
    if change["elsewhere"] != NONE:
        lines.append(f"{'from' if kind == ADDED else 'to'} row {change['elsewhere']} of the other split")
    return Picture(uris, " → ".join(dict.fromkeys(names)), lines)
