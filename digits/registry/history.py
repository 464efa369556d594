"""The append-only history of a registered model's aliases.

It is one MLflow run whose parameters are the changes, numbered. MLflow refuses to change a parameter that is logged, so
a record cannot be altered. Of two processes that claim the same number only one succeeds: the other learns that the
registry changed under it. The same run keeps the looks at test images, see digits/registry/looks.py.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from digits.errors import DigitsError
from digits.tracking.find import restore_command

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

CHAMPION = "champion"
CHALLENGER = "challenger"
# The tag of the registered model that names the run of its history.
HISTORY_RUN = "history_run"
EXPERIMENT = "digits-history"
CANDIDATES_EXPERIMENT = "digits-candidates-history"
# MLflow cuts a longer parameter off without a word.
_LONGEST_RECORD = 6000


@dataclass(frozen=True)
class Change:
    """One change of an alias.

    Attributes:
        alias: champion or challenger.
        before: the version that had it; None if none had.
        after: the version that has it now; None if it was taken away.
        action: register, promote, rollback, …; `outside` for a change by other means than this project's.
        who: user and host.
        when: UTC, ISO 8601, to the microsecond.
        why: a sentence.
        gates: name, observed, required and passed of each gate that was checked.
        probation: of a new champion, `7d` or `500rows`, see digits/monitoring/probation.py; empty for none.
    """

    alias: str
    before: str | None
    after: str | None
    action: str
    who: str
    when: str
    why: str
    gates: list[dict[str, Any]] = field(default_factory=list)
    probation: str = ""


class NumberTakenError(Exception):
    """Another process recorded a change under the same number."""


class History:
    """The changes of one registered model's aliases."""

    def __init__(self, client: MlflowClient, model_name: str, run_id: str) -> None:
        """Read and write the history that lies in the run `run_id`."""
        self.client = client
        self.model_name = model_name
        self.run_id = run_id

    @classmethod
    def create(cls, client: MlflowClient, model_name: str, experiment_name: str = EXPERIMENT) -> History:
        """Begin an empty history."""
        experiment = client.get_experiment_by_name(experiment_name)
        experiment_id = experiment.experiment_id if experiment else _create_experiment(client, experiment_name)
        run = client.create_run(experiment_id, run_name=f"history of {model_name}")
        client.set_terminated(run.info.run_id)
        return cls(client, model_name, run.info.run_id)

    def read(self) -> list[Change]:
        """All recorded changes, oldest first.

        Raises:
            DigitsError: the record was deleted in MLflow.
        """
        return [Change(**change) for change in self.records()]

    def append(self, number: int, change: Change) -> None:
        """Record a change.

        Args:
            number: how many changes the caller knows of.
            change: the next one.

        Raises:
            NumberTakenError: there is one more by now.
            DigitsError: the record is too long for MLflow.
        """
        self.add(number, asdict(change))

    def records(self, kind: str = "") -> list[dict[str, Any]]:
        """All records of a kind, oldest first. The kind of a change has no name.

        Raises:
            DigitsError: the record was deleted in MLflow.
        """
        params = self._run().data.params
        return [json.loads(params[key]) for key in sorted(params) if key.rstrip("0123456789") == kind]

    def add(self, number: int, record: dict[str, Any], kind: str = "") -> None:
        """Add a record.

        Args:
            number: how many records of this kind the caller knows of.
            record: the next one.
            kind: of the record.

        Raises:
            NumberTakenError: there is one more by now.
            DigitsError: the record is too long for MLflow.
        """
        from mlflow.exceptions import MlflowException

        text = json.dumps(record, ensure_ascii=False)
        if len(text) > _LONGEST_RECORD:
            raise DigitsError(
                f"the record of this change has {len(text)} characters, MLflow keeps {_LONGEST_RECORD}: "
                "give a shorter --reason"
            )
        run = self._run()
        try:
            self.client.log_param(run.info.run_id, f"{kind}{number + 1:06d}", text)
        except MlflowException as error:
            # A logged parameter cannot be changed: somebody else has this number.
            if error.error_code != "INVALID_PARAMETER_VALUE":
                raise
            raise NumberTakenError from None

    def _run(self) -> Run:
        """The run that keeps the history.

        Raises:
            DigitsError: it was deleted, or the tag that names it.
        """
        from mlflow.exceptions import MlflowException

        try:
            run = self.client.get_run(self.run_id)
        except MlflowException as error:
            if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                raise
            raise DigitsError(
                f"the history of {self.model_name} is gone (no run {self.run_id!r}, which the registered model's tag "
                f"{HISTORY_RUN} names): restore MLflow's store from a backup, or set another register.model_name"
            ) from None
        way_back = restore_command(self.client, run)
        if run.info.lifecycle_stage == "deleted" or "experiments" in way_back:
            raise DigitsError(f"the run that keeps the history of {self.model_name} was deleted: {way_back}")
        return run


def unrecorded(history: Sequence[Change], alias: str, now: str | None) -> Change | None:
    """The change that was made by other means than this project's, or None where the history ends at `now`."""
    recorded = next((change.after for change in reversed(history) if change.alias == alias), None)
    if recorded == now:
        return None
    return Change(alias, recorded, now, "outside", "unknown", timestamp(), "found changed by other means than digits")


def former_champion(history: Sequence[Change], existing: Collection[str] | None = None) -> str | None:
    """The champion before the present one, as a rollback undoes promotions: two rollbacks go back two.

    A rollback to a named version takes the stack of champions down to that version. A return to an earlier champion by
    other means does the same, for instance after a promotion whose process died before it moved the alias. Where the
    present champion was taken away, the last one that there was is the former one.

    Args:
        history: all changes, oldest first.
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


def print_history(changes: Sequence[Change], model_name: str) -> None:
    """Print a table, one change a row."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=f"Aliases of {model_name}, oldest change first", title_justify="left", title_style="bold")
    table.add_column("When (UTC)", no_wrap=True)
    table.add_column("Change", no_wrap=True)
    table.add_column("How", overflow="fold")
    table.add_column("Why, and who", overflow="fold")
    for change in changes:
        when = change.when[: len("2026-01-31T23:59:59")].replace("T", " ")
        passed = sum(gate["passed"] for gate in change.gates)
        gates = f", {passed} of {len(change.gates)} gates passed" if change.gates else ""
        moved = f"{change.alias} {change.before or 'none'} → {change.after or 'none'}"
        table.add_row(when, moved, change.action + gates, Text(f"{change.why} ({change.who})"))
    Console().print(table)


def timestamp() -> str:
    """The present time for a record, to the microsecond.

    MLflow accepts a parameter a second time if the value is the same, so no two records may have the same text.
    """
    return datetime.now(UTC).isoformat(timespec="microseconds")


def _create_experiment(client: MlflowClient, name: str) -> str:
    from mlflow.exceptions import MlflowException

    try:
        return client.create_experiment(name)
    except MlflowException:
        # Another process was first.
        return client.get_experiment_by_name(name).experiment_id
