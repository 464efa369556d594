"""The pages of docs/reference, made from the code: `python docs/reference.py` writes them anew."""

from __future__ import annotations

import ast
import inspect
import re
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import typer
from typer.cli import get_docs_for_click

from digits import paths
from digits.cli.__main__ import app
from digits.evaluation.scores import METRICS
from digits.files import write_text
from digits.params.schema import Params
from digits.registry.gates import GATES
from digits.tracking import artifacts

FOLDER = Path(__file__).with_name("reference")
_MADE = "<!-- made by docs/reference.py -->"
_WORDS = {"array": "list", "boolean": "true or false", "integer": "whole number", "number": "number", "string": "text"}
# What MLflow has beside the tags of digits/tracking/artifacts.py.
_VERSION_TAGS = {
    "run_name": "Name of the run that made the model.",
    "gates": "That all gates of the registration passed, and how many; the findings are in `results/gates.json`.",
    "test_KEY": "The metrics of the test images: `test_accuracy` and so on.",
    "sha256sums": "SHA-256 of each of the version's files.",
    "signature": "Ed25519 signature of that list, where the version was signed.",
}
_RUN_METRICS = {
    "accuracy`, `loss": "Of the training images, a point an epoch, with dropout and augmentation at work.",
    "val_accuracy`, `val_loss": "Of the validation images, a point an epoch.",
    "epochs": "How many there were.",
    "training_seconds": "Wall time of the training.",
    "test_precision/CLASS`, `test_recall/CLASS`, `test_f1/CLASS": "Of one class; none for a class without test images.",
    "system/NAME": "Processor, memory, disk and network of the machine while it trained, by MLflow.",
    "not_sure_below": "Below this probability an answer is not sure; chosen on the validation images.",
    "test_accepted": "Share of the test images whose answer is sure.",
    "test_accepted_error": "Share of all test images whose answer is sure and wrong.",
    "robustness/CHANGE": "Mean accuracy on test images with that change, over its strengths.",
    "test_KEY": "A [metric](metrics.md#metrics) of the test images; with `_low` and `_high` the ends of its interval.",
    "feedback_KEY": "The same on the test images of `preprocess.extra`, where there are such.",
}


# --- Parameters -------------------------------------------------------------------------------------------------------


def parameters() -> str:
    """The keys of params.yaml: meaning, type and range, from the schema."""
    schema = Params.model_json_schema(by_alias=True)
    lines = ["# Parameters", "", _MADE, ""]
    lines += ["Every key of [params.yaml](../../params.yaml), which has its value. The schema refuses all else."]
    for name, section in schema["properties"].items():
        lines += ["", f"## {name}", "", _about(section, schema)]
        if rows := [*_keys(_target(section, schema), f"{name}.", schema)]:
            lines += ["", "| key | meaning | value |", "|---|---|---|", *rows]
        else:
            lines[-1] += f" A value: {_range(section)}."
    return "\n".join(lines) + "\n"


def _keys(section: dict[str, Any], prefix: str, schema: dict[str, Any]) -> Iterator[str]:
    for name, key in section.get("properties", {}).items():
        if "$ref" in key:
            yield f"| **`{prefix}{name}`** | {_cell(_about(key, schema))} | section |"
            yield from _keys(_target(key, schema), f"{prefix}{name}.", schema)
        else:
            yield f"| `{prefix}{name}` | {_cell(key['description'])} | {_cell(_range(key))} |"
            for choice in key.get("items", {}).get("oneOf", []):
                kind = _target(choice, schema)
                yield f"| `{prefix}{name}[]` | {_cell(kind['description'])} | section |"
                yield from _keys(kind, f"{prefix}{name}[].", schema)


def _about(key: dict[str, Any], schema: dict[str, Any]) -> str:
    # pydantic leaves the field's description out where it is that of its class.
    return str(key.get("description") or _target(key, schema)["description"])


