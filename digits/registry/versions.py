"""The registered model in MLflow: its versions, and which of them has which alias."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from digits.errors import DigitsError
from digits.registry import version_files
from digits.registry.history import CANDIDATES_EXPERIMENT, EXPERIMENT, HISTORY_RUN, Change, History
from digits.tracking import artifacts, find
from digits.tracking.store import all_pages

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run
    from mlflow.entities.model_registry import ModelVersion

_OWNER_TAG, _OWNER = "made_by", "digits"


# What MLflow's interface shows above the versions.
_ABOUT = (
    "Raw pixels in, probabilities out. Each version has passed the gates that need no champion, see its description. "
    "The alias `champion` is what `digits predict`, `serve` and `pull` take. `digits promote` moves it on evidence, "
    "`digits rollback` moves it back, and `digits history` says who did so and why."
)


class Registry:
    """The registered model of this project."""

    def __init__(self, client: MlflowClient, name: str, candidates: str = "", is_candidates: bool = False) -> None:
        """Open the registered model `name`, which need not exist yet.

        Args:
            client: of the store.
            name: of the registered model.
            candidates: of another one, which new versions enter; empty where they enter this one.
            is_candidates: whether this is that other one.

        Raises:
            DigitsError: the name belongs to something else.
        """
        self.client = client
        self.name = name
        self.is_candidates = is_candidates
        self.candidates = Registry(client, candidates, is_candidates=True) if candidates not in ("", name) else None
        self._reported: set[str] = set()
        tags = self._tags()
        if tags is not None and tags.get(_OWNER_TAG) != _OWNER:
            raise DigitsError(
                f"the registered model {name!r} was not made by this project: set another register.model_name"
            )

    @property
    def entry(self) -> Registry:
        """The registered model that new versions enter: that of the candidates, where there is one."""
        return self.candidates or self

    def create(self) -> None:
        """Make the registered model, with its history, if it does not exist."""
        from mlflow.exceptions import MlflowException

        if self._tags() is not None:
            return
        # Whoever registers candidates must write their history, and need not be able to write the champions'.
        history = History.create(self.client, self.name, CANDIDATES_EXPERIMENT if self.is_candidates else EXPERIMENT)
        tags = {_OWNER_TAG: _OWNER, HISTORY_RUN: history.run_id}
        try:
            self.client.create_registered_model(self.name, tags, _ABOUT)
        except MlflowException:
            # Another process was first: its history counts.
            self.client.delete_run(history.run_id)
            if self._tags() is None:
                raise

    def copy(self, candidate: ModelVersion) -> str:
        """Make a version of a candidate: with its model, files and tags, as it was registered. Returns its number."""
        self.create()
        # As MLflow's copy_model_version, with one tag more: the source of a copy names the candidate, not its model.
        copied = self.client.create_model_version(
            self.name,
            source=f"models:/{candidate.name}/{candidate.version}",
            run_id=candidate.run_id,
            tags={**candidate.tags, artifacts.MODEL_ID: version_files.model_id_of(candidate)},
            description=candidate.description,
        )
        return str(copied.version)

    def version_of(self, model_sha256: str, class_names: str | None = None) -> ModelVersion | None:
        """The version that holds a model file, or None.

        Args:
            model_sha256: of the file.
            class_names: see `digits.tracking.find.class_names_of`. A version that names the classes otherwise is
                another one. None takes any.
        """
        for version in self.versions():
            if version.tags.get(artifacts.MODEL_SHA256) == model_sha256 and (
                class_names is None or find.same_names(class_names, self._class_names(version))
            ):
                return version
        return None

    def versions(self) -> list[ModelVersion]:
        """All versions, oldest first."""
        found: list[ModelVersion] = all_pages(self.client.search_model_versions, f"name = '{self.name}'")
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

    def version_with(self, alias: str) -> ModelVersion:
        """The version that has an alias.

        Raises:
            DigitsError: none has; the message lists the aliases that there are.
        """
        aliases = self.aliases()
        if alias not in aliases:
            listed = ", ".join(aliases) or "none"
            raise DigitsError(f"{self.name} has no {alias} (aliases: {listed}): `digits register` names a new version")
        return self.version(aliases[alias])

    def aliases(self) -> dict[str, str]:
        """Alias to version number. An alias whose version was deleted counts as none; old servers leave such ones."""
        if self._tags() is None:
            return {}
        model = self.client.get_registered_model(self.name)
        found = {alias: str(version) for alias, version in model.aliases.items()}
        existing = {str(version.version) for version in self.versions()} if found else set()
        for alias, number in found.items():
            if number not in existing and alias not in self._reported:
                self._reported.add(alias)
                print(f"digits: {alias} names version {number}, which was deleted: it counts as none", file=sys.stderr)
        return {alias: number for alias, number in found.items() if number in existing}

    def aliases_of(self, number: str) -> list[str]:
        """The aliases of a version."""
        return [alias for alias, version in self.aliases().items() if version == number]

    @property
    def changes(self) -> History | None:
        """The record of changes of aliases; None where nothing was registered yet."""
        tags = self._tags()
        return None if tags is None else History(self.client, self.name, tags.get(HISTORY_RUN, ""))

    def history(self) -> list[Change]:
        """All recorded changes of aliases, oldest first.

        Raises:
            DigitsError: the record was deleted in MLflow.
        """
        return self.changes.read() if self.changes else []

    def _class_names(self, version: ModelVersion) -> str | None:
        """The names of a version's classes. Versions had no such tag at first: then its run says them."""
        if names := version.tags.get(artifacts.CLASS_NAMES):
            return names
        run = find.run_with_id(self.client, version.run_id) if version.run_id else None
        return run.data.params.get(artifacts.CLASS_NAMES) if run else None

    def _tags(self) -> dict[str, str] | None:
        """Tags of the registered model; None if it does not exist."""
        from mlflow.exceptions import MlflowException

        try:
            return self.client.get_registered_model(self.name).tags
        except MlflowException as error:
            if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                return None
            raise


def run_of(client: MlflowClient, version: ModelVersion) -> Run | None:
    """The run that has a version's model: the one it was registered from, or another one of the same model.

    A run whose tags name another model by now is not the version's any more.
    """
    sha256 = version.tags.get(artifacts.MODEL_SHA256, "")
    run = find.run_with_id(client, version.run_id) if version.run_id else None
    if run is not None:
        run = find.original(client, run)
    if run is not None and run.data.tags.get(artifacts.MODEL_SHA256) == sha256:
        return run
    return find.find_run(client, sha256, version.tags.get(artifacts.CLASS_NAMES))
