"""How time and memory of the stages grow with 1, 4, 16 and 64 copies of the training images, each turned anew.

The copies go into a scratch folder, in a clone with a params.yaml that fits them, and are removed in the end. Each
stage runs alone; train takes one epoch. Then `dvc commit` hashes the outs and brings them into DVC's cache, once by
copying and once by hard links. `python -m benchmarks growth [--copies 1 4 16 64] [--recipe NAME] [--scratch FOLDER]`
"""

from __future__ import annotations

import shutil
import struct
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage

from benchmarks.growth_figure import PICTURE, draw
from benchmarks.process import Usage, run, script
from benchmarks.project import clone, free_gb, raw_data, sample, sample_splits
from benchmarks.record import Session, parser
from digits import paths
from digits.data.idx import format_idx
from digits.data.raw import FILES, Split, read_raw
from digits.errors import DigitsError
from digits.params import SEED_RECIPE, read_params, recipe_settings

STAGES = ("validate", "preprocess", "perturb", "train", "evaluate")
# How far an image is turned to either side, in degrees. Less than the smallest would leave some images as they are.
_SMALLEST, _LARGEST = 1.0, 12.0
# Bytes of an image as raw data, as processed data with its label, and both again in the cache.
_BYTES = 4 * 28 * 28
# The bounds of stage validate, wide enough for turned images; MNIST's own follow from the scaling of its digits.
_BOUNDS = {
    "max_duplicates": 0.001,
    "max_leaks": 0.001,
    "min_agreement": 0.7,
    "each.min": [0, 30],
    "each.max": [150, 255],
    "each.mean": [2, 160],
    "each.area": [0.02, 0.8],
    "each.x": [10, 18],
    "each.y": [10, 18],
    "each.width": [1, 28],
    "each.height": [1, 28],
    "average.mean": [25, 40],
    "average.area": [0.15, 0.35],
    "average.x": [13.5, 14.5],
    "average.y": [13.5, 14.5],
}


def main(arguments: Sequence[str]) -> None:
    """Measure, write the record, draw the picture."""
    options = parser("growth", __doc__)
    options.add_argument("--copies", type=int, nargs="+", default=[1, 4, 16, 64])
    options.add_argument("--recipe", default=SEED_RECIPE, help="what train is to fit for one epoch")
    options.add_argument("--scratch", type=Path, help="a folder on the disk that is to take the copies")
    chosen = options.parse_args(arguments)
    session = Session("growth", arguments, chosen)
    splits = sample_splits() if chosen.quick else read_raw(raw_data())
    copies = [1, 2] if chosen.quick else sorted(chosen.copies)
    values = (sample()[1] if chosen.quick else {}) | recipe_settings(chosen.recipe, read_params()) | {"train.epochs": 1}
    stages, cache = [], []
    with tempfile.TemporaryDirectory(dir=chosen.scratch) as scratch:
        refuse_full(Path(scratch), max(copies) * len(splits["train"].images))
        for count in copies:
            folder = Path(scratch, f"copies{count}")
            images = make(folder, splits, count, values)
            stages += [_row(count, images, stage, _stage(folder, stage)) for stage in STAGES]
            cache += [{"copies": count, "images": images, **_commit(folder, kind)} for kind in ("copy", "hardlink")]
            shutil.rmtree(folder)
    record = session.finish(stages=stages, cache=cache, linear=linear(stages))
    if not chosen.quick:
        draw(record, PICTURE)


def make(folder: Path, splits: Mapping[str, Split], copies: int, values: Mapping[str, object]) -> int:
    """Make a clone with so many copies of the training images in data/raw.

    Args:
        folder: of the clone.
        splits: the raw data.
        copies: how many; the first is the images as they are.
        values: dotted keys of params.yaml.

    Returns:
        How many training images there are.
    """
    images = copies * len(splits["train"].images)
    sizes = {"validate.images": {"train": images, "test": len(splits["test"].images)}}
    clone(folder, paths.RAW, {**values, **sizes, **{f"validate.{key}": bound for key, bound in _BOUNDS.items()}})
    raw = folder / paths.RAW
    raw.mkdir(parents=True)
    write_copies(raw, splits["train"], copies)
    for name, array in zip(FILES["test"], splits["test"], strict=True):
        (raw / name).write_bytes(format_idx(np.asarray(array)))
    run([sys.executable, "-m", "stages", "params"], folder)
    return images


