"""The bill of materials: what is installed, always in the same bytes."""

import json
import platform
from email.message import Message
from importlib.metadata import version
from types import SimpleNamespace

import pytest

from digits.tracking import bom
from digits.tracking.bom import bill_of_materials

SHA256 = "0123456789abcdef" * 4


def test_it_names_python_and_what_is_installed():
    found = bill_of_materials("digits", SHA256)
    assert (found["bomFormat"], found["specVersion"]) == ("CycloneDX", "1.6")
    assert found["metadata"]["component"]["hashes"] == [{"alg": "SHA-256", "content": SHA256}]
    python, *packages = found["components"]
    assert (python["name"], python["version"]) == (platform.python_implementation(), platform.python_version())
    by_name = {package["name"]: package for package in packages}
    assert list(by_name) == sorted(by_name) and len(by_name) == len(packages)
    assert by_name["mlflow"]["purl"] == f"pkg:pypi/mlflow@{version('mlflow')}"
    assert by_name["ai-edge-litert"]["version"] == version("ai-edge-litert")
    references = [component["bom-ref"] for component in found["components"]]
    assert len(set(references)) == len(references)


def test_the_same_environment_gives_the_same_bytes():
    first, second = (json.dumps(bill_of_materials("digits", SHA256)) for _ in range(2))
    assert first == second and "timestamp" not in first and "serialNumber" not in first


@pytest.fixture
def installed(monkeypatch):
    """Lets the environment have packages with the metadata given."""

    def install(*packages):
        found = []
        for fields in packages:
            metadata = Message()
            for key, value in fields:
                metadata[key] = value
            found.append(SimpleNamespace(metadata=metadata))
        monkeypatch.setattr(bom, "distributions", lambda: found)
        return bill_of_materials("digits", SHA256)["components"][1:]

    return install


def test_a_licence_is_told_as_the_package_tells_it(installed):
    one, other, none = installed(
        [("Name", "One_Package"), ("Version", "1.0+cpu"), ("License-Expression", "MIT OR Apache-2.0")],
        [
            ("Name", "other"),
            ("Version", "2"),
            ("Classifier", "License :: OSI Approved :: MIT License"),
            ("Classifier", "License :: OSI Approved"),
            ("Classifier", "Topic :: Software Development"),
        ],
        [("Name", "without"), ("Version", "3"), ("License", "a text of three pages")],
    )
    assert (one["name"], one["version"], one["purl"]) == ("one-package", "1.0+cpu", "pkg:pypi/one-package@1.0%2Bcpu")
    assert one["licenses"] == [{"expression": "MIT OR Apache-2.0"}]
    assert other["licenses"] == [{"license": {"name": "MIT License"}}] and "licenses" not in none


def test_an_interrupted_installation_and_a_second_copy_do_not_count(installed):
    found = installed([], [("Name", "torn")], [("Name", "a.b"), ("Version", "2")], [("Name", "A-B"), ("Version", "1")])
    assert [(package["name"], package["version"]) for package in found] == [("a-b", "2")]
