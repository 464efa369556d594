"""Every command in a console block of the README and of docs/ is one that its program understands."""

import contextlib
import importlib.util
import io
import logging
import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.project import ROOT

from digits import paths
from digits.report.figures import FIGURES

# That page is made from the commands themselves.
MADE = ROOT / "docs" / "reference" / "commands.md"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted({*(ROOT / "docs").rglob("*.md")} - {MADE})]
BLOCK = re.compile(r"^```(?:console)?\n(.*?)^```$", re.DOTALL | re.MULTILINE)
SEPARATORS = ("&&", "||", "|", ";", "&")


def commands(text: str) -> Iterator[list[str]]:
    """The words of each command after a `$` in the console blocks of a page, without settings of variables."""
    for block in BLOCK.findall(text):
        for line in block.replace("\\\n", " ").splitlines():
            if not line.startswith("$ "):
                continue
            words: list[str] = []
            for word in [*shlex.split(line[2:], comments=True), ";"]:
                if word in SEPARATORS:
                    if words:
                        yield words
                    words = []
                elif words or not re.match(r"^\w+=", word):
                    words.append(word)


def understood(words: list[str]) -> bool:
    """Whether the program takes the words. Nothing is run. Programs that are not ours or installed here are trusted."""
    program, arguments = Path(words[0]).name, words[1:]
    if program == "digits":
        return takes_digits(arguments)
    if program == "dvc":
        return takes_dvc(arguments)
    if program == "make":
        targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
        return all(word in targets for word in arguments)
    if program == "python":
        return takes_python(arguments)
    return True


def takes_digits(arguments: list[str]) -> bool:
    """Whether the words are a command with options that it has."""
    import typer

    from digits.cli.__main__ import app

    command, name = typer.main.get_command(app), "digits"
    while hasattr(command, "commands"):
        if arguments and arguments[0] in ("--help", "--install-completion", "--show-completion"):
            return True
        if not arguments or arguments[0] not in command.commands:
            return False
        command, name, arguments = command.commands[arguments[0]], arguments[0], arguments[1:]
    with contextlib.redirect_stderr(io.StringIO()):
        try:
            command.make_context(name, list(arguments))
        except Exception as error:
            # Typer's click is a copy that has no public name; a usage error of it has the exit code 2.
            if getattr(error, "exit_code", None) == 2:
                return False
            raise
    return True


def takes_dvc(arguments: list[str]) -> bool:
    """Whether the words are a command of DVC's with options that it has."""
    from dvc.cli import DvcParserError
    from dvc.cli.parser import get_main_parser

    # DVC's loggers may hold the standard error of a test before this one, which is closed.
    logging.disable()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        try:
            get_main_parser().parse_args(arguments)
        except (DvcParserError, SystemExit):
            return False
        finally:
            logging.disable(logging.NOTSET)
    return True


def takes_python(arguments: list[str]) -> bool:
    """Whether the module or the file is there."""
    if arguments[:1] == ["-m"]:
        return importlib.util.find_spec(arguments[1]) is not None
    return not arguments or arguments[0].startswith("-") or (ROOT / arguments[0]).is_file()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: os.path.relpath(page, ROOT))
def test_commands_are_understood(page):
    wrong = [shlex.join(words) for words in commands(page.read_text(encoding="utf-8")) if not understood(words)]
    assert wrong == []


def test_make_explains_its_targets_within_80_columns():
    done = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert len(lines) > 10 and max(map(len, lines)) <= 80


def test_the_readme_counts_the_pictures_of_the_report():
    assert f"\nplot: {len(FIGURES)} pictures in {paths.PLOTS}" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_there_is_something_to_test():
    found = [words for page in PAGES for words in commands(page.read_text(encoding="utf-8"))]
    assert len(found) > 100


@pytest.mark.parametrize(
    "line",
    [
        "digits promoted",
        "digits promote --dry",
        "digits serve --port many",
        "digits data",
        "dvc exp rum",
        "dvc repro --fourse",
        "make reprod",
        "python -m benchmark",
        "python docs/room.py",
    ],
)
def test_a_wrong_one_is_found(line):
    (words,) = commands(f"```console\n$ A=1 {line}  # why\n```\n")
    assert words == shlex.split(line)
    assert not understood(words)
