"""The MLflow model registry: versions, the aliases champion and challenger, and an append-only history of them.

The history is one MLflow run whose parameters are the changes, numbered. MLflow refuses to change a parameter that is
logged, so a record cannot be altered, and of two processes that claim the same number only one succeeds: the other
learns that the registry changed under it.
"""

from __future__ import annotations

import atexit
import functools
import json
import os
import re
import socket
import tempfile
import time
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock

from digits.errors import DigitsError
from digits.files import atomic_path, read_json, sha256_file
from digits.provenance import git, project_root

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run
    from mlflow.entities.model_registry import ModelVersion

    from digits.gates import Gate

CHAMPION = "champion"
CHALLENGER = "challenger"
_HISTORY_EXPERIMENT = "digits-history"
# Of an evaluation, wherever a model lies: with its run, or in the folder that `digits pull` wrote.
_METRICS_FILES = ("metrics.json", "calibration.json")
_OWNER_TAG, _OWNER = "made_by", "digits"
# MLflow cuts a longer parameter off without a word.
_LONGEST_RECORD = 6000


@dataclass(frozen=True)
class ResolvedModel:
    """A model file on this disk, whose bytes were checked, and what is known of it."""

    path: Path
    name: str
    version: str | None
    uri: str
    sha256: str
    metrics: dict[str, Any] | None


@dataclass(frozen=True)
class Change:
    """One change of an alias."""

    alias: str
    before: str | None
    after: str | None
    action: str
    who: str
    when: str
    why: str
    gates: list[dict[str, Any]] = field(default_factory=list)


class RegistryChangedError(DigitsError):
    """Somebody else moved an alias between our look and our move."""


