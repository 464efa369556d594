"""Moves of aliases in the real MLflow registry on SQLite, also under a race."""

import itertools
import json
import os
import subprocess
import sys

import pytest
from support.project import ROOT

from digits.errors import DigitsError
from digits.registry.aliases import RegistryChangedError, move
from digits.registry.gates import Gate
from digits.registry.history import CHALLENGER, CHAMPION, former_champion
from digits.registry.versions import Registry

pytestmark = pytest.mark.slow


def test_every_move_is_recorded(client, registry):
    assert registry.aliases() == {} and registry.history() == []
    gate = Gate("Macro F1", "0.99", "at least 0.98", passed=True, value=0.99, limit=0.98)
    move(registry, CHAMPION, None, "1", "register", "the first")
    move(registry, CHALLENGER, None, "2", "register", "the second")
    moved = move(registry, CHAMPION, "1", "2", "promote", "better", [gate])
    move(registry, CHALLENGER, "2", None, "promote", "it is champion")
    assert registry.aliases() == {CHAMPION: "2"}
    history = registry.history()
    assert [(c.alias, c.before, c.after, c.action, c.why) for c in history] == [
        (CHAMPION, None, "1", "register", "the first"),
        (CHALLENGER, None, "2", "register", "the second"),
        (CHAMPION, "1", "2", "promote", "better"),
        (CHALLENGER, "2", None, "promote", "it is champion"),
    ]
    assert history[2] == moved and moved.gates[0]["name"] == "Macro F1" and moved.gates[0]["passed"] is True
    assert all(change.who and change.when.endswith("+00:00") for change in history)
    # Whoever opens the registry later sees the same.
    assert Registry(client, "digits").history() == history

    assert registry.version_of("sha3").version in (3, "3") and registry.version_of("none") is None
    assert [str(version.version) for version in registry.versions()] == ["1", "2", "3"]
    with pytest.raises(DigitsError, match=r"digits has no version 9 \(versions: 1, 2, 3\)"):
        registry.version("9")


def test_the_history_cannot_be_rewritten(client, registry):
    from mlflow.exceptions import MlflowException

    move(registry, CHAMPION, None, "1", "register", "the first")
    before = registry.history()
    run = client.get_registered_model("digits").tags["history_run"]
    (number,) = client.get_run(run).data.params
    with pytest.raises(MlflowException):
        client.log_param(run, number, json.dumps({"alias": CHAMPION, "after": "3"}))
    registry.create()
    assert registry.history() == before


def test_a_move_from_another_state_than_seen_is_refused(registry):
    move(registry, CHAMPION, None, "1", "register", "the first")
    with pytest.raises(
        RegistryChangedError, match=r"champion was moved meanwhile from nothing to version 1 by .*: nothing"
    ):
        move(registry, CHAMPION, None, "2", "register", "late")
    assert registry.aliases() == {CHAMPION: "1"} and len(registry.history()) == 1


def test_a_move_by_other_means_is_put_on_record(client, registry):
    move(registry, CHAMPION, None, "1", "register", "the first")
    client.set_registered_model_alias("digits", CHAMPION, "3")
    with pytest.raises(RegistryChangedError):
        move(registry, CHAMPION, "1", "2", "promote", "better")
    move(registry, CHAMPION, "3", "2", "promote", "better")
    found = [(change.before, change.after, change.action) for change in registry.history()]
    assert found == [(None, "1", "register"), ("1", "3", "outside"), ("3", "2", "promote")]
    assert former_champion(registry.history()) == "3"


RACER = """
import sys
from mlflow import MlflowClient
from digits.registry.aliases import RegistryChangedError, move
from digits.registry.versions import Registry
registry = Registry(MlflowClient(sys.argv[1]), "digits")
print("ready", flush=True)
for line in sys.stdin:
    before, after = line.split()
    try:
        move(registry, "champion", before, after, "promote", f"I am {sys.argv[2]}")
        print("won", flush=True)
    except RegistryChangedError as error:
        print(f"lost: {error}", flush=True)
"""


@pytest.mark.parametrize("machines", [1, 2])
def test_of_two_that_move_the_champion_at_once_one_wins(registry, tmp_path, machines):
    """On one machine a lock file orders them; on two, the numbered record that only one can write."""
    store = f"sqlite:///{tmp_path / 'store.db'}"
    move(registry, CHAMPION, None, "1", "register", "the first")
    racers = []
    for number in (1, 2):
        folder = tmp_path / f"machine{number if machines == 2 else 1}"
        folder.mkdir(exist_ok=True)
        (folder / "dvc.yaml").touch()
        command = [sys.executable, "-c", RACER, store, str(number)]
        racers.append(
            subprocess.Popen(
                command,
                cwd=folder,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        )
    assert [racer.stdout.readline() for racer in racers] == ["ready\n"] * 2
    rounds = 4
    for _ in range(rounds):
        before = registry.aliases()[CHAMPION]
        others = [number for number in "123" if number != before]
        for racer, after in zip(racers, others, strict=True):
            racer.stdin.write(f"{before} {after}\n")
            racer.stdin.flush()
        said = [racer.stdout.readline() for racer in racers]
        assert sorted(line.split(":")[0].strip() for line in said) == ["lost", "won"], said
        assert registry.aliases()[CHAMPION] == others[said.index("won\n")]
        assert "champion was moved meanwhile" in next(line for line in said if line.startswith("lost"))
    for racer in racers:
        racer.communicate(timeout=60)
        assert racer.returncode == 0
    history = registry.history()
    assert [change.action for change in history] == ["register", *["promote"] * rounds]
    assert all(one.after == two.before for one, two in itertools.pairwise(history))
