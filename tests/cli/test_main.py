"""The list of commands: each has its file and its example, and `--help` loads nothing heavy."""

import subprocess
import sys

import pytest
from support.project import ROOT
from typer.testing import CliRunner

from digits.cli.__main__ import COMMANDS, GROUPS, app

NAMES = [command.__name__ for command in COMMANDS]
NO_COMMANDS = {"__init__", "__main__", "app"}
HEAVY = {"numpy", "pandas", "mlflow", "tensorflow", "keras", "dvc", "matplotlib", "scipy", "sklearn", "PIL"}


def test_every_command_has_a_file_of_its_name_and_every_file_is_a_command():
    files = {path.stem for path in (ROOT / "digits" / "cli").glob("*.py")}
    assert files - NO_COMMANDS == {*NAMES, *GROUPS} and len(NAMES) + len(GROUPS) == len({*NAMES, *GROUPS})
    assert {command.__name__: command.__module__ for command in COMMANDS} == {
        name: f"digits.cli.{name}" for name in NAMES
    }


IN_GROUPS = [f"{name} {one.callback.__name__}" for name, group in GROUPS.items() for one in group.registered_commands]


@pytest.mark.parametrize("name", [*NAMES, *IN_GROUPS])
def test_the_help_of_a_command_shows_an_example(name):
    result = CliRunner().invoke(app, [*name.split(), "--help"], env={"COLUMNS": "120"})
    assert result.exit_code == 0
    assert f"digits {name}" in result.stdout.partition("Example: ")[2]


def test_help_lists_every_command_with_its_sentence():
    result = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "200"})
    shown = [line.strip("│ ").split(maxsplit=1) for line in result.stdout.splitlines() if line.startswith("│ ")]
    for command in COMMANDS:
        sentence = command.__doc__.splitlines()[0].replace("`", "")
        assert [command.__name__, sentence] in shown
    for name, group in GROUPS.items():
        assert [name, group.info.help] in shown


def test_help_groups_the_commands_by_what_they_are_for():
    result = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "80"})
    titles = [line.split()[1] for line in result.stdout.splitlines() if line.startswith("╭─ ")]
    assert titles == ["Options", "Train", "Look", "Decide", "Use", "Operate"]
    assert max(map(len, result.stdout.splitlines())) <= 80


def test_a_shell_completes_commands():
    # What bash asks for: the words so far, and which of them is to be completed.
    asked = {"_DIGITS_COMPLETE": "complete_bash", "COMP_WORDS": "digits pro", "COMP_CWORD": "1"}
    result = CliRunner().invoke(app, [], env=asked, prog_name="digits")
    assert result.stdout.split() == ["propose", "promote"]


@pytest.mark.parametrize("arguments", [["--help"], ["promote", "--help"], []])
def test_help_loads_nothing_heavy(arguments):
    code = (
        "import sys\nfrom digits.cli.__main__ import main\n"
        f"sys.argv = ['digits', *{arguments}]\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print(*{name.partition('.')[0] for name in sys.modules}, file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert "Usage: digits" in done.stdout and "typer" in done.stderr.split()
    assert HEAVY & set(done.stderr.split()) == set()


@pytest.mark.parametrize("arguments", [["promoet"], ["promote", "--frce"], ["serve", "--port", "70000"], ["predict"]])
def test_wrong_usage_is_code_2(digits, arguments):
    code, out, err = digits(*arguments)
    assert code == 2 and out == "" and err.startswith("Usage: ")
