"""Finding out which data set lies in a folder: four IDX files that belong together."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from digits.data.folder import Candidate, idx_files
from digits.data.raw import Split, refuse_unpaired, to_images, to_labels
from digits.data.unpack import SourceError
from digits.errors import DigitsError

_SPLITS = {"train": re.compile("train", re.IGNORECASE), "test": re.compile("t10k|test", re.IGNORECASE)}
# How many files a message names.
_LISTED = 8


@dataclass(frozen=True)
class FoundData:
    """A data set as it lies in a folder.

    Attributes:
        files: by key of `fetch.files` in params.yaml.
        hashes: SHA-256 of their contents, by the same keys.
        splits: `train` and `test`.
    """

    files: dict[str, Candidate]
    hashes: dict[str, str]
    splits: dict[str, Split]


def discover(root: Path, only: str = "") -> FoundData:
    """The one data set in a folder or zip.

    A file of three dimensions holds images, one of fewer labels. Its name or folder says which split it is of.

    Args:
        root: a folder, whose folders are searched as well, or a zip.
        only: a text that the places of the four files have in common, for a folder with several data sets.

    Raises:
        DigitsError: there is none, or more than one; or a file of it cannot be read, or is not as `read_raw` wants it.
    """
    if not root.exists():
        raise DigitsError(f"{root}: no such file or folder")
    candidates = [candidate for candidate in idx_files(root)[0] if only in candidate.place]
    by_key: dict[str, dict[str, Candidate]] = {}
    try:
        for candidate in candidates:
            # The same content may lie there twice, plain and gzipped.
            by_key.setdefault(_key(candidate), {}).setdefault(candidate.hashes()[0], candidate)
    except SourceError as error:
        raise DigitsError(f"{root}: {error}") from None
    found = {key: by_key.get(key, {}) for key in ("train_images", "train_labels", "test_images", "test_labels")}
    if any(len(files) != 1 for files in found.values()):
        raise DigitsError(_not_one(root, found, candidates))
    files = {key: file for key, each in found.items() for file in each.values()}
    splits = {name: _split(files[f"{name}_images"], files[f"{name}_labels"]) for name in _SPLITS}
    return FoundData(files, {key: sha256 for key, each in found.items() for sha256 in each}, splits)


def _key(candidate: Candidate) -> str:
    """The key of a file in `fetch.files`; empty for a file of neither split."""
    with candidate.open_content() as content:
        dimensions = content.read(4)[3]
    # The name says it, or else a folder that the file lies in.
    for text in (candidate.place.rpartition("/")[2], candidate.place):
        splits = [split for split, pattern in _SPLITS.items() if pattern.search(text)]
        if len(splits) == 1:
            return f"{splits[0]}_{'images' if dimensions >= 3 else 'labels'}"
    return ""


def _split(images: Candidate, labels: Candidate) -> Split:
    split = Split(
        to_images(images.array(), images.place),
        to_labels(labels.array(), labels.place),
    )
    refuse_unpaired(split, images.place, labels.place)
    return split


def _not_one(root: Path, found: dict[str, dict[str, Candidate]], candidates: list[Candidate]) -> str:
    """Why four files cannot be told."""
    missing = [key.replace("_", " ") for key, files in found.items() if not files]
    places = [candidate.place for candidate in candidates]
    listed = ", ".join(places[:_LISTED]) + (", …" if len(places) > _LISTED else "")
    if missing:
        what = f"no IDX file of {' and '.join(missing)}, by its name (train, t10k or test) and its dimensions"
        return f"{root}: {what}" + (f", among {listed}" if places else "")
    return f"{root}: several data sets ({listed}): name what the places of one have in common with --only"