class Registry:
    """The registered model of this project."""

    def __init__(self, client: MlflowClient, name: str) -> None:
        """Open the registered model `name`, which need not exist yet.

        Raises:
            DigitsError: the name belongs to something else.
        """
        self.client = client
        self.name = name
        tags = self._tags()
        if tags is not None and tags.get(_OWNER_TAG) != _OWNER:
            raise DigitsError(
                f"the registered model {name!r} was not made by this project: set another register.model_name"
            )

    def create(self) -> None:
        """Make the registered model, with its history, if it does not exist."""
        from mlflow.exceptions import MlflowException

        if self._tags() is not None:
            return
        experiment = self.client.get_experiment_by_name(_HISTORY_EXPERIMENT)
        experiment_id = experiment.experiment_id if experiment else self._create_history_experiment()
        run = self.client.create_run(experiment_id, run_name=f"history of {self.name}")
        self.client.set_terminated(run.info.run_id)
        tags = {_OWNER_TAG: _OWNER, "history_run": run.info.run_id}
        try:
            self.client.create_registered_model(
                self.name, tags, "Handwritten digits, raw pixels in, probabilities out."
            )
        except MlflowException:
            # Another process was first: its history counts.
            self.client.delete_run(run.info.run_id)
            if self._tags() is None:
                raise

    def version_of(self, model_sha256: str) -> ModelVersion | None:
        """The version that holds a model file, or None."""
        return next((v for v in self.versions() if v.tags.get("model_sha256") == model_sha256), None)

    def versions(self) -> list[ModelVersion]:
        """All versions, oldest first."""
        found = self.client.search_model_versions(f"name = '{self.name}'")
        return sorted(found, key=lambda version: int(version.version))

    def version(self, number: str) -> ModelVersion:
        """A version by its number.

        Raises:
            DigitsError: there is none; the message lists those that exist.
        """
        found = {str(v.version): v for v in self.versions()}
        if number not in found:
            listed = ", ".join(found) or "none yet"
            raise DigitsError(f"{self.name} has no version {number} (versions: {listed})")
        return found[number]

    def version_with(self, alias: str) -> str:
        """The number of the version that has an alias.

        Raises:
            DigitsError: none has; the message lists the aliases that there are.
        """
        aliases = self.aliases()
        if alias not in aliases:
            listed = ", ".join(aliases) or "none"
            raise DigitsError(f"{self.name} has no {alias} (aliases: {listed}): `digits register` names a new version")
        return aliases[alias]

    def aliases(self) -> dict[str, str]:
        """Alias to version number."""
        if self._tags() is None:
            return {}
        model = self.client.get_registered_model(self.name)
        return {alias: str(version) for alias, version in model.aliases.items()}

    def history(self) -> list[Change]:
        """All recorded changes, oldest first.

        Raises:
            DigitsError: the record was deleted in MLflow.
        """
        tags = self._tags()
        if tags is None:
            return []
        params = self._history_run(tags).data.params
        return [Change(**json.loads(params[key])) for key in sorted(params)]

    def move(
        self, alias: str, before: str | None, after: str | None, action: str, why: str, gates: Sequence[Gate] = ()
    ) -> Change:
        """Move an alias, on record. `after` None removes it.

        Args:
            alias: champion or challenger.
            before: the version that the caller saw under the alias; the move is refused if it is another by now.
            after: the version to point to.
            action: register, promote, rollback, …
            why: a sentence for the record.
            gates: what was checked.

        Raises:
            RegistryChangedError: another process moved an alias meanwhile; nothing was changed.
            DigitsError: there is no version `after`, or `why` is too long.
        """
        if after is not None:
            self.version(after)
        with FileLock(project_root() / ".digits" / "registry.lock"):
            history = self._history_that_fits(alias)
            now = self.aliases().get(alias)
            if now != before:
                raise RegistryChangedError(self._moved(alias, before, now))
            passed = [
                {"name": g.name, "observed": g.observed, "required": g.required, "passed": g.passed} for g in gates
            ]
            change = Change(alias, before, after, action, _who(), _now(), why, passed)
            self._append(len(history), change)
            if after is None:
                self.client.delete_registered_model_alias(self.name, alias)
            else:
                self.client.set_registered_model_alias(self.name, alias, after)
            return change

    def _history_that_fits(self, alias: str) -> list[Change]:
        """The history, after recording a change that was made by other means, such as MLflow's UI."""
        history = self.history()
        if unrecorded(history, alias, self.aliases().get(alias)):
            # Another machine may be between its record and its move: give it a moment.
            time.sleep(2)
            history = self.history()
        if change := unrecorded(history, alias, self.aliases().get(alias)):
            self._append(len(history), change)
            history.append(change)
        return history

    def _append(self, number: int, change: Change) -> None:
        from mlflow.exceptions import MlflowException

        text = json.dumps(asdict(change), ensure_ascii=False)
        if len(text) > _LONGEST_RECORD:
            raise DigitsError(
                f"the record of this change has {len(text)} characters, MLflow keeps {_LONGEST_RECORD}: "
                "give a shorter --reason"
            )
        run = self._history_run(self._tags() or {})
        try:
            self.client.log_param(run.info.run_id, f"{number + 1:06d}", text)
        except MlflowException as error:
            # A parameter that is logged cannot be changed: somebody else has this number.
            if error.error_code != "INVALID_PARAMETER_VALUE":
                raise
            raise RegistryChangedError(
                self._moved(change.alias, change.before, self.aliases().get(change.alias))
            ) from None

    def _history_run(self, tags: dict[str, str]) -> Run:
        """The run that keeps the history.

        Raises:
            DigitsError: it was deleted, or the tag that names it.
        """
        from mlflow.exceptions import MlflowException

        run_id = tags.get("history_run", "")
        try:
            run = self.client.get_run(run_id)
        except MlflowException as error:
            if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                raise
            raise DigitsError(
                f"the history of {self.name} is gone (no run {run_id!r}, which the registered model's tag history_run "
                "names): restore MLflow's store from a backup, or set another register.model_name"
            ) from None
        if run.info.lifecycle_stage == "deleted":
            raise DigitsError(
                f"the run that keeps the history of {self.name} was deleted: `mlflow runs restore --run-id {run_id}`"
            )
        return run

    def _moved(self, alias: str, before: str | None, now: str | None) -> str:
        last = next((change for change in reversed(self.history()) if change.alias == alias), None)
        by = f" by {last.who} at {last.when}" if last else ""
        return (
            f"{alias} was moved meanwhile from {_version(before)} to {_version(now)}{by}: nothing changed, "
            "look at `digits history` and decide again"
        )

    def _create_history_experiment(self) -> str:
        from mlflow.exceptions import MlflowException

        try:
            return self.client.create_experiment(_HISTORY_EXPERIMENT)
        except MlflowException:
            return self.client.get_experiment_by_name(_HISTORY_EXPERIMENT).experiment_id

    def _tags(self) -> dict[str, str] | None:
        """Tags of the registered model; None if it does not exist."""
        from mlflow.exceptions import MlflowException

        try:
            return self.client.get_registered_model(self.name).tags
        except MlflowException as error:
            if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                return None
            raise


