"""From a model back to what made it: run, commit, parameters, data, and the commands that rebuild it."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from digits import git, paths
from digits.params import option
from digits.registry.model import Model
from digits.registry.versions import Registry
from digits.tracking import artifacts
from digits.tracking.find import count_reproductions
from digits.tracking.processor import Processor
from digits.tracking.source import changed_params, committed_params, committed_recipe, split

# The sections of params.yaml that a model depends on, and the name of its recipe.
_BEFORE_EVALUATION = (artifacts.RECIPE, "fetch.", "validate.", "preprocess.", "train.")


@dataclass(frozen=True)
class Lineage:
    """Where a model comes from.

    `folder` is the project's, from the top of the repository on. `changed` are the parameters that differ from those of
    the commit, `besides_recipe` those that differ from what its recipe says in the commit; None where git does not have
    the commit, or the recipe, here. `cpu` is the parameter `train.cpu`; `processor` is None for a run that does not say
    where it trained.
    """

    model_sha256: str
    run_id: str
    run_name: str
    trained_at: str
    commit: str | None
    folder: str
    dirty: bool
    changed_files: list[str]
    untracked_files: list[str]
    changed: dict[str, Any] | None
    dvc_experiment: str | None
    data_digest: str | None
    test_sha256: str | None
    versions: dict[str, list[str]]
    reproductions: int
    recipe: str | None = None
    besides_recipe: dict[str, Any] | None = None
    cpu: str | None = None
    processor: Processor | None = None
    libraries: str | None = None
    workers: int = 1
    rebuild: list[str] = field(default_factory=list)


def lineage_of(registry: Registry, model: Model) -> Lineage:
    """Follow a model back.

    Args:
        registry: the registered model.
        model: with its run.

    Raises:
        DigitsError: no run of this store made the model.
    """
    run = model.require_run()
    tags = run.data.tags
    versions = {
        str(v.version): registry.aliases_of(str(v.version))
        for v in registry.versions()
        if v.tags.get(artifacts.MODEL_SHA256) == model.sha256
    }
    folder = tags.get(artifacts.GIT_FOLDER) or git.folder_within(paths.project_root())
    commit, params = tags.get(artifacts.GIT_COMMIT), typed(run.data.params)
    committed = committed_params(commit, folder)
    found = Lineage(
        model_sha256=model.sha256,
        run_id=run.info.run_id,
        run_name=run.info.run_name,
        trained_at=datetime.fromtimestamp(run.info.start_time / 1000, UTC).isoformat(timespec="seconds"),
        commit=commit,
        folder=folder,
        dirty=tags.get(artifacts.GIT_DIRTY) == "true",
        changed_files=split(tags.get(artifacts.GIT_CHANGED, "")),
        untracked_files=split(tags.get(artifacts.GIT_UNTRACKED, "")),
        changed=None if committed is None else changed_params(params, committed),
        dvc_experiment=model.results.labels.get("experiment"),
        data_digest=tags.get(artifacts.DATA_DIGEST),
        test_sha256=tags.get(artifacts.TEST_SHA256),
        versions=versions,
        reproductions=count_reproductions(registry.client, model.sha256),
        recipe=params.get(artifacts.RECIPE),
        besides_recipe=_besides_recipe(params, commit, folder),
        cpu=params.get(artifacts.CPU),
        processor=_processor(tags),
        libraries=tags.get(artifacts.LIBRARIES),
        workers=params.get(artifacts.WORKERS, 1),
    )
    found.rebuild.extend(rebuild_commands(found))
    return found


def describe(lineage: Lineage) -> str:
    """A lineage as lines for a person."""
    versions = ", ".join(f"{v} ({', '.join(a)})" if a else v for v, a in lineage.versions.items()) or "not registered"
    commit = lineage.commit or "unknown"
    if lineage.dirty:
        commit += f", with uncommitted changes in {few(lineage.changed_files)}"
    if lineage.changed is None:
        changed = f"unknown, as the commit is not here: see {artifacts.PARAMS} of the run"
    else:
        changed = ", ".join(f"{key}={value}" for key, value in lineage.changed.items()) or "as in the commit"
    facts = {
        "model": f"SHA-256 {lineage.model_sha256}",
        "version": versions,
        "run": f"{lineage.run_name} ({lineage.run_id})",
        "trained": lineage.trained_at
        + (f", reproduced {lineage.reproductions} times" if lineage.reproductions else ""),
        "commit": commit,
        "experiment": lineage.dvc_experiment or "none",
        "recipe": _recipe(lineage),
        "parameters": changed,
        "data": f"DVC digest {lineage.data_digest}",
        "test images": f"SHA-256 {lineage.test_sha256}",
        "processor": f"{lineage.processor} ({lineage.cpu})" if lineage.processor else "unknown",
    }
    lines = [f"{name:<12}{fact}" for name, fact in facts.items()]
    rebuild_lines = lineage.rebuild or [f"not possible: {not_rebuildable(lineage)}"]
    return "\n".join([*lines, "rebuild", *(f"  {line}" for line in rebuild_lines)])


def not_rebuildable(lineage: Lineage) -> str | None:
    """Why a model cannot be built again; None where it can."""
    if lineage.commit is None:
        return "it was made without a git repository, or without git"
    if lineage.untracked_files:
        return f"it was made from files that git did not track: {few(lineage.untracked_files)}"
    return None


def rebuild_commands(lineage: Lineage) -> list[str]:
    """What a person types to get the model again; nothing where that is not possible."""
    if not_rebuildable(lineage):
        return []
    address = shlex.quote(git.remote_address(paths.project_root()) or ".")
    folder = "" if lineage.folder == "." else lineage.folder
    lines = [f"git clone {address} rebuild && cd rebuild"]
    lines.append(f"git checkout {lineage.commit}" + (f" && cd {shlex.quote(folder)}" if folder else ""))
    changed = {key: value for key, value in (lineage.changed or {}).items() if key.startswith(_BEFORE_EVALUATION)}
    settings = []
    if lineage.dirty and set(lineage.changed_files) - {"params.yaml"}:
        # Git counts the paths of a patch from the repository's top, and passes over those elsewhere without a word.
        place = f" {shlex.quote(f'--directory={folder}')}" if folder else ""
        patch = f"git apply{place} uncommitted.patch"
        lines.append(f"# apply the artifact {artifacts.PATCH} of run {lineage.run_id}: {patch}")
    elif lineage.changed is None or not all(map(_is_plain, changed.values())):
        lines.append(f"# put the artifact {artifacts.PARAMS} of run {lineage.run_id} in the place of params.yaml")
    else:
        settings = [option(key, value) for key, value in changed.items()]
    lines.append("make setup && source .venv/bin/activate")
    lines.append(f"dvc exp run {' '.join(settings)} train" if settings else "dvc repro train")
    return lines


def few(names: Sequence[str], most: int = 8) -> str:
    """Names in one line for a person: the first ones, and how many more there are."""
    *_, last = ["", *names]
    cut = re.fullmatch(r"and (\d+) more", last)
    more = int(cut[1]) if cut else 0
    listed = names[:-1] if cut else names
    more += max(0, len(listed) - most)
    return ", ".join(listed[:most]) + (f" and {more} more" if more else "")


def _recipe(lineage: Lineage) -> str:
    """The recipe of a model for a person, and what it has otherwise."""
    but = ", ".join(f"{key}={value}" for key, value in (lineage.besides_recipe or {}).items())
    return (lineage.recipe or "unknown") + (f", but for {but}" if but else "")


def _besides_recipe(params: dict[str, Any], commit: str | None, folder: str) -> dict[str, Any] | None:
    recipe = committed_recipe(params.get(artifacts.RECIPE), commit, folder)
    return None if recipe is None else {key: params.get(key) for key in recipe if params.get(key) != recipe[key]}


def _processor(tags: dict[str, str]) -> Processor | None:
    if artifacts.PROCESSOR not in tags:
        return None
    return Processor(tags[artifacts.PROCESSOR], tags.get(artifacts.INSTRUCTIONS, ""))


def typed(params: dict[str, str]) -> dict[str, Any]:
    """The values of parameters of which MLflow keeps Python's text."""
    return {key: _value(text) for key, text in params.items() if artifacts.of_params(key)}


def _value(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def _is_plain(value: Any) -> bool:
    """Whether a value means the same to `dvc exp run -S` as it does in YAML."""
    if isinstance(value, list):
        return all(map(_is_plain, value))
    return isinstance(value, bool | int | float) or re.fullmatch(r"[A-Za-z][\w-]*", str(value)) is not None
