"""A log of what was served, as a data set: one row an image, in Parquet files of a day at most.

Rows go once a second into a journal, which becomes a Parquet file when its day is over, when it is large, and when the
process ends. The journal of a process that was killed is made one by the next process that opens the folder.
"""

from __future__ import annotations

import datetime
import itertools
import random
import secrets
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from digits.errors import DigitsError
from digits.files import atomic_path
from digits.serving.journal import LABELS, ROWS, SCHEMAS, SHADOWS, Journal, drop_oldest, finish_journals

_FLUSH_SECONDS = 1.0
# Rows that wait in memory while the disk takes none. Then the oldest are dropped.
_MOST_WAITING = 100_000
_MEGABYTE = 10**6


class ServedLog:
    """The log that one process writes. Its methods may be called from several threads."""

    def __init__(self, folder: Path, command: str, keep: float = 1000.0, sample: float = 1.0) -> None:
        """Open a folder, and bring what killed processes left in it to its end.

        Args:
            folder: is created if need be.
            command: `serve` or `draw`.
            keep: megabytes that the Parquet files may take in all. The oldest go first; labels stay.
            sample: the share of requests that is kept, 0 to 1.

        Raises:
            DigitsError: the folder cannot be made or written.
        """
        self.folder, self._command, self._sample = folder, command, sample
        self._keep = round(keep * _MEGABYTE)
        what = "Every answer" if sample == 1 else f"{sample:.4g} of all answers"
        self.notice = f"{what} and its image is kept in {folder}.\n"
        self._token = secrets.token_hex(6)
        self._numbers = itertools.count(1)
        self._waiting: dict[str, list[tuple[Any, ...]]] = {kind: [] for kind in SCHEMAS}
        self._journals: dict[str, Journal] = {}
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._ended = threading.Event()
        self._trouble = ""
        self._said = 0.0
        try:
            folder.mkdir(parents=True, exist_ok=True)
            finish_journals(folder)
            with atomic_path(folder / ".writable") as part:
                part.touch()
            (folder / ".writable").unlink(missing_ok=True)
        except OSError as error:
            raise DigitsError(f"{folder}: cannot be written ({error.strerror or error})") from None
        self._thread = threading.Thread(target=self._write_on, daemon=True, name="log")
        self._thread.start()

    def add(
        self,
        model_sha256: str,
        model_version: str | None,
        pixels: np.ndarray,
        probabilities: np.ndarray,
        sure: Sequence[bool],
        milliseconds: float,
        ids: list[str] | None = None,
    ) -> list[str]:
        """Log the answers of a request. They are written within a second.

        Args:
            model_sha256: of the model.
            model_version: number of its version, if it is one.
            pixels: uint8 (n, side, side).
            probabilities: float32 (n, classes).
            sure: of each image, whether the answer is sure.
            milliseconds: that the request took.
            ids: from `new_ids`, of a request that is kept whatever the sample; default is new ones.

        Returns:
            The id of each row, for `label`; none for a request that is not in the sample.
        """
        if ids is None and not self.is_sampled():
            return []
        ids = ids or self.new_ids(len(pixels))
        self._put("rows", (time.time(), ids, model_sha256, model_version, pixels, probabilities, sure, milliseconds))
        return ids

    def shadow(
        self,
        rows: list[str],
        model_sha256: str,
        model_version: str | None,
        probabilities: np.ndarray,
        sure: Sequence[bool],
        served_sha256: str,
        served: np.ndarray,
    ) -> None:
        """Log what a shadow says of rows.

        Args:
            rows: their ids.
            model_sha256: of the shadow.
            model_version: number of its version, if it is one.
            probabilities: float32 (n, classes), of the shadow.
            sure: of each image, whether the shadow is sure.
            served_sha256: of the model that served.
            served: float32 (n, classes), the probabilities of that model.
        """
        self._put(
            "shadows", (time.time(), rows, model_sha256, model_version, probabilities, sure, served_sha256, served)
        )

    def is_sampled(self) -> bool:
        """Whether the next request is in the sample: drawn anew in each call."""
        return random.random() < self._sample

    def new_ids(self, count: int) -> list[str]:
        """Names for rows that may be added later."""
        return [f"{self._token}-{next(self._numbers)}" for _ in range(count)]

    def label(self, row: str, label: int | None, who: str) -> None:
        """Log what a person says of a row that they drew.

        Args:
            row: its id.
            label: of the right class; None for no digit.
            who: the person.
        """
        self._put("labels", (time.time(), row, label, who, "drawn", False))

    def label_at_once(self, row: str, label: int | None, who: str, chosen: str, withdrawn: bool = False) -> None:
        """Write what a person says of a row to the disk, before this returns.

        Args:
            row: its id.
            label: of the right class; None for no digit.
            who: the person.
            chosen: how the person came to the row, as in `LABELS`.
            withdrawn: the person takes back what they said of the row last.

        Raises:
            OSError: it could not be written, and counts as not said.
        """
        with self._writing:
            # The last one in time counts, also where the clock is set back.
            self._said = max(time.time(), self._said + 1e-6)
            self._write("labels", [(self._said, row, label, who, chosen, withdrawn)])

    def close(self) -> None:
        """Write what is waiting, and make Parquet files of the journals."""
        self._ended.set()
        self._thread.join()
        self._flush()
        with self._writing:
            for kind in list(self._journals):
                self._finish(kind)
            finish_journals(self.folder)

    def _put(self, kind: str, row: tuple[Any, ...]) -> None:
        with self._lock:
            self._waiting[kind].append(row)

    def _write_on(self) -> None:
        while not self._ended.wait(_FLUSH_SECONDS):
            self._flush()

    def _flush(self) -> None:
        """Write all rows that are waiting. Those that the disk does not take go on waiting."""
        for kind in SCHEMAS:
            with self._lock:
                taken, self._waiting[kind] = self._waiting[kind], []
            if not taken:
                continue
            try:
                with self._writing:
                    self._write(kind, taken)
                self._trouble = ""
            except OSError as error:
                with self._lock:
                    self._waiting[kind] = _latest(kind, taken + self._waiting[kind])
                if (trouble := str(error.strerror or error)) != self._trouble:
                    print(f"digits: --log {self.folder}: rows wait in memory: {trouble}", file=sys.stderr)
                self._trouble = trouble

    def _write(self, kind: str, taken: list[tuple[Any, ...]]) -> None:
        day = datetime.datetime.fromtimestamp(taken[-1][0], datetime.UTC).date().isoformat()
        journal = self._journals.get(kind)
        # Another day, later or, by a clock that was set back, earlier; or so much that the oldest could not go.
        if journal and (journal.day != day or journal.size() > self._keep // 4):
            self._finish(kind)
            journal = None
        if journal is None:
            journal = self._journals[kind] = Journal(self.folder, kind, day)
        try:
            journal.write(self._batch(kind, taken))
        except OSError:
            # Nothing can follow what was written half. What came before it stays.
            self._journals.pop(kind).abandon()
            raise

    def _batch(self, kind: str, taken: list[tuple[Any, ...]]) -> pa.RecordBatch:
        if kind == "labels":
            return _labels_batch(taken)
        return _shadows_batch(taken) if kind == "shadows" else self._rows_batch(taken)

    def _rows_batch(self, taken: list[tuple[Any, ...]]) -> pa.RecordBatch:
        columns: dict[str, list[Any]] = {field.name: [] for field in ROWS}
        for when, ids, sha256, version, pixels, probabilities, sure, milliseconds in taken:
            count = len(ids)
            columns["id"] += ids
            columns["time"] += [round(when * 1e6)] * count
            columns["command"] += [self._command] * count
            columns["model_sha256"] += [sha256] * count
            columns["model_version"] += [version] * count
            columns["side"] += [pixels.shape[1]] * count
            columns["pixels"] += [image.tobytes() for image in pixels]
            columns["probabilities"] += probabilities.tolist()
            columns["digit"] += probabilities.argmax(axis=1).tolist()
            columns["sure"] += list(sure)
            columns["milliseconds"] += [milliseconds] * count
        return pa.RecordBatch.from_pydict(columns, schema=ROWS)

    def _finish(self, kind: str) -> None:
        self._journals.pop(kind).finish()
        if kind != "labels":
            drop_oldest(self.folder, self._keep)


def _latest(kind: str, waiting: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """The last of what is waiting, as much as may wait. A request has a row for each of its images."""
    sizes = np.array([1 if kind == "labels" else len(entry[1]) for entry in waiting])
    return waiting[int((sizes[::-1].cumsum()[::-1] > _MOST_WAITING).sum()) :]


def _labels_batch(taken: list[tuple[Any, ...]]) -> pa.RecordBatch:
    rows = [
        {"id": row, "time": round(when * 1e6), "label": label, "who": who, "chosen": chosen, "withdrawn": withdrawn}
        for when, row, label, who, chosen, withdrawn in taken
    ]
    return pa.RecordBatch.from_pylist(rows, schema=LABELS)


def _shadows_batch(taken: list[tuple[Any, ...]]) -> pa.RecordBatch:
    columns: dict[str, list[Any]] = {field.name: [] for field in SHADOWS}
    for when, ids, sha256, version, probabilities, sure, served_sha256, served in taken:
        count = len(ids)
        columns["id"] += ids
        columns["time"] += [round(when * 1e6)] * count
        columns["model_sha256"] += [sha256] * count
        columns["model_version"] += [version] * count
        columns["probabilities"] += probabilities.tolist()
        columns["digit"] += probabilities.argmax(axis=1).tolist()
        columns["sure"] += list(sure)
        columns["served_sha256"] += [served_sha256] * count
        columns["served_digit"] += served.argmax(axis=1).tolist()
        columns["served_probability"] += served.max(axis=1).tolist()
    return pa.RecordBatch.from_pydict(columns, schema=SHADOWS)
