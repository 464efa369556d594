"""What was read from drawings, until the page says which readings were final: only those are logged.

The page reads while one draws. A digit that is half drawn belongs in no data set.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from digits.git import person
from digits.serving.http import RequestError

if TYPE_CHECKING:
    from digits.pictures.read import Reading
    from digits.serving.log import ServedLog

# Readings that may become final. A page asks for several a second.
_LATEST = 500


class Note(BaseModel):
    """What the page sends to `/keep`: `{"ids": ["…"], "labelled": {"…": 7}}`."""

    model_config = ConfigDict(strict=True, extra="forbid")

    ids: list[str] = Field(default_factory=list, max_length=_LATEST)
    """Readings that are final."""
    labelled: dict[str, int | None] = Field(default_factory=dict, max_length=_LATEST)
    """What a person says of a final reading: the right class, or null for no digit."""


class Drawn:
    """The latest readings, and the log that takes those that are final."""

    def __init__(self, log: ServedLog) -> None:
        self._log = log
        self._lock = threading.Lock()
        # None: it is in the log already.
        self._latest: OrderedDict[str, tuple[Any, ...] | None] = OrderedDict()

    def remember(self, sha256: str, version: str | None, readings: Sequence[Reading], milliseconds: float) -> list[str]:
        """Keep readings for a while. Returns the id of each."""
        ids = self._log.new_ids(len(readings))
        with self._lock:
            for row, reading in zip(ids, readings, strict=True):
                self._latest[row] = (sha256, version, reading, milliseconds)
            while len(self._latest) > _LATEST:
                self._latest.popitem(last=False)
        return ids

    def keep(self, body: bytes, classes: int) -> None:
        """Log what the page says is final, and what a person says of it. To be told twice changes nothing.

        Args:
            body: the JSON of a `Note`.
            classes: how many the model knows.

        Raises:
            RequestError: it is another JSON, or names a reading or a class that there is not.
        """
        try:
            note = Note.model_validate_json(body)
        except ValidationError:
            raise RequestError(400, 'Send {"ids": ["…"], "labelled": {"…": 7}}, with ids that /read gave.') from None
        rows = dict.fromkeys([*note.ids, *note.labelled])
        with self._lock:
            if unknown := [row for row in rows if row not in self._latest]:
                raise RequestError(409, f"{unknown[0][:40]} is no reading of late: draw it again.")
            if any(label is not None and not 0 <= label < classes for label in note.labelled.values()):
                raise RequestError(400, f"A label is a class from 0 to {classes - 1}, or null for no digit.")
            for row in rows:
                # What a person labels is kept whatever the sample.
                if (facts := self._latest[row]) and (row in note.labelled or self._log.is_sampled()):
                    self._add(row, *facts)
                    self._latest[row] = None
        for row, label in note.labelled.items():
            self._log.label(row, label, person())

    def _add(self, row: str, sha256: str, version: str | None, reading: Reading, milliseconds: float) -> None:
        pixels, probabilities = np.asarray(reading.pixels)[None], np.asarray(reading.probabilities)[None]
        self._log.add(sha256, version, pixels, probabilities, [reading.sure], milliseconds, [row])
