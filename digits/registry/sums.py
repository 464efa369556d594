"""The hashes of a version's files, as `sha256sum --check` reads them: in a tag of it and in a pulled folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from digits.errors import DigitsError
from digits.files import sha256_file

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

# In a pulled folder.
FILE = "SHA256SUMS"
# Of a version: the same lines as the file has, as they were at registration.
TAG = "sha256sums"


def files_in(folder: Path) -> set[str]:
    """Whatever lies in a folder or in those within it, but folders: the paths from the folder on."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}


def of_folder(folder: Path) -> dict[str, str]:
    """The SHA-256 of each file by its path from the folder on."""
    return {name: sha256_file(folder / name) for name in sorted(files_in(folder))}


def of_version(version: ModelVersion) -> dict[str, str]:
    """The SHA-256 of each file of a version, as it was at registration.

    Raises:
        DigitsError: the version was not registered by digits.
    """
    tagged = version.tags.get(TAG)
    if tagged is None:
        raise DigitsError(
            f"version {version.version} has no tag {TAG}: it was not registered by digits, nothing to check"
        )
    return parse(tagged)


def text(sums: Mapping[str, str]) -> str:
    """One line a file, in the order of `of_folder`."""
    return "".join(f"{hash}  {name}\n" for name, hash in sums.items())


def parse(lines: str) -> dict[str, str]:
    """What `text` wrote."""
    pairs = (line.partition("  ") for line in lines.splitlines())
    return {name: hash for hash, _, name in pairs}


def changed(one: Mapping[str, str], other: Mapping[str, str]) -> list[str]:
    """The files that only one of the two has, or that have another hash in the other."""
    return sorted({name for name, _ in one.items() ^ other.items()})