def _target(key: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    return schema["$defs"][key["$ref"].rpartition("/")[2]] if "$ref" in key else key


def _range(key: dict[str, Any]) -> str:
    """What a value may be, in words: `whole number, ≥ 1`."""
    if "oneOf" in key:
        one, each = key["oneOf"]
        return f"{_range(one)}; or a list with one for each block" if each.get("type") == "array" else _range(one)
    if "const" in key:
        return f"`{key['const']}`"
    if "enum" in key:
        return ", ".join(f"`{value}`" for value in key["enum"])
    parts = [_WORDS[key["type"]]]
    if key["type"] == "array":
        parts = [_length(key), "each " + ("as below" if "oneOf" in key["items"] else _range(key["items"]))]
    if key["type"] == "string":
        if "maxLength" in key:
            parts.append(f"at most {key['maxLength']} characters")
        if "pattern" in key:
            parts.append(f"like `{key['pattern']}`")
    signs = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    parts += [f"{sign} {key[bound]:,}" for bound, sign in signs.items() if bound in key]
    return ", ".join(parts)


def _length(key: dict[str, Any]) -> str:
    least, most = key.get("minItems", 0), key.get("maxItems")
    if least == most:
        return f"list of {least}"
    return f"list of {least} to {most}" if most else f"list of {least} or more"


# --- Commands ---------------------------------------------------------------------------------------------------------


def commands() -> str:
    """The commands with their arguments and options, as Typer describes them."""
    program = typer.main.get_command(app)
    described = get_docs_for_click(obj=program, ctx=typer.Context(program), name="digits")
    lines = ["# Commands", "", _MADE, ""]
    lines += [
        "`digits COMMAND --help` prints the same. Exit code 0: done; 1: refused or failed, with one line why; 2: wrong"
    ]
    lines += ["usage.", ""]
    # The first part lists what follows.
    parts = re.split(r"^(?=## )", described, flags=re.MULTILINE)[1:]
    return "\n".join(lines) + "\n" + "".join(parts).rstrip() + "\n"


# --- Metrics and gates ------------------------------------------------------------------------------------------------

_METRICS_PAGE = """# Metrics and gates

{made}

## Metrics

Of the test images, in `reports/metrics.json` (`test`), by stage evaluate. Each is a row of `METRICS` in
[digits/evaluation/scores.py](../../digits/evaluation/scores.py).

| key | meaning | unit | better | interval |
|---|---|---|---|---|
{metrics}

## Gates

In the order of the table that `digits promote --dry-run` prints. Their limits are in section
[register](parameters.md#register). Each is a row of `GATES` in
[digits/registry/gates.py](../../digits/registry/gates.py).

| gate | meaning | asked |
|---|---|---|
{gates}
"""


def metrics() -> str:
    """The metrics and the gates, from their tables in the code."""
    rows = []
    for metric in METRICS:
        better, ends = (
            "higher" if metric.higher_is_better else "lower",
            ", ".join(f"`{key}`" for key in metric.keys[1:]),
        )
        rows.append(f"| `{metric.key}` | {_first(metric.compute)} | {metric.unit or '–'} | {better} | {ends or '–'} |")
    gates = []
    for rule in GATES:
        asked = "of a promotion, beside the champion" if rule.against_champion else "of each registration"
        gates.append(f"| `{rule.check.__name__}` | {_first(rule.check)} | {asked} |")
    return _METRICS_PAGE.format(made=_MADE, metrics="\n".join(rows), gates="\n".join(gates))


# --- MLflow -----------------------------------------------------------------------------------------------------------

_MLFLOW_PAGE = """# In MLflow

{made}

Runs are in the experiment `digits`, searches in `digits-sweeps`, changes of aliases in `digits-history`. A run has
every key of params.yaml as a parameter (`train.batch_size`), and `recipe`.

## Metrics of a run

{run_metrics}

## Tags of a run

{run_tags}

## Tags of a version

Those of its run that say where the model comes from, and:

{version_tags}

## Artifacts of a run

{run_files}

## Files of a version

`digits pull` writes them into a folder.

{version_files}
"""
# Constants of digits/tracking/artifacts.py that name a file, not a tag.
_OF_MODEL, _OF_RUN = ("CLASSES", "BOM", "MODEL_CARD"), ("REPORT", "PARAMS", "PATCH")


def mlflow() -> str:
    """What a run and a version hold in MLflow, from the constants that name it."""
    names, about = _documented(artifacts), dict(_documented(paths).values())
    logged = artifacts.RESULT_FILES | artifacts.VALIDATION_FILES
    pulled = (paths.MODEL, paths.TWIN, paths.METRICS, paths.CALIBRATION, paths.PROTOTYPES)
    return _MLFLOW_PAGE.format(
        made=_MADE,
        run_metrics=_table("metric", _RUN_METRICS),
        run_tags=_table("tag", dict(names[name] for name in names if name not in _OF_MODEL + _OF_RUN)),
        version_tags=_table("tag", _VERSION_TAGS),
        run_files=_table(
            "file",
            {artifact: about[path] for path, artifact in logged.items()}
            | {"plots/": "The pictures of stage plot."}
            | dict(names[name] for name in _OF_RUN),
        ),
        version_files=_table(
            "file",
            {path.name: about[path] for path in pulled}
            | dict(names[name] for name in _OF_MODEL)
            | {"MLmodel": "MLflow's own description of the model.", "SHA256SUMS": "SHA-256 of each file."},
        ),
    )


def _documented(module: Any) -> dict[str, tuple[Any, str]]:
    """The constants of a module that have a docstring below them: {name: (value, docstring)}."""
    body = ast.parse(inspect.getsource(module)).body
    found = {}
    for statement, below in pairwise(body):
        if isinstance(statement, ast.Assign) and isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
            target = statement.targets[0]
            assert isinstance(target, ast.Name)
            found[target.id] = getattr(module, target.id), str(below.value.value)
    return found


# --- Pages ------------------------------------------------------------------------------------------------------------


def pages() -> dict[str, str]:
    """The pages: {name of the file: text}."""
    return {f"{make.__name__}.md": make() for make in (parameters, commands, metrics, mlflow)}


def _table(heading: str, rows: dict[str, str]) -> str:
    return "\n".join(
        [f"| {heading} | meaning |", "|---|---|", *(f"| `{name}` | {_cell(rows[name])} |" for name in rows)]
    )


def _first(documented: Any) -> str:
    """The first sentence of its docstring."""
    return _cell(inspect.cleandoc(documented.__doc__).partition("\n\n")[0])


def _cell(text: str) -> str:
    return re.sub(r"\s+", " ", text).replace("|", "\\|")


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, text in pages().items():
        write_text(FOLDER / name, text)
    sys.stdout.write(f"{FOLDER.name}: {', '.join(pages())}\n")
