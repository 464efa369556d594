"""From what a person calls a model to the model: the one grammar of names that every command understands.

A name is an alias, a version number, `models:/digits@champion`, `models:/digits/3`, a run's id, `runs:/<id>`, a run's
name, a DVC experiment, a git revision, a .keras file, or a folder with model.keras. Runs and DVC experiments are joined
by the content of the model file, so an experiment that DVC restored from its cache is the run that trained it. A
reproduction counts as its original.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from digits import dvc, git, paths
from digits.errors import DigitsError
from digits.registry import version_files
from digits.registry.history import CHAMPION
from digits.registry.local import is_separated, local_model, model_file
from digits.registry.model import Model, download_model
from digits.registry.nearest import unknown_name
from digits.registry.revisions import model_of_commit
from digits.registry.versions import Registry, run_of
from digits.results import Results
from digits.tracking import artifacts, find

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run
    from mlflow.entities.model_registry import ModelVersion

    # The store is opened by the first name that needs it: a file needs none.
    Open = Callable[[], Registry]

# How many runs are compared where none is named.
_NEWEST = 10
# How a name of the registry begins.
_REGISTRY = "models:/"


def resolve(name: str, registry: Open) -> Model:
    """Find the one model that a name means.

    Args:
        name: see the module's docstring.
        registry: opens the registered model.

    Raises:
        DigitsError: nothing is called so, with the nearest names; or several models are, with a name for each that is
            unambiguous; or it has no model; or the store does not answer.
    """
    if not name.strip():
        raise DigitsError("the name of a model is empty: give an alias, a version, a run, an experiment or a file")
    if explicit := _explicit(name, registry):
        return explicit
    here = local_model(name) if model_file(name) else None
    try:
        opened = registry()
    except DigitsError:
        if here:
            return here
        raise
    found = [*_in_registry(name, opened), *_runs(name, opened), *_in_git(name, opened)]
    models = list({model.run.info.run_id if model.run else model.uri: model for model in reversed(found)}.values())
    if here and here.sha256 not in {model.sha256 for model in models}:
        models.append(here)
    if len(models) > 1:
        means = ", ".join(f"{model.title} ({model.uri})" for model in models)
        raise DigitsError(f"{name} means {len(models)} models: {means}; give the name in brackets of the one you mean")
    if not models:
        raise DigitsError(unknown_name(name, opened))
    return models[0]


def is_of_registry(name: str) -> bool:
    """Whether the registry alone decides what a name means: no run, git, DVC or file can be called so."""
    return name.startswith(_REGISTRY)


def resolve_run(name: str, registry: Registry) -> Model:
    """As `resolve`, with the run that made the model, also for a file.

    Raises:
        DigitsError: as `resolve`; or the store has no run that made the model.
    """
    model = resolve(name, lambda: registry)
    if model.run is None and (run := _run_of(model, registry)):
        return model_of_run(run, registry, name)
    model.require_run()
    return model


def resolve_version(name: str, registry: Registry) -> str:
    """The number of the registered version that a name means.

    Raises:
        DigitsError: as `resolve`; or the model is no version of `registry`.
    """
    version = _version_of(name, registry)
    if version.name != registry.name:
        raise DigitsError(f"{name} is a candidate, no version of {registry.name}: `digits promote {name}` makes it one")
    return str(version.version)


def find_version(registry: Registry, name: str, alias: str, number: str) -> tuple[ModelVersion, str | None]:
    """The registered version that is meant, also a candidate, and the alias that names it, if one does.

    Args:
        registry: the registered model.
        name: any name of the version, or empty.
        alias: of the version, or empty; where nothing else is given either, the champion is meant.
        number: of the version, or empty.

    Raises:
        DigitsError: as `resolve_version`; or there is no such alias or version.
    """
    if name:
        found, last = _version_of(name, registry), name.rpartition("@")[2]
        owner = registry if found.name == registry.name else registry.entry
        return found, last if last in owner.aliases() else None
    if number:
        return registry.version(number), None
    alias = alias or CHAMPION
    of_candidate = (
        registry.candidates is not None and alias not in registry.aliases() and alias in registry.entry.aliases()
    )
    return (registry.entry if of_candidate else registry).version_with(alias), alias


def _version_of(name: str, registry: Registry) -> ModelVersion:
    """The version of the registered model, or of its candidates, that a name means.

    Raises:
        DigitsError: as `resolve`; or the model is no version of either.
    """
    model = resolve(name, lambda: registry)
    facts = model.sha256, find.class_names_of(model.results)
    version = model.version or registry.version_of(*facts) or registry.entry.version_of(*facts)
    if version is None or version.name not in (registry.name, registry.entry.name):
        raise DigitsError(f"{name} is no version of {registry.entry.name}: `digits register {name}` makes it one")
    return version


def resolve_all(names: Sequence[str], registry: Registry) -> dict[str, Model]:
    """The models by the names given, in their order; without names, the champion and the newest evaluated runs.

    Raises:
        DigitsError: as `resolve`; or there is no model yet.
    """
    models = {}
    for name in dict.fromkeys(names):
        model = resolve(name, lambda: registry)
        # A folder that was pulled has less than the run that made it.
        run = None if model.run else _run_of(model, registry)
        models[name] = model_of_run(run, registry, name) if run else model
    models = models or _newest(registry)
    if not models:
        raise DigitsError("nothing to compare yet: run `dvc repro` first")
    shown = [model.results.name for model in models.values()]
    for model in models.values():
        # Runs of the same minute and settings have the same name.
        if shown.count(model.results.name) > 1:
            model.results.name += f" {model.results.run_id[:8]}"
    return models


def model_of_run(run: Run, registry: Registry, name: str = "") -> Model:
    """The model that a run made.

    Args:
        run: of MLflow; a reproduction counts as its original.
        registry: the registered model.
        name: as a person gave it; default is the run's name.

    Raises:
        DigitsError: the run made no model.
    """
    client = registry.client
    run = find.original(client, run)
    results = find.results_of(run, run.info.run_name if name in ("", run.info.run_id) else name)
    if registered := registry.version_of(results.model_sha256, find.class_names_of(results)):
        results.labels |= _labels(registry, registered)
    uri = f"runs:/{run.info.run_id}"

    def file() -> Path:
        model_id = run.data.tags.get(artifacts.MODEL_ID)
        if model_id is None:
            raise DigitsError(f"{uri}: run {run.info.run_id} has no model of this project")
        return download_model(client, model_id, results.model_sha256, run.data.tags.get(artifacts.TWIN_SHA256))

    return Model(name or run.info.run_name, uri, results.model_sha256, results, run, None, file)


def _run_of(model: Model, registry: Registry) -> Run | None:
    """The run that made the model of a file or a folder."""
    return find.find_run(registry.client, model.sha256, find.class_names_of(model.results))


# --- Names that say what they are -----------------------------------------------------------------------------------


def _explicit(name: str, registry: Open) -> Model | None:
    """The model of a URI, a run's id or a path. None for a bare word, which may mean several things."""
    if is_of_registry(name):
        return _by_model_uri(name, registry())
    if name.startswith("runs:/"):
        run_id = name.removeprefix("runs:/").partition("/")[0]
        run = find.run_with_id(registry().client, run_id)
        if run is None:
            raise DigitsError(f"{name}: no run has this id")
        return model_of_run(run, registry(), run_id)
    if re.fullmatch(r"[0-9a-f]{32}", name) and (run := find.run_with_id(registry().client, name)):
        return model_of_run(run, registry(), name)
    if name.endswith(".keras") or name.startswith((".", "/", "~")) or (is_separated(name) and Path(name).exists()):
        return local_model(name)
    return None