def write_copies(raw: Path, train: Split, copies: int, seed: int = 0) -> None:
    """Write the two training files, one copy after the other, so that one copy is in memory at most.

    Args:
        raw: the folder.
        train: the images and labels of which copies are made.
        copies: the first is as it is, the others are turned at random.
        seed: of the angles.
    """
    rng = np.random.default_rng(seed)
    images_name, labels_name = FILES["train"]
    source = np.asarray(train.images)
    with (raw / images_name).open("wb") as images, (raw / labels_name).open("wb") as labels:
        for file, array in ((images, train.images), (labels, train.labels)):
            shape = (copies * len(array), *array.shape[1:])
            file.write(struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *shape))
        for number in range(copies):
            images.write((turned(source, *_angles(number, copies), rng) if number else source).tobytes())
            labels.write(train.labels.tobytes())


def _angles(number: int, copies: int) -> tuple[float, float]:
    """The smallest and the largest angle of a copy, in degrees. Each has a range of its own: no two are alike."""
    ranges = max(1, copies // 2)
    width = (_LARGEST - _SMALLEST) / ranges
    low = _SMALLEST + width * ((number - 1) // 2 % ranges)
    # The upper half of each range lies between this copy and the next.
    ends = (low, low + width / 2)
    return ends if number % 2 else (-ends[1], -ends[0])


def turned(images: np.ndarray, low: float, high: float, rng: np.random.Generator) -> np.ndarray:
    """Turn each image about its middle by an angle of its own.

    Args:
        images: uint8 (n, side, side).
        low: the smallest angle in degrees.
        high: the largest one.
        rng: draws the angles.

    Returns:
        uint8, the same shape.
    """
    result = np.empty_like(images)
    middle = (images.shape[1] - 1) / 2
    for at, angle in enumerate(np.deg2rad(rng.uniform(low, high, len(images)))):
        cosine, sine = np.cos(angle), np.sin(angle)
        matrix = np.array([[cosine, -sine], [sine, cosine]])
        offset = middle - matrix @ (middle, middle)
        ndimage.affine_transform(images[at], matrix, offset, output=result[at], order=1)
    return result


def linear(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """How far the time of the most copies is from a straight line through the two smaller numbers next to it.

    Args:
        rows: of table `stages`. A stage with fewer than three sizes has no such line and is left out.
    """
    found = []
    for stage in dict.fromkeys(row["stage"] for row in rows):
        points = [(row["images"], row["seconds"]) for row in rows if row["stage"] == stage]
        if len(points) < 3:
            continue
        (x0, y0), (x1, y1), (x2, y2) = points[-3:]
        expected = y1 + (y1 - y0) / (x1 - x0) * (x2 - x1)
        row = {"stage": stage, "images": x2, "seconds": y2, "on the line, seconds": expected}
        found.append({**row, "beyond it, %": 100 * (y2 / expected - 1)})
    return found


def _stage(folder: Path, stage: str) -> Usage:
    return run([sys.executable, "-m", "stages", stage], folder)


def _row(copies: int, images: int, stage: str, used: Usage) -> dict[str, Any]:
    print(f"{images:,} images, {stage}: {used.seconds:.1f} s, {used.peak_mb:.0f} MB", flush=True)
    return {
        "copies": copies,
        "images": images,
        "stage": stage,
        "seconds": used.seconds,
        "peak memory, MB": used.peak_mb,
    }


def _commit(folder: Path, kind: str) -> dict[str, Any]:
    """What DVC takes to hash data/raw and data/processed and to bring them into an empty cache."""
    dvc = script("dvc")
    for name in ("cache", "tmp"):
        shutil.rmtree(folder / ".dvc" / name, ignore_errors=True)
    run([dvc, "config", "--local", "cache.type", kind], folder)
    run([dvc, "config", "--local", "core.site_cache_dir", str((folder / ".dvc" / "site").resolve())], folder)
    shutil.rmtree(folder / ".dvc" / "site", ignore_errors=True)
    used = run([dvc, "commit", "-q", "-f", "fetch", "preprocess"], folder)
    again = run([dvc, "status", "-q", "fetch", "preprocess"], folder, allowed=(0, 1))
    return {
        "cache.type": kind,
        "hash and cache, seconds": used.seconds,
        "peak memory, MB": used.peak_mb,
        "status after it, seconds": again.seconds,
    }


def refuse_full(scratch: Path, images: int) -> None:
    """Refuse to begin where the disk has no room.

    Raises:
        DigitsError: it has not; the message has the size.
    """
    needed, free = images * _BYTES / 1e9, free_gb(scratch)
    if needed > free:
        raise DigitsError(
            f"{images:,} images need {needed:.0f} GB and {scratch.parent} has {free:.0f} free: name another folder "
            "with --scratch, or fewer --copies"
        )
