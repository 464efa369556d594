"""Take a registered version away: a folder that works without MLflow, DVC or this repository."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from digits.errors import DigitsError
from digits.files import atomic_path, sha256_file, write_text
from digits.registry import Registry, download_artifact

if TYPE_CHECKING:
    from mlflow import MlflowClient

# Of the run: where it logged them, and what they are called in the folder.
_FROM_RUN = {
    "model_card.md": "model_card.md",
    "evaluation/metrics.json": "metrics.json",
    "evaluation/calibration.json": "calibration.json",
    "plots/robustness.png": "plots/robustness.png",
    "plots/reliability.png": "plots/reliability.png",
    "plots/weak_classes.png": "plots/weak_classes.png",
}


def pull_version(client: MlflowClient, registry: Registry, number: str, target: Path) -> Path:
    """Write model.keras, MLmodel, model card, metrics, calibration, requirements and SHA256SUMS into a folder.

    The model's bytes come from the store, not from a cache, and must have the hash tagged at registration. The folder
    appears complete or not at all; an earlier pull at the same place is replaced.

    Raises:
        DigitsError: no such version, the artifact was changed since registration or cannot be read, or the target is
            something else than an earlier pull.
    """
    from mlflow.artifacts import download_artifacts
    from mlflow.exceptions import MlflowException

    version = registry.version(number)
    if target.exists() and not (target / "SHA256SUMS").is_file():
        raise DigitsError(f"{target} exists and is no earlier pull: choose another folder with --to")
    tagged = version.tags.get("model_sha256")
    try:
        location = client.get_logged_model(client.get_run(version.run_id).data.tags["model_id"]).artifact_location
        with tempfile.TemporaryDirectory() as scratch, atomic_path(target) as folder:
            shutil.copytree(download_artifacts(artifact_uri=location, dst_path=scratch), folder)
            found = sha256_file(folder / "model.keras")
            if found != tagged:
                raise DigitsError(
                    f"version {number}: {location}/model.keras was changed since it was registered (SHA-256 "
                    f"{found[:12]}…, tagged {str(tagged)[:12]}…): refused, nothing written"
                )
            for path, name in _FROM_RUN.items():
                if file := download_artifact(client, version.run_id, path):
                    (folder / name).parent.mkdir(exist_ok=True)
                    shutil.copyfile(file, folder / name)
            write_text(folder / "SHA256SUMS", _sums(folder))
    except (MlflowException, FileNotFoundError, KeyError) as error:
        reason = str(error).splitlines()[0]
        raise DigitsError(f"version {number}: its artifacts cannot be read from the store ({reason})") from None
    return target


def _sums(folder: Path) -> str:
    """One line a file, as `sha256sum --check` reads them."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return "".join(f"{sha256_file(path)}  {path.relative_to(folder).as_posix()}\n" for path in files)
