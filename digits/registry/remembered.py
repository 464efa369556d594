"""What a name of a registered version meant last time, so that `digits predict` need not open the MLflow store.

Opening the store takes seconds, reading a picture a tenth of one. A note in .digits/remembered says what the name meant
and what that hangs on: the database, params.yaml, the version's own files. It counts only while all of them are exactly
what they were. In any doubt the store is asked. This module imports no library.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from digits import paths
from digits.errors import DigitsError
from digits.files import sha256_file, write_text
from digits.registry import signature
from digits.registry.kept import kept_file, not_kept
from digits.tracking import address

if TYPE_CHECKING:
    from digits.registry.model import Model

    # Text for JSON: what the meaning of a name hangs on, or what a file is.
    State = dict[str, Any]

# Another form of the notes gets another number, and older notes do not count.
_FORM = 3
# Of https://www.sqlite.org/fileformat.html: the header, which counts the changes, and its byte for a write-ahead log.
_HEADER, _WRITE_VERSION, _ROLLBACK = 100, 18, 1
# What `Results` reads the names of classes, the threshold and the typical images from.
_READ = (paths.METRICS, paths.CALIBRATION, paths.PROTOTYPES, paths.CLASSES, paths.DATASET)


@dataclass(frozen=True)
class Known:
    """A version whose files are on this disk, and what must be known of it to read pictures.

    Attributes:
        uri: `models:/digits/3`.
        sha256: of the .keras file.
        twin_sha256: of the twin; None for a model without one.
        class_names: name of label 0, 1, …
        not_sure_below: the threshold; None for a model without such a one.
        prototypes: the file of typical images; None for a model without.
    """

    uri: str
    sha256: str
    twin_sha256: str | None
    class_names: list[str]
    not_sure_below: float | None
    prototypes: str | None

    @property
    def file(self) -> Path:
        """The .keras file, with its twin beside it."""
        return kept_file(self.sha256)

    @property
    def prototypes_file(self) -> Path | None:
        """The file of typical images; None for a model without."""
        return Path(self.prototypes) if self.prototypes else None

    def names_of(self, classes: int) -> list[str]:
        """The names of the classes. That they are as many as the model's was checked before they were remembered."""
        return self.class_names


def state() -> State | None:
    """What the meaning of every name in the registry hangs on.

    None where it cannot be known for sure: the store is no SQLite file on this disk, or somebody writes to it now; or
    there is no project.
    """
    try:
        # They decide the model's name, and a wrong file is refused.
        params = (paths.project_root() / paths.PARAMS).read_bytes()
        uri = address.tracking_uri()
        database = address.sqlite_file(uri)
        key = signature.public_key_file()
        # Only what that key signed is remembered.
        signed_by = None if key is None else sha256_file(key)
        if database is None or any(Path(f"{database.resolve()}{end}").exists() for end in ("-journal", "-wal")):
            return None
        with database.open("rb") as file:
            header = file.read(_HEADER)
    except (OSError, DigitsError):
        return None
    if len(header) < _HEADER or header[_WRITE_VERSION] != _ROLLBACK:
        return None
    return {
        "form": _FORM,
        "store": uri,
        "workspace": os.environ.get("MLFLOW_WORKSPACE"),
        "signed_by": signed_by,
        "params": hashlib.sha256(params).hexdigest(),
        "database": [header.hex(), _mark(database)],
    }


def recall(name: str, now: State | None) -> Known | None:
    """What a name means, or None if the store has to be asked.

    Args:
        name: as a person gave it; empty for the champion of the project.
        now: from `state`.
    """
    if now is None:
        return None
    with suppress(OSError, ValueError, TypeError, KeyError, RecursionError):
        note = json.loads(_note(name).read_text(encoding="utf-8"))
        known = Known(**note["means"])
        unchanged = note["name"] == name and note["state"] == now and note["files"] == _marks(note["files"])
        if unchanged and _is_sound(known) and not not_kept(known.sha256, known.twin_sha256):
            return known
    return None


def remember(name: str, before: State | None, model: Model, class_names: Iterable[str]) -> None:
    """Keep what a name means, if that hangs on the store's database and files on this disk alone.

    Args:
        name: as for `recall`.
        before: from `state`, before the name was resolved.
        model: what it means. Its files are on this disk.
        class_names: checked against the model.
    """
    from digits.registry.resolve import is_of_registry
    from digits.tracking import artifacts

    if before is None or model.version is None or not (name == "" or is_of_registry(name)):
        return
    files = []
    for path in _READ:
        if file := model.results.find(path):
            if file.resolve().is_relative_to(artifacts.scratch().resolve()):
                # A version from before versions kept files has those of its run, as copies that are deleted.
                return
            files.append(str(file))
    if before != state():
        return
    twin = model.version.tags.get(artifacts.TWIN_SHA256)
    own = model.results.prototypes_file
    prototypes = None if own is None else str(own)
    means = Known(model.uri, model.sha256, twin, list(class_names), model.results.not_sure_below, prototypes)
    note = {"name": name, "means": asdict(means), "state": before, "files": _marks(files)}
    # A folder that cannot be written costs time, not the answer.
    with suppress(OSError):
        write_text(_note(name), json.dumps(note, indent=2) + "\n")


def _note(name: str) -> Path:
    # A name may have any length and any characters.
    return paths.state() / "remembered" / f"{hashlib.sha256(name.encode(errors='surrogatepass')).hexdigest()[:16]}.json"


def _marks(files: Iterable[str]) -> dict[str, list[int]]:
    return {file: _mark(Path(file)) for file in files}


def _mark(file: Path) -> list[int]:
    """What changes whenever a file is written, replaced or given other rights."""
    found = file.stat()
    return [found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns]


def _is_sound(known: Known) -> bool:
    """Whether each value has its type: a note may have been changed by hand."""
    texts = [known.uri, known.sha256, *known.class_names, *filter(None, [known.twin_sha256, known.prototypes])]
    is_list = isinstance(known.class_names, list) and bool(known.class_names)
    is_number = known.not_sure_below is None or type(known.not_sure_below) is float
    return is_list and is_number and all(isinstance(text, str) for text in texts)
