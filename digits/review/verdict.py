"""The verdict on a pull request: what it changes against its base, and what that does to the model, as Markdown.

Names of classes, branches, parameters and files come from whoever made the pull request: they are shown as text.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

from digits import dvc, git, paths, results
from digits.errors import DigitsError
from digits.params import flatten, read_params
from digits.registry.gates import failed
from digits.review.evidence import Gates, OnValidation, gates_of, model_of, on_validation
from digits.review.lock import LockState, lock_state
from digits.review.markdown import render
from digits.tracking.source import committed_params

if TYPE_CHECKING:
    from digits.params import Params
    from digits.registry.versions import Registry

_Fact = TypeVar("_Fact")

# By its first line, CI finds the comment that it wrote before.
MARKER = "<!-- digits: verdict -->"
_MOST_ROWS = 50
_ABSENT = "–"


@dataclass(frozen=True)
class DataChange:
    """What changed in the raw data: a sentence, tables (split, rows of cells) under `headings`, and notes."""

    sentence: str
    headings: tuple[str, ...] = ()
    tables: tuple[tuple[str, list[list[str]]], ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Verdict:
    """All that the comment says.

    Attributes:
        base: what a person calls the other side.
        params: key, value there, value here, of those that differ.
        data: what changed in the raw data.
        checks: how many expectations there were about the data, and how many failed.
        lock: of dvc.lock.
        validation: of the model on the validation images.
        gates: of a promotion.
        left_out: why a part of the above is missing.
        pictures: address or place of the pictures, in Markdown; empty for none.
    """

    base: str
    params: list[tuple[str, str, str]]
    data: DataChange | None
    checks: tuple[int, int] | None
    lock: LockState | None
    validation: OnValidation | None
    gates: Gates | None
    left_out: list[str]
    pictures: str = ""

    @property
    def failed(self) -> list[str]:
        """The names of the gates that refuse."""
        return failed(self.gates.gates) if self.gates else []

    @property
    def headline(self) -> str:
        """In a few words."""
        if self.lock and self.lock.is_stale:
            return "dvc.lock is stale"
        if self.gates is None:
            return "no verdict on the model"
        if self.validation and self.validation.same_model:
            return "the model is unchanged"
        return "would be refused" if self.failed else "would be promoted"


def verdict(base: str, registry: Registry, params: Params, pictures: str = "") -> Verdict:
    """Compare the working tree, after the pipeline ran, with another commit.

    A part that cannot be had, such as a model that no cache has, is left out with the reason.

    Args:
        base: a revision of git, such as `origin/main`.
        registry: the registered model.
        params: of the project's folder, which is the current one.
        pictures: where the pictures are, for a person.

    Raises:
        DigitsError: `base` is no commit.
    """
    commit = git.commit_of(base)
    if commit is None:
        raise DigitsError(f"{base}: no git revision is called so; a shallow clone lacks it: `git fetch --unshallow`")
    left_out: list[str] = []

    def part(name: str, find: Callable[[], _Fact]) -> _Fact | None:
        try:
            return find()
        except DigitsError as error:
            left_out.append(f"{name}: {error}")
            return None

    model = part(f"The model of {base}", lambda: model_of(commit, registry))
    return Verdict(
        base,
        _changed_params(committed_params(commit) or {}, flatten(read_params())),
        part("The data", lambda: _changed_data(base, commit)),
        part("The checks of the data", _checks),
        part("dvc.lock", lambda: lock_state(registry, params)),
        part("The validation images", lambda: on_validation(model, commit, params)),
        part("The gates", lambda: gates_of(registry, model, base, params)),
        left_out,
        pictures,
    )


def markdown(verdict: Verdict) -> str:
    """The comment. It is short enough for GitHub and GitLab."""
    return render("verdict.md", v=verdict, marker=MARKER, most=_MOST_ROWS)


def _changed_params(before: dict[str, Any], after: dict[str, Any]) -> list[tuple[str, str, str]]:
    keys = dict.fromkeys([*after, *before])
    pairs = ((key, before.get(key, _ABSENT), after.get(key, _ABSENT)) for key in keys)
    return [(key, str(old), str(new)) for key, old, new in pairs if old != new]


def _changed_data(base: str, commit: str) -> DataChange:
    if dvc.out_digest(paths.RAW, commit) == dvc.digest(paths.RAW):
        return DataChange(f"the raw data are those of {base}")
    from digits.data.changes import compare_raw
    from digits.report.data_changes import HEADINGS, notes, sentence, side_of, tables

    before, after = replace(side_of(commit), title=base), side_of("")
    changes = compare_raw(before.splits, after.splits)
    found = tuple((split, [[name, *cells] for name, cells in rows]) for split, rows in tables(changes, before, after))
    return DataChange(sentence(changes, before, after), HEADINGS, found, tuple(notes(changes, before, after)))


def _checks() -> tuple[int, int]:
    found = results.read(paths.VALIDATION_FACTS)
    return found["expectations"], found["failed"]
