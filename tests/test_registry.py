"""Aliases and their history: the rule of rollback, and the real MLflow registry on SQLite, also under a race."""

import itertools
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digits.errors import DigitsError
from digits.gates import Gate
from digits.registry import (
    CHALLENGER,
    CHAMPION,
    Change,
    Registry,
    RegistryChangedError,
    former_champion,
    resolve_model,
)

ROOT = Path(__file__).parents[1]


def changes(*steps):
    """A history from ("promote", "2"), ("rollback", "1"), …: the champion's changes."""
    history, champion = [], None
    for action, after in steps:
        history.append(Change(CHAMPION, champion, after, action, "me", "now", "a reason"))
        champion = after
    return history


@pytest.mark.parametrize(
    ("steps", "former"),
    [
        ([], None),
        ([("register", "1")], None),
        ([("register", "1"), ("promote", "2")], "1"),
        ([("register", "1"), ("promote", "2"), ("promote", "3")], "2"),
        ([("register", "1"), ("promote", "2"), ("rollback", "1")], None),
        # Two rollbacks go back two, they do not swap.
        ([("register", "1"), ("promote", "2"), ("promote", "3"), ("rollback", "2")], "1"),
        ([("register", "1"), ("promote", "2"), ("promote", "3"), ("rollback", "2"), ("rollback", "1")], None),
        # To a named version: what came after it is undone.
        ([("register", "1"), ("promote", "2"), ("promote", "3"), ("rollback", "1")], None),
        # After a rollback, promotion goes on from there.
        ([("register", "1"), ("promote", "2"), ("rollback", "1"), ("promote", "3")], "1"),
        # Champion twice.
        ([("register", "1"), ("promote", "2"), ("promote", "1")], "2"),
        # To a version that never was champion: the present one becomes the former one.
        ([("register", "1"), ("promote", "2"), ("rollback", "7")], "2"),
        # The promotion of 3 was recorded, but its process died before it moved the alias.
        ([("register", "1"), ("promote", "2"), ("promote", "3"), ("outside", "2")], "1"),
        # Moved in MLflow's own UI, then back.
        ([("register", "1"), ("outside", "2"), ("rollback", "1"), ("outside", None), ("outside", "4")], "1"),
    ],
)
def test_the_former_champion(steps, former):
    assert former_champion(changes(*steps)) == former


def test_the_challenger_is_no_champion():
    history = changes(("register", "1"), ("promote", "2"))
    history.insert(1, Change(CHALLENGER, None, "9", "register", "me", "now", "why"))
    assert former_champion(history) == "1"


@given(st.lists(st.one_of(st.just("rollback"), st.sampled_from("12345")), max_size=20))
def test_rollbacks_undo_promotions_in_turn(steps):
    history, stack = [], []
    for step in steps:
        champion = stack[-1] if stack else None
        if step == "rollback":
            target = former_champion(history)
            assert target == (stack[-2] if len(stack) > 1 else None)
            if target is None:
                continue
            stack.pop()
        elif step == champion:
            continue
        else:
            target = step
            stack.append(step)
        action = "rollback" if step == "rollback" else "promote"
        history.append(Change(CHAMPION, champion, target, action, "me", "now", "why"))
        assert target == stack[-1]


@pytest.fixture(scope="module")
def empty_store(tmp_path_factory):
    """A new SQLite store. MLflow takes seconds to make one, a copy takes none."""
    from mlflow import MlflowClient

    path = tmp_path_factory.mktemp("store") / "store.db"
    MlflowClient(f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture
def client(empty_store, tmp_path, monkeypatch):
    """A client of an empty store, as `tracking.connect` gives it; the current folder is a project's."""
    import mlflow

    from digits import tracking

    shutil.copy(empty_store, tmp_path / "store.db")
    for name in ("dvc.yaml", "params.yaml"):
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'store.db'}")
    yield tracking.connect()
    mlflow.set_tracking_uri(None)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A project's folder, the current one, with no store yet."""
    import mlflow

    for name in ("dvc.yaml", "params.yaml"):
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    yield tmp_path
    mlflow.set_tracking_uri(None)


@pytest.mark.parametrize("uri", [None, "sqlite:///mine.db", "sqlite:///{folder}/mine.db"])
def test_a_throw_away_copy_of_dvcs_queue_shares_the_store_and_its_artifacts(folder, monkeypatch, uri):
    from digits import tracking

    copy = folder / ".dvc" / "tmp" / "exps" / "standalone" / "abc"
    copy.mkdir(parents=True)
    (copy / "dvc.yaml").touch()
    if uri:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri.format(folder=folder))
    monkeypatch.chdir(copy)
    experiment = tracking.connect().get_experiment_by_name("digits")
    assert (folder / ("mine.db" if uri else "mlflow.db")).is_file()
    assert experiment.artifact_location == (folder / "mlartifacts").as_uri()
    # Without it, MLflow's interface is that for language models.
    assert experiment.tags["mlflow.experimentKind"] == "custom_model_development"
    assert [path.name for path in copy.iterdir()] == ["dvc.yaml"]


