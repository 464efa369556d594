"""The schema for editors: current, and of the same mind as the schema that decides."""

import copy
import json
import subprocess
import sys

import pytest
from jsonschema import Draft202012Validator
from support.params import FILE, changed_params
from support.project import ROOT

from digits.params import read_params
from digits.params.json_schema import FILE as SCHEMA_FILE
from digits.params.json_schema import json_schema

SCHEMA = json.loads(json_schema())


def mistakes(raw):
    """What an editor would underline: the paths and the messages."""
    return [(error.json_path, error.message) for error in Draft202012Validator(SCHEMA).iter_errors(raw)]


def test_the_committed_file_is_current():
    committed = (ROOT / SCHEMA_FILE).read_text(encoding="utf-8")
    assert committed == json_schema(), "run `python -m digits.params.json_schema`"


def test_the_command_writes_it_where_params_yaml_looks_for_it(tmp_path):
    subprocess.run([sys.executable, "-m", "digits.params.json_schema"], cwd=tmp_path, check=True)
    assert [path.name for path in tmp_path.iterdir()] == ["params.schema.json"]
    assert (tmp_path / "params.schema.json").read_text(encoding="utf-8") == json_schema()
    first = (ROOT / "params.yaml").read_text(encoding="utf-8").splitlines()[0]
    assert first == "# yaml-language-server: $schema=params.schema.json"


def test_it_is_a_schema():
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("path", [ROOT / "params.yaml", FILE], ids=["of the project", "of the tests"])
def test_a_valid_file_has_no_mistake(path):
    assert mistakes(read_params(path)) == []


@pytest.mark.parametrize(
    ("changes", "place", "words"),
    [
        ({"train__epoch": 3}, "$.train", "'epoch' was unexpected"),
        ({"trian": {}}, "$", "'trian' was unexpected"),
        ({"train__epochs": ...}, "$.train", "'epochs' is a required property"),
        ({"train__epochs": 0}, "$.train.epochs", "0 is less than the minimum of 1"),
        ({"train__epochs": "3"}, "$.train.epochs", "'3' is not of type 'integer'"),
        ({"train__learning_rate": 0}, "$.train.learning_rate", "0 is less than or equal to the minimum of 0"),
        ({"preprocess__split": "random"}, "$.preprocess.split", "'random' is not one of"),
        ({"fetch__files__train_images__sha256": "abc"}, "$.fetch.files.train_images.sha256", "does not match"),
    ],
    ids=str,
)
def test_a_mistake_is_found_where_it_stands(changes, place, words):
    ((found, message),) = mistakes(changed_params(**changes))
    assert found == place and words in message


def test_every_parameter_is_described():
    """An editor shows the description while a person types the key."""
    silent = [
        f"{name}.{key}"
        for name, section in SCHEMA["$defs"].items()
        for key, value in section.get("properties", {}).items()
        if "description" not in value and "$ref" not in value and "const" not in value
    ]
    assert silent == []


def test_a_section_goes_by_its_name_in_the_file():
    # `register` is a method of every class, so the class calls its field register_.
    assert "register" in SCHEMA["properties"] and "register_" not in SCHEMA["properties"]
    raw = copy.deepcopy(read_params(FILE))
    raw["register_"] = raw.pop("register")
    assert {place for place, _ in mistakes(raw)} == {"$"}
