"""A lock: the file in an application's own repository that says which version it uses, byte for byte.

The registry goes on, the application stays: an alias that moved is shown, and taken only when somebody asks for it. The
file is JSON and changes only when another version is taken.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, FiniteFloat, StringConstraints, ValidationError

from digits import paths
from digits.errors import DigitsError
from digits.evaluation.scores import METRICS
from digits.files import atomic_path, read_json, sha256_file, write_json
from digits.registry import signature, sums
from digits.registry.history import timestamp
from digits.registry.pull import pull
from digits.tracking import address, artifacts

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion


def _inside(name: str) -> str:
    """A path that names a file within the folder, in one way."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or path.as_posix() != name or name == ".":
        raise ValueError(f"{name!r} is no path within the folder")
    return name


# MLflow's names have neither of these characters. The first ends a text in a search.
_Name = Annotated[str, StringConstraints(pattern=r"^[^'\"/:]+$")]
_Hash = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
_File = Annotated[str, AfterValidator(_inside)]


class Lock(BaseModel):
    """What a lock says, in the order of the file.

    Attributes:
        form: another form of the file gets another number.
        store: address of the store that the version was taken from, without its password. It is for people: commands
            ask the store that MLFLOW_TRACKING_URI names, as a password goes there with the request.
        model: name of the registered model.
        alias: that is followed; None where the version was named in another way.
        version: its number.
        pulled: the day, of UTC.
        folder: where its files lie, from the lock on.
        test_images: SHA-256 of the images and labels that `test` was measured on; None if nobody knows.
        test: its metrics on them, as far as the version has them.
        files: SHA-256 of each file.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    form: Literal[1] = 1
    store: str
    model: _Name
    alias: _Name | None
    version: Annotated[int, Field(ge=1)]
    pulled: Annotated[str, StringConstraints(pattern=r"^\d{4}-\d\d-\d\d$")]
    folder: Annotated[str, StringConstraints(min_length=1)]
    test_images: str | None
    test: dict[str, FiniteFloat]
    files: Annotated[dict[_File, _Hash], Field(min_length=1)]

    @property
    def title(self) -> str:
        """`digits version 3`."""
        return f"{self.model} version {self.version}"


def read_lock(file: Path) -> Lock:
    """Read a lock.

    Raises:
        DigitsError: it is torn, has conflict markers, or was changed so that it is none.
    """
    way_out = f"`git checkout {file}` brings the committed one back, without it `digits pull --lock {file}` writes one"
    return Lock(**read_json(file, Lock, way_out))


def lock_of(version: ModelVersion, alias: str | None, folder: str) -> Lock:
    """The lock of a version.

    Args:
        version: registered, with its tags.
        alias: by which it was found; None where it was named in another way.
        folder: where its files lie, from the lock on.

    Raises:
        DigitsError: the version was not registered by digits, or its tags were changed.
    """
    tags = version.tags
    says = {
        "store": address.shown(address.tracking_uri()),
        "model": version.name,
        "alias": alias,
        "version": int(version.version),
        "pulled": timestamp()[:10],
        "folder": folder,
        "test_images": tags.get(artifacts.TEST_SHA256),
        "test": {metric.key: tags[f"test_{metric.key}"] for metric in METRICS if f"test_{metric.key}" in tags},
        "files": sums.of_version(version),
    }
    try:
        return Lock.model_validate(says)
    except ValidationError as error:
        key = error.errors()[0]["loc"][0]
        raise DigitsError(
            f"version {version.version}: its tags were changed, what they say of {key} is wrong"
        ) from None


def folder_of(file: Path, lock: Lock) -> Path:
    """Where the files of a lock lie, seen from the current folder."""
    return Path(os.path.normpath(file.parent / lock.folder))


def take(client: MlflowClient, version: ModelVersion, alias: str | None, file: Path, folder: Path) -> Lock:
    """Pull a version and write its lock: both, or neither.

    A lock that says the same already keeps its bytes. A kill between the two leaves the former lock, by which the next
    call restores the former folder.

    Args:
        client: of the store.
        version: to take.
        alias: by which it was found; None where it was named in another way.
        file: the lock.
        folder: for the version's files.

    Raises:
        DigitsError: as `pull`; or the version was not registered by digits.
    """
    # An application is checked out at different places.
    place = Path(os.path.relpath(folder.absolute(), file.absolute().parent)).as_posix()
    lock = lock_of(version, alias, place)
    if file.exists() and (before := read_lock(file)).model_copy(update={"pulled": lock.pulled}) == lock:
        if difference(before, folder):
            pull(client, version, folder, before.files)
        return before
    with atomic_path(file) as part:
        # Written first: where there is no room for it, the folder stays as it is.
        write_json(part, lock.model_dump())
        pull(client, version, folder)
    return lock


def difference(lock: Lock, folder: Path) -> str:
    """Why a folder is not what a lock says, in a few words; empty if it is. No store is asked.

    Where the shell names a key, a folder that is not signed by it is not what the lock says either.
    """
    if not folder.is_dir():
        return "it is not there"
    listed, present = {*lock.files, sums.FILE}, sums.files_in(folder) - {signature.FILE}
    reasons = {
        "missing": listed - present,
        "not in the lock": present - listed,
        "changed": {name for name in listed & present if not _is_locked(lock.files, folder, name)},
    }
    told = [f"{', '.join(sorted(names))} {reason}" for reason, names in reasons.items() if names]
    if not told and (key := signature.public_key_file()):
        signed, lines = folder / signature.FILE, (folder / sums.FILE).read_bytes()
        if not signed.is_file() or not signature.is_signed(lines, signed.read_bytes(), key):
            told = [f"not signed by the key of {key}"]
    return "; ".join(told)


def _is_locked(files: Mapping[str, str], folder: Path, name: str) -> bool:
    if name == sums.FILE:
        return (folder / name).read_bytes() == sums.text(files).encode()
    return sha256_file(folder / name) == files[name]


def news(lock: Lock, now: ModelVersion) -> str:
    """How the version that an alias means now differs from the locked one; empty if it is that.

    One line each: version, metrics, the model's file, and the test images where the metrics are of different ones.
    """
    if int(now.version) == lock.version:
        return ""
    later = lock_of(now, lock.alias, lock.folder)
    rows = {"version": [str(one.version) for one in (lock, later)]}
    for metric in METRICS:
        values = [one.test.get(metric.key) for one in (lock, later)]
        rows[f"test {metric.title}"] = ["–" if value is None else metric.number(value) for value in values]
    rows[paths.MODEL.name] = [one.files.get(paths.MODEL.name, "–")[:12] for one in (lock, later)]
    if lock.test_images != later.test_images:
        rows["other test images"] = [(one.test_images or "–")[:12] for one in (lock, later)]
    width = max(map(len, rows))
    return "\n".join(f"  {name:<{width}}  {before} → {after}" for name, (before, after) in rows.items())


def moved(lock: Lock, now: ModelVersion, file: Path) -> str:
    """The sentence for an alias that moved."""
    return (
        f"{lock.alias} is version {now.version} now, {file} has version {lock.version}: "
        f"`digits pull --lock {file} --update` takes the new one"
    )
