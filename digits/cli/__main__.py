"""The list of commands: `digits COMMAND`, or `python -m digits.cli COMMAND`."""

from collections.abc import Callable

from digits.cli.app import app
from digits.cli.audit import audit
from digits.cli.batch import batch
from digits.cli.collect import collect
from digits.cli.compare import compare
from digits.cli.data import data
from digits.cli.draw import draw
from digits.cli.history import history
from digits.cli.label import label
from digits.cli.lineage import lineage
from digits.cli.migrate import migrate
from digits.cli.monitor import monitor
from digits.cli.predict import predict
from digits.cli.promote import promote
from digits.cli.propose import propose
from digits.cli.pull import pull
from digits.cli.register import register
from digits.cli.relocate import relocate
from digits.cli.report import report
from digits.cli.repro import repro
from digits.cli.retrain import retrain
from digits.cli.review import review
from digits.cli.rollback import rollback
from digits.cli.serve import serve
from digits.cli.sign import sign
from digits.cli.sweep import sweep
from digits.cli.sync import sync
from digits.cli.train import train
from digits.cli.ui import ui
from digits.cli.validate import validate
from digits.program import one_line_errors

# What stands together in `digits --help`.
PANELS: dict[str, tuple[Callable[..., None], ...]] = {
    "Train": (repro, train, sweep, propose, validate, audit),
    "Look": (ui, report, compare, history, lineage),
    "Decide": (register, promote, rollback, sign),
    "Use": (pull, predict, batch, serve, draw),
    "Operate": (label, monitor, collect, retrain, sync, relocate, migrate),
}
COMMANDS = tuple(command for commands in PANELS.values() for command in commands)
# Commands of commands: `digits NAME COMMAND`.
GROUPS = {"data": data, "review": review}
for panel, commands in PANELS.items():
    for command in commands:
        app.command(rich_help_panel=panel)(command)
for name, panel in (("data", "Look"), ("review", "Decide")):
    app.add_typer(GROUPS[name], name=name, rich_help_panel=panel)


def main() -> None:
    """Run a command. Exit code 0: done; 1: refused or failed, with one line why; 2: wrong usage."""
    with one_line_errors("digits"):
        app()


if __name__ == "__main__":
    main()
