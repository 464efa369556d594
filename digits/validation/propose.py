"""A proposal for the sections of params.yaml that describe a data set, measured on the data in hand."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from digits.data.discover import FoundData
from digits.data.raw import RAW_NAMES
from digits.errors import DigitsError
from digits.validation.expectations import FEATURES
from digits.validation.features import agreement, class_frame, class_means, image_digests, image_frame, twins

_AVERAGES = ("mean", "area", "x", "y")
_NAME = re.compile(r"[\w.-]+")
_HEAD = """\
# Measured by `digits propose` in {source}.
# Read it, put it in the place of the same keys of params.yaml, and name the classes. More that fits MNIST alone and is
# yours to decide: preprocess.transpose (true for EMNIST), train.stop.threshold and register.gates.
"""


def propose(data: FoundData, source: Path) -> str:
    """The keys of params.yaml that depend on the data, as YAML with the measured values in comments.

    Args:
        data: from `digits.data.discover.discover`.
        source: the folder or zip where the data lie, as params.yaml is to name it.

    Raises:
        DigitsError: all images have one label.
    """
    labels = np.unique(np.concatenate([split.labels for split in data.splits.values()]))
    if len(labels) == 1:
        raise DigitsError(f"{source}: all labels are {labels[0]}, and a model needs two classes to tell apart")
    classes = 1 + int(labels.max())
    lines = [
        _HEAD.format(source=_quoted(str(source))),
        *_fetch(data, source),
        *_validate(data, classes),
        *_names(labels.tolist(), classes),
        "evaluate:",
        "  robustness:",
        "    load_digits: false  # true only where the classes are the digits 0 to 9, and called so",
        "register:",
        f"  data_name: {_quoted(source.stem or 'data')}  # what the model card calls the data",
        "  data_licence: unknown  # by whom the data are, and their licence, for the model card",
    ]
    return "\n".join(lines) + "\n"


def _fetch(data: FoundData, source: Path) -> list[str]:
    lines = ["fetch:", "  files:"]
    for key, file in data.files.items():
        name = file.place.rpartition("/")[2].removesuffix(".gz")
        lines += [f"    {key}:", f"      name: {_quoted(name if _NAME.fullmatch(name) else RAW_NAMES[key])}"]
        lines += [f"      sha256: {_quoted(data.hashes[key])}"]
    return [*lines, "  sources:", f"  - {{kind: folder, path: {_quoted(str(source))}}}"]


def _validate(data: FoundData, classes: int) -> list[str]:
    """Section `validate`: each bound holds for both splits."""
    digests = {name: image_digests(split.images) for name, split in data.splits.items()}
    frames = {name: image_frame(split, digests[name]) for name, split in data.splits.items()}
    side = data.splits["train"].images.shape[1]
    sizes = {name: len(frame) for name, frame in frames.items()}
    tops = {"min": 255, "max": 255, "mean": 255, "area": 1, "x": side - 1, "y": side - 1, "width": side, "height": side}
    lines = [
        "validate:",
        f"  side: {side}",
        f"  images: {{train: {sizes['train']}, test: {sizes['test']}}}",
        *_shares(data, classes),
        *_twins(frames, twins(digests["test"], digests["train"])),
        *_agreement(data, classes),
        "  each:  # the lowest and the highest value, and a tenth of the distance between them beyond either",
    ]
    for feature in FEATURES:
        low, high = _range([frame[feature] for frame in frames.values()], tops[feature])
        bounds = _outward(low - (high - low) / 10, high + (high - low) / 10, tops[feature])
        lines.append(f"    {feature}: {bounds}  # {_spans(frames, feature)}")
    lines.append("  average:  # the mean of either split, and a fifth of the images' standard deviation beyond either")
    for feature in _AVERAGES:
        means = [frame[feature].mean() for frame in frames.values()]
        low, high = _range([pd.Series(means)], tops[feature])
        margin = np.nan_to_num(frames["train"][feature].std()) / 5
        bounds = _outward(low - margin, high + margin, tops[feature])
        lines.append(f"    {feature}: {bounds}  # train {means[0]:.4g}, test {means[1]:.4g}")
    return lines


def _shares(data: FoundData, classes: int) -> list[str]:
    """The shares of the training images, and how far either split may be from them."""
    counts = np.bincount(data.splits["train"].labels, minlength=classes)
    shares = [round(float(share), 4) for share in counts / counts.sum()]
    far = {name: class_frame(s.labels, shares)["deviation"].abs().max() for name, s in data.splits.items()}
    fewest, largest = min(len(split.labels) for split in data.splits.values()), max(shares)
    error = math.sqrt(largest * (1 - largest) / fewest)
    tolerance = _up(max(1.5 * max(far.values()), 3 * error))
    return [
        "  # The shares of the training images.",
        f"  class_shares: {shares}",
        "  # Half as much again as the largest deviation, or 3 standard errors of the smaller split.",
        f"  class_tolerance: {tolerance:g}  # train {far['train']:.2g}, test {far['test']:.2g}",
    ]


def _twins(frames: dict[str, pd.DataFrame], of_test: pd.Series) -> list[str]:
    """How many images may be there twice, in a split or in both."""
    twice = {name: float(frame["first"].duplicated(keep=False).mean()) for name, frame in frames.items()}
    leaks = float(of_test.notna().mean())
    return [
        "  # Half as many again.",
        f"  max_duplicates: {_up(1.5 * max(twice.values())):g}  # train {twice['train']:.2g}, test {twice['test']:.2g}",
        f"  max_leaks: {_up(1.5 * leaks):g}  # {leaks:.2g}",
    ]


def _agreement(data: FoundData, classes: int) -> list[str]:
    means = class_means(data.splits["train"], classes)
    found = {name: agreement(split, means) for name, split in data.splits.items()}
    least = math.floor(90 * min(found.values())) / 100
    return [f"  min_agreement: {least:g}  # train {found['train']:.3f}, test {found['test']:.3f}; a tenth less"]


def _names(present: list[int], classes: int) -> list[str]:
    """A name for each label, also for one that no image has: a model has a probability for each of them."""
    names = [str(label) if label in present else f"unused {label}" for label in range(classes)]
    return ["preprocess:", f"  class_names: [{', '.join(map(_quoted, names))}]  # name of label 0, 1, …"]


def _range(columns: Sequence[pd.Series], top: float) -> tuple[float, float]:
    """The lowest and highest value; all that is possible where there is none, as for the ink of blank images."""
    values = pd.concat(columns).dropna()
    return (float(values.min()), float(values.max())) if len(values) else (0.0, float(top))


def _outward(low: float, high: float, top: float) -> str:
    """Bounds as short numbers, rounded away from each other to three digits of their distance, within 0 and `top`."""
    step = 10.0 ** (math.floor(math.log10(high - low)) - 2) if high > low else 1.0
    # Floats near a whole number of steps: rounding must not add another one.
    bounds = (math.floor(round(low / step, 6)) * step, math.ceil(round(high / step, 6)) * step)
    return f"[{max(bounds[0], 0):.6g}, {min(bounds[1], top):.6g}]"


def _up(value: float) -> float:
    """A share rounded up to two digits, at most 1; 0 stays."""
    if value <= 0:
        return 0.0
    step = 10.0 ** (math.floor(math.log10(value)) - 1)
    return min(1.0, math.ceil(round(value / step, 6)) * step)


def _spans(frames: dict[str, pd.DataFrame], feature: str) -> str:
    columns = {name: frame[feature] for name, frame in frames.items()}
    return ", ".join(f"{name} {column.min():.4g} to {column.max():.4g}" for name, column in columns.items())


def _quoted(text: str) -> str:
    """A text in YAML, whatever is in it: JSON's strings are YAML's."""
    return "'" + text + "'" if _NAME.fullmatch(text) else json.dumps(text, ensure_ascii=False)
