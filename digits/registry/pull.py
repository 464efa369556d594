"""Take a registered version away: a folder that works without MLflow, DVC or this repository."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from digits import paths
from digits.errors import DigitsError
from digits.files import atomic_path, write_bytes, write_text
from digits.registry import signature, sums, version_files
from digits.tracking import artifacts
from digits.tracking.settings import download_bar

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

# MLflow's own client writes this file into a local model folder when it loads the model by its version.
_NOT_OURS = ("registered_model_meta",)
# What a version from before versions kept files of their own has in its run, and its name in the folder.
_FROM_RUN = {artifacts.MODEL_CARD: artifacts.MODEL_CARD}
_FROM_RUN |= {artifacts.EVALUATION_FILES[path]: path.name for path in (paths.METRICS, paths.CALIBRATION)}
_FROM_RUN |= {f"{artifacts.PLOTS}/{name}.png": f"{artifacts.PLOTS}/{name}.png" for name in version_files.PICTURES}


def pull(client: MlflowClient, version: ModelVersion, target: Path, locked: Mapping[str, str] | None = None) -> Path:
    """Write model.keras, its twin, MLmodel, card, metrics, calibration, typical images and SHA256SUMS into a folder.

    All bytes come from the store, not from a cache, and must have the hashes tagged at registration. The folder appears
    complete or not at all; an empty folder or an earlier pull at the same place is replaced.

    Args:
        client: of the store.
        version: which one.
        target: the folder.
        locked: the hashes that its files must have; None for those of the registration.

    Raises:
        DigitsError: an artifact was changed since registration or cannot be read; the version is not signed as the
            shell demands; or the target is something else than an earlier pull.
    """
    _refuse_others_folder(target)
    hashes = signature.check_version(version)
    if locked is not None and (changed := sums.changed(locked, hashes)):
        raise DigitsError(
            f"version {version.version} of this store is not what was locked, {', '.join(changed)} differ: refused, "
            "nothing written"
        )
    with atomic_path(target.resolve()) as folder:
        # Beside the target: no other disk has to hold it.
        pulled = collect(client, version, folder.parent / f"{folder.name}.store")
        refuse_changed(version, hashes, sums.of_folder(pulled))
        write_text(pulled / sums.FILE, version.tags[sums.TAG])
        if signed := signature.in_bytes(version):
            write_bytes(pulled / signature.FILE, signed)
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
        with download_bar():
            folder = Path(download_artifacts(artifact_uri=location, dst_path=str(scratch)))
        for name in _NOT_OURS:
            (folder / name).unlink(missing_ok=True)
        own = folder / version_files.place_of(version)
        if own.is_dir():
            ignored = shutil.ignore_patterns(version_files.RESULTS)
            shutil.copytree(own, folder, ignore=ignored, dirs_exist_ok=True)
        else:
            _collect_from_run(client, version, folder)
        # The files of other versions of this model are no part of this one.
        shutil.rmtree(folder / version_files.VERSIONS, ignore_errors=True)
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


def refuse_changed(version: ModelVersion, registered: Mapping[str, str], found: Mapping[str, str]) -> None:
    """Refuse files that are not those that were registered.

    Raises:
        DigitsError: which they are.
    """
    if changed := sums.changed(registered, found):
        raise DigitsError(
            f"version {version.version}: {', '.join(changed)} changed since it was registered: refused, nothing written"
        )


def _refuse_others_folder(target: Path) -> None:
    """Refuse to replace a folder that holds more than an earlier pull."""
    if target.resolve() == Path.cwd():
        raise DigitsError(f"{target} is the folder that you are in: name one to make with --to")
    if not target.exists():
        return
    listed = target / sums.FILE
    ours = {*sums.parse(listed.read_text(encoding="utf-8", errors="replace"))} if listed.is_file() else set()
    if not target.is_dir() or sums.files_in(target) - ours - {sums.FILE, signature.FILE}:
        raise DigitsError(f"{target} exists and holds more than an earlier pull: choose another folder with --to")
