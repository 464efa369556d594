"""What is said of a name that means no model, in a real store and a real repository."""

from pathlib import Path

import pytest
from support.repository import run_git

from digits.registry.nearest import unknown_name


@pytest.fixture
def here(repository, registry):
    """Versions 1 to 3, aliases, runs, a branch, a tag and a DVC experiment."""
    client = registry.client
    client.set_registered_model_alias("digits", "stable", "2")
    experiment = client.get_experiment_by_name("digits").experiment_id
    for name in ("murky-axe learning_rate=0.002", "worse"):
        client.create_run(experiment, run_name=name)
    run_git("branch", "narrow-network")
    run_git("tag", "release-1")
    head = run_git("rev-parse", "HEAD")
    run_git("update-ref", f"refs/exps/{head[:2]}/{head[2:]}/funny-bird", head)
    return registry


def test_a_misspelt_name_gets_the_nearest_of_every_kind(here):
    for name, nearest in {
        "stabel": "stable",
        "wrose": "worse",
        "murky-axe learning_rate=0.02": "murky-axe learning_rate=0.002",
        "funny-brid": "funny-bird",
        "narow-network": "narrow-network",
        "release-2": "release-1",
        "mian": "main",
    }.items():
        assert unknown_name(name, here) == (
            f"{name}: no file or folder, alias, version, run, DVC experiment or git revision is called so, "
            f"did you mean {nearest}?"
        )


def test_a_name_like_no_other_gets_the_command_that_lists_them(here):
    assert unknown_name("zzzzzz", here).endswith("is called so: `digits compare` lists what there is")


def test_an_alias_that_nothing_has_lists_those_that_there_are(here):
    for alias in ("champion", "challenger"):
        assert unknown_name(alias, here) == (
            f"digits has no {alias} (aliases: stable): `digits register` names a new version"
        )


def test_a_number_lists_the_versions(here):
    assert unknown_name("9", here) == "digits has no version 9 (versions: 1, 2, 3)"


def test_a_folder_is_said_to_be_one(here):
    Path("champoin").mkdir()
    assert unknown_name("champoin", here).startswith("champoin: a folder without model.keras, and no alias, version, ")


def test_before_anything_was_registered_or_committed(client):
    from digits.registry.versions import Registry

    empty = Registry(client, "digits")
    assert "(aliases: none)" in unknown_name("champion", empty)
    assert "(versions: none yet)" in unknown_name("1", empty)
    assert unknown_name("mian", empty).endswith("`digits compare` lists what there is")
