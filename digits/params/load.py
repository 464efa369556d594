"""Reading params.yaml: one line that names every wrong key, why it is wrong, and the nearest valid key."""

from __future__ import annotations

import difflib
import shlex
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from digits.errors import DigitsError
from digits.files import has_conflict_markers
from digits.params.schema import PER_BLOCK_TAGS, SOURCE_KINDS, Params
from digits.repair import command_for


def load_params(path: Path | str = "params.yaml") -> Params:
    """Read and check params.yaml.

    Raises:
        DigitsError: one line that names every wrong key, why, and the nearest valid key.
    """
    return parse_params(read_params(path), str(path))


def read_params(path: Path | str = "params.yaml") -> Any:
    """Read params.yaml unchecked, as YAML 1.2, as DVC does: `1e-3` is a number.

    Raises:
        DigitsError: it is missing, or no YAML.
    """
    path = Path(path)
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise DigitsError(f"{path} is missing: run from the project's folder") from None
    try:
        return _yaml(content.decode())
    except ValueError as error:
        if has_conflict_markers(content.decode(errors="replace")):
            command = command_for(path, _yaml)
            raise DigitsError(
                f"{path} has conflict markers of a git merge: choose by hand, or `{command}` takes your side"
            ) from None
        raise DigitsError(f"{path} is not valid YAML: {' '.join(str(error).split())}") from None


def setting(key: str, value: Any) -> str:
    """A parameter as `dvc exp run` and `override` take it: `train.epochs=3`."""
    # A space would end the value of a list.
    return f"{key}={value}".replace(" ", "")


def option(key: str, value: Any) -> str:
    """A parameter as `dvc exp run` takes it in a shell: `-S train.epochs=3`."""
    return "-S " + shlex.quote(setting(key, value))


def _yaml(text: str) -> Any:
    """The content of a YAML text.

    Raises:
        ValueError: it is none, or has a date that does not exist, or a number too long to convert.
    """
    try:
        return YAML(typ="safe").load(text)
    except (YAMLError, RecursionError) as error:
        raise ValueError(str(error)) from None


def parse_params(raw: Any, name: str = "params.yaml") -> Params:
    """Check parameters that were read already.

    Raises:
        DigitsError: as `load_params`.
    """
    if not isinstance(raw, dict):
        raise DigitsError(f"{name}: a mapping of sections is expected, not {type(raw).__name__}")
    try:
        return Params.model_validate(raw)
    except ValidationError as error:
        problems = [_explain(problem, raw) for problem in error.errors()]
        raise DigitsError(" ".join(f"{name}: {'; '.join(problems)}".splitlines())) from None


def override(raw: dict[str, Any], setting: str) -> None:
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


def _explain(problem: Any, raw: dict[str, Any]) -> str:
    """One clause for one pydantic error."""
    # The tags are no keys of params.yaml.
    location = [str(part) for part in problem["loc"] if part not in PER_BLOCK_TAGS]
    dotted = ".".join(location)
    kind = problem["type"]
    if kind == "extra_forbidden":
        near = _nearest(location, raw)
        return f"unknown key {dotted}" + (f", did you mean {near}?" if near else ": remove it")
    if kind == "missing":
        return f"{dotted} is missing"
    if kind == "value_error":
        return str(problem["ctx"]["error"])
    message = problem["msg"][0].lower() + problem["msg"][1:]
    if kind == "string_type" and not isinstance(problem["input"], list | dict):
        message += f": quote it, as YAML reads the bare word as {_bare(problem['input'])}"
    return f"{dotted} = {problem['input']!r}: {message}"


def _bare(value: Any) -> str:
    """What YAML 1.2 takes a word without quotes for that became this value."""
    if value is None:
        return "nothing"
    kinds = {bool: "a truth value", int: "a number", float: "a number"}
    return kinds.get(type(value), "a date")


def _nearest(location: list[str], raw: dict[str, Any]) -> str | None:
    """The valid key most like the unknown one: among its siblings first, then anywhere."""
    model: Any = Params
    for part in location[:-1]:
        if part in SOURCE_KINDS:
            model = SOURCE_KINDS[part]
        elif hasattr(model, "model_fields"):
            model = next((f.annotation for n, f in model.model_fields.items() if (f.alias or n) == part), None)
    if not hasattr(model, "model_fields"):
        return None
    siblings = [field.alias or name for name, field in model.model_fields.items()]
    if found := difflib.get_close_matches(location[-1], siblings, n=1):
        return ".".join([*location[:-1], found[0]])
    everywhere = _all_keys(Params)
    tails = {key.rsplit(".", 1)[-1]: key for key in everywhere}
    found = difflib.get_close_matches(location[-1], tails, n=1)
    return tails[found[0]] if found else None


def _all_keys(model: Any, prefix: str = "") -> list[str]:
    keys = []
    for name, field in model.model_fields.items():
        key = prefix + (field.alias or name)
        keys.append(key)
        if hasattr(field.annotation, "model_fields"):
            keys += _all_keys(field.annotation, key + ".")
    return keys
