"""The list of commands: `digits COMMAND`, or `python -m digits.cli COMMAND`."""

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
from digits.cli.ui import ui
from digits.program import one_line_errors

COMMANDS = (
    ui,
    repro,
    propose,
    sync,
    relocate,
    migrate,
    register,
    promote,
    sign,
    rollback,
    history,
    pull,
    lineage,
    report,
    compare,
    sweep,
    predict,
    batch,
    serve,
    draw,
    label,
    monitor,
    collect,
    retrain,
    audit,
)
# Commands of commands: `digits NAME COMMAND`.
GROUPS = {"data": data, "review": review}
for command in COMMANDS:
    app.command()(command)
for name, group in GROUPS.items():
    app.add_typer(group, name=name)


def main() -> None:
    """Run a command. Exit code 0: done; 1: refused or failed, with one line why; 2: wrong usage."""
    with one_line_errors("digits"):
        app()


if __name__ == "__main__":
    main()
