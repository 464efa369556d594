"""Models that no run of the store has: of a git revision or a DVC experiment, from git and DVC's cache."""

from __future__ import annotations

import shlex
from functools import cache
from pathlib import Path

from digits import dvc, git, paths
from digits.errors import DigitsError
from digits.files import sha256_file, write_bytes
from digits.registry.model import Model
from digits.results import Results
from digits.tracking import artifacts
from digits.tracking.source import committed_params


def model_of_commit(name: str, commit: str, is_experiment: bool) -> Model:
    """The model in dvc.lock of a commit.

    Args:
        name: as a person gave it.
        commit: of git.
        is_experiment: whether the name is that of a DVC experiment.
    """
    cached = dvc.cached(dvc.out_digest(paths.MODEL, commit))
    sha256 = sha256_file(cached) if cached else ""
    check_out = "dvc exp apply" if is_experiment else "git checkout"
    again = f"{check_out} {shlex.quote(name)} && dvc repro"

    def absent(path: Path) -> DigitsError:
        return DigitsError(f"{name}: {path} is not in DVC's cache: `{again}` makes it anew")

    def find(path: Path) -> Path | None:
        file = _find(commit, path)
        # A commit of an older version has fewer outs.
        if file is None and dvc.out_digest(path, commit):
            raise absent(path)
        return file

    def file() -> Path:
        if cached is None:
            raise absent(paths.MODEL)
        twin = dvc.cached(dvc.out_digest(paths.TWIN, commit))
        if twin is None:
            return cached
        # In the cache, neither has the name by which the other finds it.
        beside = artifacts.scratch() / commit
        for source, name in ((cached, paths.MODEL.name), (twin, paths.TWIN.name)):
            write_bytes(beside / name, source.read_bytes())
        return beside / paths.MODEL.name

    results = Results(name, cache(find), sha256, committed_params(commit) or {})
    results.way_out = "it is damaged in git or in DVC's cache, choose another revision"
    return Model(name, commit, sha256, results, None, None, file, f"`{again} && digits sync` writes one")


def _find(commit: str, path: Path) -> Path | None:
    """A file of a commit: from git, where the small ones are, or from DVC's cache."""
    if path == paths.DATASET:
        return dvc.cached_in_folder(dvc.out_digest(paths.PROCESSED, commit), path.name)
    if cached := dvc.cached(dvc.out_digest(path, commit)):
        return cached
    text = git.show(commit, path, paths.project_root())
    if text is None:
        return None
    file = artifacts.scratch() / commit / path.name
    write_bytes(file, text.encode())
    return file
