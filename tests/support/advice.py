"""Following the way out that a refusal names, to the letter."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from digits.errors import DigitsError


def refusal(call: Callable[..., object], *arguments: object, **options: object) -> str:
    """The one line with which a call refuses."""
    with pytest.raises(DigitsError) as caught:
        call(*arguments, **options)
    message = str(caught.value)
    assert "\n" not in message
    return message


def commands(message: str) -> list[str]:
    """The commands in a message: what stands between backticks."""
    return re.findall(r"`([^`]+)`", message)


def follow(message: str, folder: Path | None = None, at: int = 0, **changes: str) -> str:
    """Type the command of a message in a shell. It must succeed. Returns its output."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    identity = {f"GIT_{role}_{key}": "t" for role in ("AUTHOR", "COMMITTER") for key in ("NAME", "EMAIL")}
    environment = {**os.environ, **identity, "PATH": path, **changes}
    command = commands(message)[at]
    done = subprocess.run(
        ["sh", "-c", command], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, (command, done.stdout, done.stderr)
    return done.stdout
