"""The logged images that nobody has labelled yet, in the order in which people are asked for them.

Ids and what orders them stay in memory. Pixels are read for the images that are shown alone.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute

from digits.serving.journal import log_files, read_file
from digits.serving.labels import read_labels

Order = Literal["least-sure", "random"]
# After so long, an image that was given to a page is given to others.
_HELD_SECONDS = 600.0
_SHOWN = ("id", "side", "pixels", "digit", "probabilities")


class Unlabelled:
    """What is left to label of a log. Its methods may be called from several threads."""

    def __init__(self, folder: Path, order: Order = "least-sure", model_sha256: str | None = None) -> None:
        """Find out which rows there are.

        Args:
            folder: of the log.
            order: `least-sure`: by the probability of the answer, the lowest first. `random`: by a hash of the id. Then
                only labels of that order count as such, so that what has one is a random sample of all rows.
            model_sha256: leave out what other models read.

        Raises:
            DigitsError: the log is missing or damaged.
        """
        self.order = order
        self._folder, self._model_sha256 = folder, model_sha256
        self._lock = threading.Lock()
        # By page, when each image was given to it.
        self._held: dict[str, dict[str, float]] = {}
        self._look()

    def __len__(self) -> int:
        return len(self._rows)

    def take(self, page: str, count: int, anew: bool) -> dict[str, Any]:
        """Give images to a page: such as it has not had, and no other page has at present.

        Args:
            page: its name.
            count: how many at most.
            anew: look for new rows, and give what the page has had as well.

        Returns:
            `labelled` and `left`: how many rows have and lack a label; `images`: dictionaries with `id`, `side`,
            `pixels` (bytes), `digit` and `probabilities`; `last`: there are no others.

        Raises:
            DigitsError: the log is damaged.
        """
        with self._lock:
            if anew:
                self._held.pop(page, None)
                self._look()
            is_labelled = self._is_in(read_labels(self._folder, "random" if self.order == "random" else None))
            chosen = np.flatnonzero(~is_labelled & ~self._is_in(self._held_for(page)))[:count]
            rows = self._rows.take(chosen)
            ids = rows["id"].to_pylist()
            self._held.setdefault(page, {}).update(dict.fromkeys(ids, time.monotonic()))
            labelled = int(is_labelled.sum())
            images = self._images(ids, rows)
            return {"labelled": labelled, "left": len(self) - labelled, "images": images, "last": len(ids) < count}

    def leave(self, page: str) -> None:
        """Let others have what a page was given."""
        with self._lock:
            self._held.pop(page, None)

    def classes_of(self, row: str) -> int | None:
        """How many classes the model knew that read a row; None for what is no row."""
        place = pa.compute.index(self._rows["id"], row).as_py()
        return None if place < 0 else self._rows["classes"][place].as_py()

    def _held_for(self, page: str) -> list[str]:
        """What is not given to a page."""
        late = time.monotonic() - _HELD_SECONDS
        held = [(holder, row, since) for holder, rows in self._held.items() for row, since in rows.items()]
        return [row for holder, row, since in held if holder == page or since > late]

    def _is_in(self, ids: Iterable[str]) -> np.ndarray:
        return pa.compute.is_in(self._rows["id"], pa.array(ids, pa.string())).to_numpy()

    def _images(self, ids: list[str], rows: pa.Table) -> list[dict[str, Any]]:
        """The images of rows, without those of files that are gone."""
        found: dict[str, dict[str, Any]] = {}
        for file in rows["file"].unique():
            places = rows.filter(pa.compute.equal(rows["file"], file))["place"].to_numpy()
            found |= {row["id"]: row for row in read_file(self._files[file.as_py()], _SHOWN, places).to_pylist()}
        return [found[row] for row in ids if row in found]

    def _look(self) -> None:
        self._files = log_files(self._folder, "rows")
        self._rows = pa.concat_tables([_NONE, *map(self._rows_of, range(len(self._files)))]).sort_by("key")

    def _rows_of(self, number: int) -> pa.Table:
        """Of each row of a file its id, what orders it, its number of classes, and where it is."""
        table = read_file(self._files[number], ("id", "model_sha256", "probabilities"))
        table = table.append_column("place", pa.array(np.arange(len(table))))
        if self._model_sha256:
            table = table.filter(pa.compute.equal(table["model_sha256"], self._model_sha256))
        classes = pa.compute.list_value_length(table["probabilities"]).to_numpy().astype(np.int64)
        if self.order == "random":
            keys = pd.util.hash_array(table["id"].to_numpy().astype(object), categorize=False).astype(np.float64)
        else:
            flat = pa.compute.list_flatten(table["probabilities"]).to_numpy()
            keys = np.maximum.reduceat(flat, classes.cumsum() - classes).astype(np.float64)
        columns = [table["id"], keys, classes, np.full(len(table), number), table["place"]]
        return pa.Table.from_arrays(columns, schema=_NONE.schema)


_NONE = pa.schema(
    [
        pa.field("id", pa.string()),
        pa.field("key", pa.float64()),
        pa.field("classes", pa.int64()),
        pa.field("file", pa.int64()),
        pa.field("place", pa.int64()),
    ]
).empty_table()
