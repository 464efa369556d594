"""From a model back to what made it: run, commit, parameters, data; and the proof, a rebuild with the same bytes."""

from __future__ import annotations

import ast
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from digits import layout, tracking
from digits.errors import DigitsError
from digits.files import sha256_file
from digits.promotion import version_of_target
from digits.provenance import changed_params, committed_params, git, project_root
from digits.registry import CHAMPION, Registry, download_artifact, run_of

if TYPE_CHECKING:
    from mlflow import MlflowClient


PARAMS = "source/params.yaml"
# The sections of params.yaml that a model depends on.
_BEFORE_EVALUATION = ("fetch.", "validate.", "preprocess.", "train.")


@dataclass(frozen=True)
class Lineage:
    """Where a model comes from.

    `changed` are the parameters that differ from those of the commit; None where git does not have the commit here.
    """

    model_sha256: str
    run_id: str
    run_name: str
    trained_at: str
    commit: str | None
    dirty: bool
    changed_files: list[str]
    untracked_files: list[str]
    changed: dict[str, Any] | None
    dvc_experiment: str | None
    data_digest: str | None
    test_sha256: str | None
    versions: dict[str, list[str]]
    reproductions: int
    rebuild: list[str] = field(default_factory=list)


def lineage_of(client: MlflowClient, registry: Registry, target: str) -> Lineage:
    """Follow a model back.

    Args:
        client: of the tracking store.
        registry: the registered model.
        target: an alias, a version, a run (id or name), or a model file or folder.

    Raises:
        DigitsError: nothing has that name, or no run of this store made that file.
    """
    run = client.get_run(_run_id(client, registry, target))
    if first := run.data.tags.get("reproduction_of"):
        run = client.get_run(first)
    tags = run.data.tags
    if "model_sha256" not in tags:
        raise DigitsError(f"{target}: run {run.info.run_name} made no model: its training did not finish")
    aliases = registry.aliases()
    versions = {
        str(v.version): [alias for alias, number in aliases.items() if number == str(v.version)]
        for v in registry.versions()
        if v.tags.get("model_sha256") == tags["model_sha256"]
    }
    params, committed = _typed(run.data.params), committed_params(tags.get("git_commit"))
    same = client.search_runs(tracking.all_experiments(client), f"tags.model_sha256 = '{tags['model_sha256']}'")
    found = Lineage(
        model_sha256=tags["model_sha256"],
        run_id=run.info.run_id,
        run_name=run.info.run_name,
        trained_at=datetime.fromtimestamp(run.info.start_time / 1000, UTC).isoformat(timespec="seconds"),
        commit=tags.get("git_commit"),
        dirty=tags.get("git_dirty") == "true",
        changed_files=tags.get("git_changed", "").split(),
        untracked_files=tags.get("git_untracked", "").split(),
        changed=None if committed is None else changed_params(params, committed),
        dvc_experiment=tags.get("dvc_experiment"),
        data_digest=tags.get("data_digest"),
        test_sha256=tags.get("test_sha256"),
        versions=versions,
        reproductions=sum("reproduction_of" in other.data.tags for other in same),
    )
    found.rebuild.extend(_commands(found))
    return found


def describe(lineage: Lineage) -> str:
    """A lineage as lines for a person."""
    versions = ", ".join(f"{v} ({', '.join(a)})" if a else v for v, a in lineage.versions.items()) or "not registered"
    commit = lineage.commit or "unknown"
    if lineage.dirty:
        commit += f", with uncommitted changes in {', '.join(lineage.changed_files)}"
    if lineage.changed is None:
        changed = f"unknown, as the commit is not here: see {PARAMS} of the run"
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
        "parameters": changed,
        "data": f"DVC digest {lineage.data_digest}",
        "test images": f"SHA-256 {lineage.test_sha256}",
    }
    lines = [f"{name:<12}{fact}" for name, fact in facts.items()]
    rebuild_lines = lineage.rebuild or ["not possible: made from files that git did not track"]
    return "\n".join([*lines, "rebuild", *(f"  {line}" for line in rebuild_lines)])


