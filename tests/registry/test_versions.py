"""The registered model and its versions in the real MLflow registry on SQLite."""

import pytest

from digits.errors import DigitsError
from digits.registry.versions import Registry, run_of


def test_what_was_never_made_is_empty(client):
    registry = Registry(client, "digits")
    assert registry.versions() == [] and registry.aliases() == {} and registry.history() == []


def test_made_twice_it_is_one(client):
    registry = Registry(client, "digits")
    registry.create()
    run = client.get_registered_model("digits").tags["history_run"]
    registry.create()
    assert client.get_registered_model("digits").tags["history_run"] == run


def test_versions_are_found_by_number_alias_and_content(client, registry):
    client.set_registered_model_alias("digits", "stable", "2")
    assert [str(version.version) for version in registry.versions()] == ["1", "2", "3"]
    assert str(registry.version_of("sha3").version) == "3" and registry.version_of("none") is None
    assert str(registry.version_with("stable").version) == "2" and registry.aliases_of("2") == ["stable"]
    with pytest.raises(DigitsError, match=r"digits has no version 9 \(versions: 1, 2, 3\)"):
        registry.version("9")
    with pytest.raises(DigitsError, match=r"digits has no champion \(aliases: stable\): `digits register`"):
        registry.version_with("champion")


def test_a_version_has_the_run_that_has_its_model(client, registry):
    version = registry.version("1")
    assert run_of(client, version) is None
    experiment = client.get_experiment_by_name("digits").experiment_id
    run = client.create_run(experiment, tags={"model_sha256": "sha1"})
    assert run_of(client, version).info.run_id == run.info.run_id


def test_a_name_that_belongs_to_something_else_is_refused(client):
    client.create_registered_model("theirs")
    with pytest.raises(DigitsError, match=r"'theirs' was not made by this project: set another register.model_name"):
        Registry(client, "theirs")