def unrecorded(history: Sequence[Change], alias: str, now: str | None) -> Change | None:
    """The change that was made by other means than this project's, or None where the history ends at `now`."""
    recorded = next((change.after for change in reversed(history) if change.alias == alias), None)
    if recorded == now:
        return None
    return Change(alias, recorded, now, "outside", "unknown", _now(), "found changed by other means than digits")


def former_champion(history: Sequence[Change], existing: Collection[str] | None = None) -> str | None:
    """The champion before the present one, as a rollback undoes promotions: two rollbacks go back two.

    A rollback to a named version that was champion before takes the stack of champions down to it; so does a return to
    one by other means, such as that after a promotion whose process died before it moved the alias. Where the present
    champion was taken away, the former one is the last that there was.

    Args:
        history: all changes, oldest first, see `Registry.history`.
        existing: versions that were not deleted; None if all are still there.
    """
    stack: list[str] = []
    present = None
    for change in history:
        if change.alias != CHAMPION:
            continue
        present = change.after
        if change.action in ("rollback", "outside") and present in stack:
            while stack[-1] != present:
                stack.pop()
        elif present is not None:
            stack.append(present)
    return next(
        (number for number in reversed(stack) if number != present and (existing is None or number in existing)), None
    )


def run_of(client: MlflowClient, version: ModelVersion) -> Run:
    """The run that a version was registered from.

    Raises:
        DigitsError: it is gone, or the version was made by other means and never had one.
    """
    from mlflow.exceptions import MlflowException

    try:
        return client.get_run(version.run_id or "")
    except MlflowException as error:
        reason = str(error).splitlines()[0]
        raise DigitsError(f"version {version.version}: the run it was registered from is gone ({reason})") from None


def resolve_model(uri: str) -> ResolvedModel:
    """Bring a model's file to this disk and check its bytes against the hash tagged when it was made.

    Args:
        uri: a .keras file, a folder that holds model.keras, `models:/digits@champion`, `models:/digits/3` or
            `runs:/<run id>`.

    Raises:
        DigitsError: there is no such model, or its bytes are not those that were registered.
    """
    if not re.match(r"(models|runs):/", uri):
        return _local_model(uri)
    from mlflow.exceptions import MlflowException

    from digits import tracking

    client = tracking.connect()
    try:
        if uri.startswith("runs:/"):
            run_id = uri.removeprefix("runs:/").split("/")[0]
            name, version = run_id, None
        else:
            found = _version_by_uri(client, uri)
            name, version, run_id = found.name, str(found.version), run_of(client, found).info.run_id
        tags = client.get_run(run_id).data.tags
        # A reproduction has no model of its own: the bytes are those of the first run.
        if first := tags.get("reproduction_of"):
            run_id, tags = first, client.get_run(first).data.tags
    except MlflowException as error:
        raise DigitsError(
            f"{uri} is not in {tracking.tracking_uri()} ({str(error).splitlines()[0]}): `make repro` makes a champion, "
            "`digits history` tells what became of one, a file or folder with model.keras will do as well"
        ) from None
    if "model_sha256" not in tags or "model_id" not in tags:
        raise DigitsError(f"{uri}: run {run_id} has no model of this project")
    path = _download(client, tags["model_id"], tags["model_sha256"])
    return ResolvedModel(path, name, version, uri, tags["model_sha256"], load_metrics(client, run_id))