def rebuild(client: MlflowClient, lineage: Lineage) -> str:
    """Train the model again in a temporary clone, from the raw data on. Returns the SHA-256 of what came out.

    Raises:
        DigitsError: the source is not known completely, or the pipeline failed.
    """
    root = project_root()
    if lineage.commit is None or lineage.untracked_files:
        what = f"files that git did not track: {', '.join(lineage.untracked_files)}" if lineage.commit else "no commit"
        raise DigitsError(f"run {lineage.run_name} cannot be rebuilt: it was made from {what}")
    with tempfile.TemporaryDirectory(prefix="digits-lineage-") as scratch:
        clone = Path(scratch) / "clone"
        _call(["git", "clone", "--quiet", "--no-checkout", str(root), str(clone)], root)
        _call(["git", "checkout", "--quiet", lineage.commit], clone)
        if lineage.dirty:
            patch = download_artifact(client, lineage.run_id, tracking.PATCH)
            if patch is None:
                raise DigitsError(f"run {lineage.run_name} cannot be rebuilt: its uncommitted changes were not kept")
            _call(["git", "apply", str(patch)], clone)
        # The last source of params.yaml; checked against the same hashes as any other.
        if (root / layout.RAW).is_dir():
            shutil.copytree(root / layout.RAW, clone / "data" / "local")
        # A store of its own, and no cache of DVC's: nothing of the first training can leak into the second.
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("MLFLOW_", "DVC_"))}
        environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), environment.get("PATH", "")])
        _call([sys.executable, "-m", "dvc", "repro", "train"], clone, environment)
        return sha256_file(clone / layout.MODEL)


def _run_id(client: MlflowClient, registry: Registry, target: str) -> str:
    path = Path(target)
    if not target:
        raise DigitsError("give an alias, a version, a run or a model file: the name is empty")
    if path.exists():
        file = path / "model.keras" if path.is_dir() else path
        if not file.is_file():
            raise DigitsError(f"{target}: a folder without model.keras")
        run = tracking.find_run(client, sha256_file(file))
        if run is None:
            raise DigitsError(f"{target}: no run of this store made a file with these bytes")
        return run.info.run_id
    if target.isdigit() or target.startswith("models:/") or target in {CHAMPION, *registry.aliases()}:
        number = version_of_target(client, registry, target)
        return run_of(client, registry.version(str(number))).info.run_id
    return tracking.run_id_of(client, target)


def _typed(params: dict[str, str]) -> dict[str, Any]:
    """What MLflow keeps as Python's text of it, as the values that it was."""
    return {key: _value(text) for key, text in params.items() if "." in key}


def _value(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def _commands(lineage: Lineage) -> list[str]:
    """What a person types to get the model again."""
    if lineage.commit is None or lineage.untracked_files:
        return []
    lines = [f"git clone {shlex.quote(git('remote', 'get-url', 'origin') or '.')} rebuild && cd rebuild"]
    lines.append(f"git checkout {lineage.commit}")
    changed = {key: value for key, value in (lineage.changed or {}).items() if key.startswith(_BEFORE_EVALUATION)}
    settings = []
    if lineage.dirty and set(lineage.changed_files) - {"params.yaml"}:
        lines.append(f"# apply the artifact {tracking.PATCH} of run {lineage.run_id}: git apply uncommitted.patch")
    elif lineage.changed is None or not all(map(_is_plain, changed.values())):
        lines.append(f"# put the artifact {PARAMS} of run {lineage.run_id} in the place of params.yaml")
    else:
        settings = [f"-S {shlex.quote(f'{key}={value}'.replace(' ', ''))}" for key, value in changed.items()]
    lines.append("make setup && source .venv/bin/activate")
    lines.append(f"dvc exp run {' '.join(settings)} train" if settings else "dvc repro train")
    return lines


def _is_plain(value: Any) -> bool:
    """Whether a value means the same to `dvc exp run -S` as it does in YAML."""
    if isinstance(value, list):
        return all(map(_is_plain, value))
    return isinstance(value, bool | int | float) or re.fullmatch(r"[A-Za-z]\w*", str(value)) is not None


def _call(command: list[str], folder: Path, environment: dict[str, str] | None = None) -> None:
    # What it prints on the way is not the answer: to standard error, file descriptor 2.
    done = subprocess.run(command, cwd=folder, env=environment, stdout=2, check=False)
    if done.returncode != 0:
        raise DigitsError(f"the rebuild failed at `{' '.join(command[:4])}`, see above")