def _by_model_uri(uri: str, registry: Registry) -> Model:
    match = re.fullmatch(r"models:/(?:([^/@]+)(?:@([^/]+)|/(\d+))|(m-[0-9a-f]+))", uri)
    if not match:
        raise DigitsError(f"{uri}: not a model; write models:/{registry.name}@champion or models:/{registry.name}/3")
    model_name, alias, number, model_id = match.groups()
    if model_id:
        return _by_logged_model(uri, model_id, registry)
    if registry.candidates and model_name == registry.candidates.name:
        registry = registry.candidates
    if model_name != registry.name:
        return _model_of_version(_version_of_other(uri, registry.client, model_name, alias, number), registry, uri)
    return _model_of_version(registry.version_with(alias) if alias else registry.version(number), registry, uri)


def _version_of_other(uri: str, client: MlflowClient, model_name: str, alias: str | None, number: str) -> ModelVersion:
    """A version of another registered model than the project's."""
    from mlflow.exceptions import MlflowException

    try:
        if alias:
            return client.get_model_version_by_alias(model_name, alias)
        return client.get_model_version(model_name, number)
    except MlflowException as error:
        raise DigitsError(f"{uri}: there is no such version ({str(error).splitlines()[0]})") from None


def _by_logged_model(uri: str, model_id: str, registry: Registry) -> Model:
    from mlflow.exceptions import MlflowException

    try:
        run_id = registry.client.get_logged_model(model_id).source_run_id
    except MlflowException:
        run_id = None
    run = find.run_with_id(registry.client, run_id) if run_id else None
    if run is None:
        raise DigitsError(f"{uri}: no logged model has this id")
    return model_of_run(run, registry, uri)


