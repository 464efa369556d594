"""The command line. Each command imports what it needs when it runs, so that `digits --help` answers at once."""

import typer

from digits.errors import one_line_errors

app = typer.Typer(
    name="digits",
    help="Compare, promote, pull and use models that classify handwritten digits.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode="markdown",
)


@app.callback()
def _app() -> None:
    """Compare, promote, pull and use models that classify handwritten digits."""


def main() -> None:
    """Run a command. Exit code 0: done; 1: refused or failed, with one line why; 2: wrong usage."""
    with one_line_errors("digits"):
        app()


if __name__ == "__main__":
    main()
