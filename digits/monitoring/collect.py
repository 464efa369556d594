"""What people said of served images becomes a data set to train and test on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from digits import dvc, paths
from digits.data.feedback import COLUMNS, Feedback, pixels_sha256, read_feedback, write_feedback
from digits.data.raw import Split, read_raw
from digits.serving.journal import read_log
from digits.serving.labels import Label, read_said
from digits.validation.expectations import single_images
from digits.validation.features import image_digests, twins
from digits.validation.run import run_expectations

if TYPE_CHECKING:
    from digits.params import Params

_ROW_COLUMNS = ["id", "model_sha256", "side", "pixels", "probabilities", "digit"]


@dataclass(frozen=True)
class Collected:
    """What came of collecting.

    Attributes:
        added: new images.
        relabelled: images of the data set whose label is another one now.
        removed: images of the data set whose label does not count any more.
        left_out: why images were not taken, and how many.
        counts: images of the data set now, `train` and `test`.
    """

    added: int
    relabelled: int
    removed: int
    counts: dict[str, int]
    left_out: dict[str, int] = field(default_factory=dict)

    @property
    def is_new(self) -> bool:
        """Whether the data set is another one now."""
        return bool(self.added or self.relabelled or self.removed)


def collect(log: Path, folder: Path, raw: Path, params: Params) -> Collected:
    """Bring a data set to what people say now of the images of a log.

    An image leaves it whose label was taken back, or is `no digit` now, or contradicts another one; one that the log
    alone has dropped stays. Left out are images of which people say different things, that fail the expectations of
    section `validate` for every single image, or that the raw data have as well: what is trained on must not stand
    among the test images.

    Args:
        log: its folder.
        folder: of the data set; it is made if need be.
        raw: the raw data.
        params: all of them.

    Raises:
        DigitsError: the log, the data set or the raw data are missing or damaged.
    """
    side, classes = params.validate_.side, len(params.preprocess.class_names)
    present = read_feedback(folder, side)
    said = read_said(log)
    found, left_out = _labelled(log, {row: labels[-1] for row, labels in said.items() if labels}, side, classes)
    found, contradicted = _agreed(found)
    left_out["labelled in different ways"] = len(contradicted)
    for reason, find in (
        ("in the raw data as well", lambda one: _is_twin(one.images, raw, params.preprocess.transpose)),
        ("failing an expectation of `validate`", lambda one: _fails(one, params)),
    ):
        is_bad = find(found)
        left_out[reason] = int(is_bad.sum())
        found = _take(found, found.table[~is_bad])
    unlabelled = [row for row, labels in said.items() if not labels or labels[-1].label is None]
    stays = ~(present.table["id"].isin(unlabelled) | present.table["sha256"].isin(contradicted))
    merged = _merge(_take(present, present.table[stays]), found)
    before, now = (dict(zip(one.table["sha256"], one.table["label"], strict=True)) for one in (present, merged))
    outcome = Collected(
        added=len(now.keys() - before.keys()),
        relabelled=sum(now[image] != before[image] for image in now.keys() & before.keys()),
        removed=len(before.keys() - now.keys()),
        counts=merged.counts(),
        left_out={reason: count for reason, count in left_out.items() if count},
    )
    if outcome.is_new:
        write_feedback(folder, merged)
    return outcome


def track() -> None:
    """Have DVC track the data set `data/feedback/images`, if there is one.

    Also where nothing is new: an earlier call may have been stopped before it.

    Raises:
        DigitsError: DVC failed, and has said why.
    """
    if paths.FEEDBACK.exists():
        dvc.run("add", "--quiet", str(paths.FEEDBACK))


def _labelled(log: Path, labels: dict[str, Label], side: int, classes: int) -> tuple[Feedback, dict[str, int]]:
    """The images of a log that have a label, and how many have none that counts."""
    left_out: Counter[str] = Counter()
    images: list[np.ndarray] = []
    rows: list[dict[str, Any]] = []
    for row in _rows_of(log, labels):
        label = labels[row["id"]]
        if label.label is None:
            left_out["no digit"] += 1
        elif label.label >= classes:
            left_out[f"a label beyond {classes - 1}"] += 1
        elif row["side"] != side:
            left_out[f"not {side}×{side} pixels"] += 1
        else:
            pixels = np.frombuffer(row["pixels"], np.uint8).reshape(side, side)
            images.append(pixels)
            rows.append(
                {
                    "sha256": pixels_sha256(pixels),
                    "label": label.label,
                    "who": label.who,
                    "labelled": label.time.isoformat(timespec="microseconds"),
                    "id": row["id"],
                    "model_sha256": row["model_sha256"],
                    "read": row["digit"],
                    "probability": round(float(max(row["probabilities"])), 6),
                }
            )
    lost = len(labels) - len(images) - sum(left_out.values())
    left_out["not in the log any more"] = lost
    stacked = np.stack(images) if images else np.zeros((0, side, side), np.uint8)
    return Feedback(stacked, pd.DataFrame(rows, columns=COLUMNS[2:])), dict(left_out)


def _rows_of(log: Path, labels: dict[str, Label]) -> Iterable[dict[str, Any]]:
    import pyarrow as pa
    import pyarrow.compute as pc

    wanted = pa.array(list(labels), pa.string())
    for table in read_log(log, columns=_ROW_COLUMNS):
        yield from table.filter(pc.is_in(table["id"], wanted)).to_pylist()


def _agreed(found: Feedback) -> tuple[Feedback, set[str]]:
    """Each image once, with its last label, and the SHA-256 of those whose rows have different labels."""
    table = found.table.sort_values("labelled", kind="stable")
    names = table.groupby("sha256")["label"].transform("nunique")
    once = table[names == 1].drop_duplicates("sha256", keep="last")
    return _take(found, once), set(table.loc[names > 1, "sha256"])


def _is_twin(images: np.ndarray, raw: Path, transpose: bool) -> np.ndarray:
    """Whether the raw data have the same image: bool (n,)."""
    if transpose:
        images = images.transpose(0, 2, 1)
    digests = image_digests(images)
    is_twin = np.zeros(len(images), bool)
    for split in read_raw(raw).values():
        is_twin |= twins(digests, image_digests(split.images)).notna().to_numpy()
    return is_twin


def _fails(found: Feedback, params: Params) -> np.ndarray:
    """Whether an image fails an expectation of every single image: bool (n,)."""
    fails = np.zeros(len(found), bool)
    if len(found):
        table = single_images(Split(found.images, found.table["label"].to_numpy(np.uint8)), params.validate_)
        for check in run_expectations([table], first=len(found)):
            fails[check.rows] = True
    return fails


def _merge(present: Feedback, found: Feedback) -> Feedback:
    """Both. The later label of an image counts."""
    table = pd.concat([present.table, found.table], ignore_index=True)
    last = table.sort_values("labelled", kind="stable").drop_duplicates("sha256", keep="last")
    return Feedback(np.concatenate([present.images, found.images])[last.index], last.reset_index(drop=True))


def _take(found: Feedback, table: pd.DataFrame) -> Feedback:
    return Feedback(found.images[table.index], table.reset_index(drop=True))
