"""The trainings of a search in the terminal: a table that is drawn anew each second, or a line for each that ends."""

from __future__ import annotations

from types import TracebackType

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.live import Live
from rich.table import Table

from digits.experiments.progress import RUNNING, STOPPED, Progress
from digits.experiments.results import SECTION

_MOST_ROWS = 15


class LiveTable:
    """Shows trainings on a terminal. Elsewhere, it prints a line for each that ends."""

    def __init__(self, console: Console | None = None) -> None:
        """Show nothing yet. `console` is standard output by default."""
        self._console = console or Console(highlight=False)
        self._live = Live(console=self._console, auto_refresh=False) if self._console.is_terminal else None
        self._told: set[str] = set()

    def __enter__(self) -> LiveTable:
        """Begin."""
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the last table where it is."""
        if self._live:
            self._live.stop()

    def show(self, trials: list[Progress]) -> None:
        """Show all trainings of a phase as they are now."""
        if self._live:
            self._live.update(table_of(trials), refresh=True)
            return
        for one in trials:
            # One that goes on after its machine died ends twice.
            key = f"{one.name} {one.status} {len(one.epochs)}"
            if one.status != RUNNING and key not in self._told:
                self._told.add(key)
                self._console.print(line_of(one), soft_wrap=True)


def table_of(trials: list[Progress]) -> Table:
    """The best trainings, the best first, and how many of each status there are."""
    statuses = dict.fromkeys(one.status for one in trials)
    counts = [f"{sum(one.status == status for one in trials)} {status}" for status in statuses]
    table = Table(box=SIMPLE_HEAD, pad_edge=False, title=", ".join(counts) or "starting", title_justify="left")
    for heading in ("", "validation\naccuracy in %", "epochs", "seconds"):
        table.add_column(heading, justify="right")
    table.add_column("status")
    table.add_column("parameters", overflow="fold")
    for one in sorted(trials, key=lambda one: -one.accuracy)[:_MOST_ROWS]:
        accuracy = f"{one.accuracy * 100:.2f}" if one.epochs else ""
        table.add_row(str(one.number), accuracy, str(len(one.epochs)), f"{one.seconds:.0f}", one.status, words_of(one))
    if len(trials) > _MOST_ROWS:
        table.caption = f"the best {_MOST_ROWS} of {len(trials)}"
    return table


def line_of(one: Progress) -> str:
    """A training that has ended, in a line."""
    after = f" after epoch {len(one.epochs)}" if one.status == STOPPED else ""
    accuracy = f", validation accuracy {one.accuracy * 100:.2f} %" if one.epochs else ""
    reason = f": {one.reason}" if one.reason else ""
    return f"{one.number}: {one.status}{after}{accuracy}, {words_of(one)}{reason}"


def words_of(one: Progress) -> str:
    """The parameters of a training, without their section."""
    return (
        ", ".join(f"{key.removeprefix(SECTION)}={_short(value)}" for key, value in one.settings.items()) or "as it is"
    )


def _short(value: str) -> str:
    try:
        return value if float(value).is_integer() else f"{float(value):.4g}"
    except ValueError:
        return value