def load_metrics(client: MlflowClient, run_id: str) -> dict[str, Any] | None:
    """`test` of the metrics.json that a run logged and its `not_sure_below`, or None if it was never evaluated."""
    return _metrics(*(download_artifact(client, run_id, f"evaluation/{name}") for name in _METRICS_FILES))


def download_artifact(client: MlflowClient, run_id: str, path: str) -> Path | None:
    """A run's artifact on this disk, or None if the run does not have it."""
    folder = path.rpartition("/")[0] or None
    if not any(item.path == path for item in client.list_artifacts(run_id, folder)):
        return None
    folder_here = _scratch() / run_id
    folder_here.mkdir(exist_ok=True)
    return Path(client.download_artifacts(run_id, path, str(folder_here)))


@functools.cache
def _scratch() -> Path:
    """A folder for what comes from the store, which goes when this process does."""
    holder = tempfile.TemporaryDirectory(prefix="digits-")
    atexit.register(holder.cleanup)
    return Path(holder.name)


def _local_model(uri: str) -> ResolvedModel:
    path = Path(uri)
    file = path if path.is_file() else path / "model.keras"
    if not file.is_file():
        raise DigitsError(
            f"{uri}: no such model; give a .keras file, a folder with model.keras, or models:/digits@champion"
        )
    beside = (file.parent / name for name in _METRICS_FILES)
    metrics = _metrics(*(path if path.is_file() else None for path in beside))
    return ResolvedModel(file, file.stem, None, uri, sha256_file(file), metrics)


def _metrics(metrics: Path | None, calibration: Path | None) -> dict[str, Any] | None:
    test = read_json(metrics).get("test") if metrics else None
    # A threshold on its own still serves; models that were evaluated before there was one have none.
    threshold = {"not_sure_below": read_json(calibration)["not_sure_below"]} if calibration else {}
    return (test or {}) | threshold or None


def _version_by_uri(client: MlflowClient, uri: str) -> ModelVersion:
    match = re.fullmatch(r"models:/([^/@]+)(?:@([^/]+)|/(\d+))", uri)
    if not match:
        raise DigitsError(f"{uri}: not a model; write models:/digits@champion or models:/digits/3")
    name, alias, number = match.groups()
    return client.get_model_version_by_alias(name, alias) if alias else client.get_model_version(name, number)


def _download(client: MlflowClient, model_id: str, sha256: str) -> Path:
    """The model file, kept in .digits/models under its hash so that it is fetched once."""
    from mlflow.artifacts import download_artifacts
    from mlflow.exceptions import MlflowException

    kept = project_root() / ".digits" / "models" / sha256 / "model.keras"
    if kept.is_file() and sha256_file(kept) == sha256:
        return kept
    location = f"model {model_id}"
    with tempfile.TemporaryDirectory() as folder:
        try:
            location = client.get_logged_model(model_id).artifact_location
            file = Path(download_artifacts(artifact_uri=f"{location}/model.keras", dst_path=folder))
        except (MlflowException, OSError) as error:
            raise DigitsError(f"{location}: the model's file cannot be read ({str(error).splitlines()[0]})") from None
        found = sha256_file(file)
        if found != sha256:
            raise DigitsError(
                f"{location}/model.keras is not the file that was logged: SHA-256 {found[:12]}… instead of "
                f"{sha256[:12]}…; refused"
            )
        with atomic_path(kept) as part:
            part.write_bytes(file.read_bytes())
    return kept


def _version(number: str | None) -> str:
    return "nothing" if number is None else f"version {number}"


def _who() -> str:
    name = os.environ.get("MLFLOW_TRACKING_USERNAME") or git("config", "user.name") or os.environ.get("USER", "unknown")
    return f"{name} on {socket.gethostname()}"


def _now() -> str:
    # So fine that no two records are alike: MLflow takes the same parameter twice if the value is the same, too.
    return datetime.now(UTC).isoformat(timespec="microseconds")
