"""Run the pipeline through DVC, from any launcher, with changed parameters if wanted."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from digits.errors import DigitsError, Terminated
from digits.params import parse_params, read_params

# What MLproject passes for a parameter that the user did not give.
UNCHANGED = "unchanged"


def reproduce(settings: Sequence[str]) -> None:
    """Run `dvc repro`, or `dvc exp run` where parameters are changed.

    Args:
        settings: `section.key=value`, the value in YAML; `unchanged` as value counts as not given.

    Raises:
        DigitsError: a setting does not fit the schema (nothing ran, params.yaml is as it was), or DVC failed, which
            has said why.
    """
    settings = [setting for setting in settings if setting.partition("=")[2] != UNCHANGED]
    raw = read_params()
    for setting in settings:
        apply_setting(raw, setting)
    parse_params(raw)
    run_dvc(*(["exp", "run", *(word for setting in settings for word in ("-S", setting))] if settings else ["repro"]))


def run_dvc(*command: str) -> None:
    """Run DVC, whose output goes to the terminal.

    Raises:
        DigitsError: it failed, and has said why.
    """
    # DVC starts `python` from PATH: it has to be this one, also where the environment is not activated.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    process = subprocess.Popen([sys.executable, "-m", "dvc", *command], env={**os.environ, "PATH": path})
    try:
        code = process.wait()
    except KeyboardInterrupt:
        # It has had the same signal, and tidies up.
        process.wait()
        raise
    except Terminated:
        # DVC would leave a training behind that goes on writing.
        dvc = psutil.Process(process.pid)
        started = [*dvc.children(recursive=True), dvc]
        for one in started:
            with suppress(psutil.NoSuchProcess):
                one.terminate()
        psutil.wait_procs(started)
        raise
    if code != 0:
        raise DigitsError(f"dvc {command[0]} failed, see above")


def apply_setting(raw: dict[str, Any], setting: str) -> None:
    """Change nested parameters in place by `section.key=value`, the value in YAML.

    Raises:
        DigitsError: it has another form, or its section is a value.
    """
    dotted, equals, text = setting.partition("=")
    if not equals:
        raise DigitsError(f"--set {setting}: write section.key=value")
    *sections, key = dotted.split(".")
    place: Any = raw
    for section in sections:
        place = place.setdefault(section, {})
        if not isinstance(place, dict):
            raise DigitsError(f"--set {setting}: {section} is a value, not a section")
    try:
        place[key] = YAML(typ="safe").load(text)
    except YAMLError:
        raise DigitsError(f"--set {setting}: {text!r} is not a YAML value") from None