def test_an_experiment_that_mlflow_run_made_gets_its_kind(folder, monkeypatch):
    from mlflow import MlflowClient

    from digits import tracking

    MlflowClient(f"sqlite:///{folder / 'mlflow.db'}").create_experiment("digits")
    client = tracking.connect()
    assert client.get_experiment_by_name("digits").tags["mlflow.experimentKind"] == "custom_model_development"


@pytest.mark.parametrize(
    ("uri", "content", "words"),
    [
        ("sqlite:///mlflow.db", b"no database, but long enough", "is no SQLite database"),
        ("sqlite:///mlflow.db", b"SQLite format 3\0" + bytes(2000), "does not answer"),
        ("sqlite:///absent/mlflow.db", None, "cannot be written"),
        ("postgresql://nobody@127.0.0.1:9/x", None, "does not answer"),
        ("http://[bad", None, "does not answer"),
        ("nonsense://x", None, "does not answer"),
    ],
)
def test_a_store_that_cannot_be_used_is_one_line(folder, monkeypatch, uri, content, words):
    from digits import tracking

    if content is not None:
        (folder / "mlflow.db").write_bytes(content)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    with pytest.raises(DigitsError) as refused:
        tracking.connect()
    assert words in str(refused.value) and "\n" not in str(refused.value)


def test_where_there_is_no_champion_it_is_said_how_to_get_one(client):
    with pytest.raises(DigitsError, match=r"models:/digits@champion is not in sqlite:.*`make repro` makes a champion"):
        resolve_model("models:/digits@champion")


@pytest.fixture
def registry(client):
    """With versions 1, 2 and 3."""
    registry = Registry(client, "digits")
    registry.create()
    for number in (1, 2, 3):
        client.create_model_version("digits", source=f"somewhere/{number}", tags={"model_sha256": f"sha{number}"})
    return registry


@pytest.mark.slow
def test_every_move_is_recorded(client, registry):
    assert registry.aliases() == {} and registry.history() == []
    gate = Gate("Macro F1", "0.99", "at least 0.98", passed=True, value=0.99, limit=0.98)
    registry.move(CHAMPION, None, "1", "register", "the first")
    registry.move(CHALLENGER, None, "2", "register", "the second")
    moved = registry.move(CHAMPION, "1", "2", "promote", "better", [gate])
    registry.move(CHALLENGER, "2", None, "promote", "it is champion")
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


@pytest.mark.slow
def test_the_history_cannot_be_rewritten(client, registry):
    from mlflow.exceptions import MlflowException

    registry.move(CHAMPION, None, "1", "register", "the first")
    before = registry.history()
    run = client.get_registered_model("digits").tags["history_run"]
    (number,) = client.get_run(run).data.params
    with pytest.raises(MlflowException):
        client.log_param(run, number, json.dumps({"alias": CHAMPION, "after": "3"}))
    registry.create()
    assert registry.history() == before


@pytest.mark.slow
def test_a_move_from_another_state_than_seen_is_refused(registry):
    registry.move(CHAMPION, None, "1", "register", "the first")
    with pytest.raises(
        RegistryChangedError, match=r"champion was moved meanwhile from nothing to version 1 by .*: nothing"
    ):
        registry.move(CHAMPION, None, "2", "register", "late")
    assert registry.aliases() == {CHAMPION: "1"} and len(registry.history()) == 1


@pytest.mark.slow
def test_a_move_by_other_means_is_put_on_record(client, registry):
    registry.move(CHAMPION, None, "1", "register", "the first")
    client.set_registered_model_alias("digits", CHAMPION, "3")
    with pytest.raises(RegistryChangedError):
        registry.move(CHAMPION, "1", "2", "promote", "better")
    registry.move(CHAMPION, "3", "2", "promote", "better")
    found = [(change.before, change.after, change.action) for change in registry.history()]
    assert found == [(None, "1", "register"), ("1", "3", "outside"), ("3", "2", "promote")]
    assert former_champion(registry.history()) == "3"


@pytest.mark.slow
def test_a_name_that_belongs_to_something_else_is_refused(client):
    client.create_registered_model("theirs")
    with pytest.raises(DigitsError, match=r"'theirs' was not made by this project: set another register.model_name"):
        Registry(client, "theirs")


RACER = """
import sys
from mlflow import MlflowClient
from digits.registry import Registry, RegistryChangedError
registry = Registry(MlflowClient(sys.argv[1]), "digits")
print("ready", flush=True)
for line in sys.stdin:
    before, after = line.split()
    try:
        registry.move("champion", before, after, "promote", f"I am {sys.argv[2]}")
        print("won", flush=True)
    except RegistryChangedError as error:
        print(f"lost: {error}", flush=True)
"""


@pytest.mark.slow
@pytest.mark.parametrize("machines", [1, 2])
def test_of_two_that_move_the_champion_at_once_one_wins(registry, tmp_path, machines):
    """On one machine a lock file orders them; on two, the numbered record that only one can write."""
    store = f"sqlite:///{tmp_path / 'store.db'}"
    registry.move(CHAMPION, None, "1", "register", "the first")
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
