"""Take a registered version away: a folder that works without MLflow, DVC or this repository."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from digits import paths
from digits.errors import DigitsError
from digits.files import atomic_path, sha256_file, write_text
from digits.registry import version_files
from digits.tracking import artifacts

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

_SUMS = "SHA256SUMS"
# Of a version: the same lines as the file has, as they were at registration.
SUMS_TAG = "sha256sums"
# MLflow's own client writes this file into a local model folder when it loads the model by its version.
_NOT_OURS = ("registered_model_meta",)
# What a version from before versions kept files of their own has in its run, and its name in the folder.
_FROM_RUN = {artifacts.MODEL_CARD: artifacts.MODEL_CARD}
_FROM_RUN |= {artifacts.EVALUATION_FILES[path]: path.name for path in (paths.METRICS, paths.CALIBRATION)}
_FROM_RUN |= {f"{artifacts.PLOTS}/{name}.png": f"{artifacts.PLOTS}/{name}.png" for name in version_files.PICTURES}


def pull(client: MlflowClient, version: ModelVersion, target: Path) -> Path:
    """Write model.keras, its twin, MLmodel, model card, metrics, calibration and SHA256SUMS into a folder.

    All bytes come from the store, not from a cache, and must have the hashes tagged at registration. The folder appears
    complete or not at all; an empty folder or an earlier pull at the same place is replaced.

    Raises:
        DigitsError: an artifact was changed since registration or cannot be read, or the target is
            something else than an earlier pull.
    """
    _refuse_others_folder(target)
    with atomic_path(target.resolve()) as folder:
        # Beside the target: no other disk has to hold it.
        pulled = collect(client, version, folder.parent / f"{folder.name}.store")
        sums = sums_of(pulled)
        _refuse_changed(version, sums)
        write_text(pulled / _SUMS, sums)
        pulled.rename(folder)
    return target


def collect(client: MlflowClient, version: ModelVersion, scratch: Path) -> Path:
    """Bring the files of a version from the store into a folder within `scratch`.

    Raises:
        DigitsError: one cannot be read.
        OSError: no space left.
    """
    from mlflow.artifacts import download_artifacts
    from mlflow.exceptions import MlflowException

    scratch.mkdir(exist_ok=True)
    try:
        location = client.get_logged_model(version_files.model_id_of(version)).artifact_location
        folder = Path(download_artifacts(artifact_uri=location, dst_path=str(scratch)))
        # The files of other versions of this model are no part of this one.
        shutil.rmtree(folder / version_files.VERSIONS, ignore_errors=True)
        for name in _NOT_OURS:
            (folder / name).unlink(missing_ok=True)
        if own := version_files.own_folder(client, version):
            ignored = shutil.ignore_patterns(version_files.RESULTS)
            shutil.copytree(own, folder, ignore=ignored, dirs_exist_ok=True)
        else:
            _collect_from_run(client, version, folder)
    # Over HTTP a missing artifact is an error of requests, which is an OSError.
    except (MlflowException, OSError) as error:
        reason = str(error).splitlines()[0]
        if "No space left" in str(error):
            raise OSError(errno.ENOSPC, "No space left on device", str(scratch)) from None
        raise DigitsError(
            f"version {version.version}: its artifacts cannot be read from the store ({reason})"
        ) from None
    return folder


def _collect_from_run(client: MlflowClient, version: ModelVersion, folder: Path) -> None:
    for path, name in _FROM_RUN.items():
        if file := artifacts.download(client, version.run_id or "", path):
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_bytes(file.read_bytes())


def sums_of(folder: Path) -> str:
    """One line a file, as `sha256sum --check` reads them."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return "".join(f"{sha256_file(path)}  {path.relative_to(folder).as_posix()}\n" for path in files)


def _refuse_changed(version: ModelVersion, sums: str) -> None:
    """Refuse files that are not those that were registered."""
    tagged = version.tags.get(SUMS_TAG)
    if tagged is None:
        raise DigitsError(
            f"version {version.version} has no tag {SUMS_TAG}: it was not registered by digits, nothing to check"
        )
    if changed := sorted(_names(set(sums.splitlines()) ^ set(tagged.splitlines()))):
        raise DigitsError(
            f"version {version.version}: {', '.join(changed)} changed since it was registered: refused, nothing written"
        )


def _names(lines: set[str]) -> set[str]:
    return {line.partition("  ")[2] for line in lines}


def _refuse_others_folder(target: Path) -> None:
    """Refuse to replace a folder that holds more than an earlier pull."""
    if target.resolve() == Path.cwd():
        raise DigitsError(f"{target} is the folder that you are in: name one to make with --to")
    if not target.exists():
        return
    sums = target / _SUMS
    listed = _names(set(sums.read_text().splitlines())) if sums.is_file() else set()
    present = {path.relative_to(target).as_posix() for path in target.rglob("*") if not path.is_dir()}
    if not target.is_dir() or present - listed - {_SUMS}:
        raise DigitsError(f"{target} exists and holds more than an earlier pull: choose another folder with --to")
