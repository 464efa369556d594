"""The noun of the registry: a trained model that was found by one of its names."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from digits.errors import DigitsError
from digits.files import atomic_path, sha256_file
from digits.registry.kept import kept_file, not_kept
from digits.results import Results
from digits.tracking import find

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run
    from mlflow.entities.model_registry import ModelVersion


@dataclass(frozen=True, eq=False)
class Model:
    """A trained model, whatever name a person has for it.

    Attributes:
        name: as it was given.
        uri: a name that means this model alone: `models:/digits/3`, `runs:/<id>`, a git commit or a path.
        sha256: of the .keras file; empty where the file is known by DVC's digest alone and is not on this disk.
        results: what training and evaluation left of it.
        run: the MLflow run that made it; None for a file that no run of the store made.
        version: the registered version that the name means; None where the name means no version.
        file: brings the .keras file and its twin to this disk, checks their bytes, and gives the path of the first. It
            raises DigitsError where that is not possible.
        record: how to give it a run, where it has none.
    """

    name: str
    uri: str
    sha256: str
    results: Results
    run: Run | None
    version: ModelVersion | None
    file: Callable[[], Path]
    record: str = "check its files out, `digits sync` writes the run"

    @property
    def number(self) -> str | None:
        """The number of the version, or None."""
        return None if self.version is None else str(self.version.version)

    @property
    def title(self) -> str:
        """What people call it: `digits version 3`, the run's name, or the file's."""
        return f"{self.version.name} version {self.number}" if self.version else self.results.name

    @property
    def accuracy(self) -> float | None:
        """Accuracy on the test images, 0 to 1; None if nobody measured it."""
        return float(self.results.metrics["accuracy"]) if self.results.is_evaluated else None

    def require_run(self) -> Run:
        """The run that made it.

        Raises:
            DigitsError: the store has none.
        """
        if self.run is None:
            known = f" with these bytes (SHA-256 {self.sha256[:12]}…)" if self.sha256 else ""
            raise DigitsError(f"{self.name}: no run of this store has a model{known}: {self.record}")
        return self.run


def download_model(client: MlflowClient, model_id: str, sha256: str, twin_sha256: str | None) -> Path:
    """A logged model's file, with its twin beside it. Both are kept in .digits/models, so that they are fetched once.

    Where the logged model is gone, another one with the same bytes serves as well: `digits sync` makes one.

    Args:
        client: of the store.
        model_id: of the logged model.
        sha256: of its file.
        twin_sha256: of the twin; None for a model of an earlier version of this project, which has none.

    Raises:
        DigitsError: one cannot be read, or has other bytes than those that were logged.
    """
    for file, wanted in not_kept(sha256, twin_sha256).items():
        _download(client, model_id, sha256, file, wanted)
    return kept_file(sha256)


def _download(client: MlflowClient, model_id: str, sha256: str, kept: Path, wanted: str) -> None:
    """Bring a file of a logged model to `kept`, if its SHA-256 is `wanted`."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            file, location = _fetch(client, model_id, kept.name, Path(folder))
        except DigitsError:
            others = find.logged_models(client, sha256)
            other = next((one for one in others if one != model_id), None)
            if other is None:
                raise
            file, location = _fetch(client, other, kept.name, Path(folder))
        found = sha256_file(file)
        if found != wanted:
            raise DigitsError(
                f"{location}/{kept.name} is not the file that was logged: SHA-256 {found[:12]}… instead of "
                f"{wanted[:12]}…; refused"
            )
        with atomic_path(kept) as part:
            part.write_bytes(file.read_bytes())


def _fetch(client: MlflowClient, model_id: str, name: str, folder: Path) -> tuple[Path, str]:
    """Download a file of a logged model. Returns its path, and where it lay."""
    from mlflow.artifacts import download_artifacts
    from mlflow.exceptions import MlflowException

    location = f"model {model_id}"
    try:
        location = client.get_logged_model(model_id).artifact_location
        return Path(download_artifacts(artifact_uri=f"{location}/{name}", dst_path=str(folder))), location
    except (MlflowException, OSError) as error:
        raise DigitsError(
            f"{location}: the model's file cannot be read ({str(error).splitlines()[0]}); check the model out and run "
            "`digits sync` to log it anew"
        ) from None
