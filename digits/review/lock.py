"""How dvc.lock differs from the committed one after the pipeline ran: newer source, or other bytes on this machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from digits import dvc
from digits.errors import DigitsError
from digits.params import flatten
from digits.registry.lineage import few, lineage_of
from digits.registry.rebuild import why_other_bytes
from digits.registry.resolve import resolve_run
from digits.tracking.logged_model import libraries_text
from digits.tracking.processor import processor

if TYPE_CHECKING:
    from digits.params import Params
    from digits.registry.versions import Registry

_SIDES = ("deps", "outs")


@dataclass(frozen=True)
class StageChange:
    """A stage that dvc.lock describes otherwise than the committed one does.

    Attributes:
        stage: its name.
        causes: its source files, parameters (`train.epochs`) and command that differ; empty where none does.
        own: its outs that differ though all that it reads is the same.
    """

    stage: str
    causes: list[str]
    own: list[str]


@dataclass(frozen=True)
class LockState:
    """How dvc.lock compares with the committed one.

    Attributes:
        sentence: for a person.
        is_stale: whether the commit needs another dvc.lock. Other bytes that another processor or library explains, or
            that nobody can explain here, do not make it stale.
        stages: those that differ.
    """

    sentence: str
    is_stale: bool
    stages: list[str]


def lock_state(registry: Registry, params: Params, commit: str = "HEAD") -> LockState:
    """Compare dvc.lock, after the pipeline ran, with that of a commit.

    Args:
        registry: may know on which processor the committed model was trained.
        params: of the project.
        commit: of git.

    Raises:
        DigitsError: there is no dvc.lock, or one of both cannot be read.
    """
    committed, now = dvc.locked_stages(commit), dvc.locked_stages()
    if not now:
        raise DigitsError("there is no dvc.lock: run `dvc repro`, and commit what it writes")
    changes = lock_changes(committed, now)
    stages = [change.stage for change in changes]
    if not changes:
        return LockState("dvc.lock is what this commit makes", False, [])
    if causes := [change for change in changes if change.causes]:
        listed = "; ".join(f"{change.stage} ({few(change.causes, 4)})" for change in causes)
        others = [change.stage for change in changes if not change.causes]
        follow = f", which changes {', '.join(others)}" if others else ""
        return LockState(f"dvc.lock is stale: {listed}{follow}: run `dvc repro` and commit dvc.lock", True, stages)
    own = [change for change in changes if change.own]
    where = ", ".join(change.stage for change in own) or ", ".join(stages)
    why, explained = _why_other_bytes(registry, params, commit)
    sentence = f"code, parameters and data are those of dvc.lock, but {where} made other bytes here: {why}"
    return LockState(sentence, not explained, stages)


def lock_changes(committed: Mapping[str, Any], now: Mapping[str, Any]) -> list[StageChange]:
    """The stages that differ, in the order of `now`; those that are only in `committed` follow.

    Args:
        committed: stages of a dvc.lock, see `digits.dvc.locked_stages`.
        now: likewise.
    """
    made = {out["path"] for lock in (committed, now) for stage in lock.values() for out in stage.get("outs", [])}
    found = []
    for name in [*now, *(stage for stage in committed if stage not in now)]:
        if name not in committed or name not in now:
            found.append(StageChange(name, ["it is gone" if name in committed else "it is new"], []))
            continue
        before, after = committed[name], now[name]
        deps, outs = (_different(before, after, side) for side in _SIDES)
        causes = [path for path in deps if path not in made] + _params(before, after)
        causes += ["its command"] if before.get("cmd") != after.get("cmd") else []
        if causes or deps or outs:
            found.append(StageChange(name, causes, [] if causes or deps else outs))
    return found


def _different(before: Mapping[str, Any], after: Mapping[str, Any], side: str) -> list[str]:
    """The paths whose digests differ, or that are on one side alone."""
    old, new = ({one["path"]: one.get("md5") for one in stage.get(side, [])} for stage in (before, after))
    return [path for path in dict.fromkeys([*new, *old]) if path not in old or old[path] != new.get(path)]


def _params(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    old, new = (flatten(stage.get("params", {}).get("params.yaml", {})) for stage in (before, after))
    return [key for key in dict.fromkeys([*new, *old]) if key not in old or key not in new or old[key] != new[key]]


def _why_other_bytes(registry: Registry, params: Params, commit: str) -> tuple[str, bool]:
    """Why a committed model has other bytes than the one here, and whether that explains it."""
    here = processor(params.train.cpu)
    try:
        found = lineage_of(registry, resolve_run(commit, registry))
    except DigitsError:
        found = None
    if found is None or found.processor is None:
        return (
            f"no run of this store says which processor made the committed ones; this is {here}, and other processors, "
            "threads and libraries may give other last bits"
        ), True
    now = libraries_text(found.workers)
    explained = found.processor != here or found.libraries not in (None, now)
    return why_other_bytes(found), explained