# --- Bare words -----------------------------------------------------------------------------------------------------


def _in_registry(name: str, registry: Registry) -> Iterator[Model]:
    aliases = registry.aliases()
    number = aliases.get(name, name if name.isdecimal() else None)
    for version in registry.versions() if number else ():
        if str(version.version) == number:
            yield _model_of_version(version, registry, name)
    if registry.candidates and not name.isdecimal():
        # A bare number is that of a champion or former one.
        yield from _in_registry(name, registry.candidates)


def _model_of_version(version: ModelVersion, registry: Registry, name: str) -> Model:
    """The model of a version, by the version's own tags and files. Its run may have been changed since, or be gone."""
    client = registry.client
    sha256 = version.tags.get(artifacts.MODEL_SHA256)
    if sha256 is None:
        raise DigitsError(f"version {version.version} of {version.name} was not registered by digits: it has no hash")
    run = run_of(client, version)
    own = version_files.find_of(client, version)
    results = find.results_of(run, name) if run else Results(name, own, sha256)
    if own(paths.METRICS):
        results = replace(results, find=own)
    results.labels |= _labels(registry, version)
    uri = f"models:/{version.name}/{version.version}"
    model_id = version_files.model_id_of(version)
    twin = version.tags.get(artifacts.TWIN_SHA256)
    return Model(name, uri, sha256, results, run, version, lambda: download_model(client, model_id, sha256, twin))


def _labels(registry: Registry, version: ModelVersion) -> dict[str, str]:
    number = str(version.version)
    aliases = registry.aliases_of(number)
    return {"version": number} | ({"aliases": ", ".join(aliases)} if aliases else {})


def _runs(name: str, registry: Registry) -> Iterator[Model]:
    """The runs with a name; of several, those that have a model."""
    runs = find.runs_named(registry.client, name)
    with_model = [run for run in runs if artifacts.MODEL_SHA256 in run.data.tags]
    for run in with_model or runs:
        yield model_of_run(run, registry, name)


def _in_git(name: str, registry: Registry) -> Iterator[Model]:
    """The DVC experiments with a name, or the git revision; where git knows neither, the runs of such an experiment."""
    named = [experiment for experiment in dvc.experiments() if experiment.name == name]
    # Experiments on different commits may have the same name: that on the present one is meant.
    head = git.commit_of("HEAD")
    revisions = [e.ref for e in named if e.baseline == head] or [e.ref for e in named] or [name]
    commits = [commit for commit in map(git.commit_of, revisions) if commit]
    for commit in commits:
        if model := _of_commit(name, commit, registry, bool(named)):
            if named:
                # `dvc exp rename` gives the experiment of a run another name.
                model.results.labels["experiment"] = name
            yield model
    if not commits:
        for run in find.runs_of_experiment(registry.client, name):
            yield model_of_run(run, registry, name)


def _of_commit(name: str, commit: str, registry: Registry, is_experiment: bool) -> Model | None:
    """The model in dvc.lock of a commit, from the run that made it or else from DVC's cache."""
    model, data = (dvc.out_digest(path, commit) for path in (paths.MODEL, paths.PROCESSED))
    if model is None or data is None:
        return None
    if run := find.run_of_outs(registry.client, model, data):
        return model_of_run(run, registry, name)
    return model_of_commit(name, commit, is_experiment)


def _newest(registry: Registry) -> dict[str, Model]:
    """The champion and the newest evaluated runs, by alias and by id."""
    number = registry.aliases().get(CHAMPION)
    champion = _model_of_version(registry.version(number), registry, CHAMPION) if number else None
    known = champion.version.run_id if champion and champion.version else None
    runs = find.newest_evaluated(registry.client, _NEWEST + 1)
    newest = [model_of_run(run, registry) for run in runs if run.info.run_id != known][:_NEWEST]
    return ({CHAMPION: champion} if champion else {}) | {model.results.run_id: model for model in newest}
