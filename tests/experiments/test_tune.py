"""The engine of a search, on a real Ray cluster of two nodes."""

import json
import os
import threading
import time
from pathlib import Path

import pytest
from support.nodes import SETTINGS, listening_elsewhere, two_nodes
from support.pipeline import wait_for
from support.project import Project, change, kill

from digits.errors import DigitsError
from digits.experiments.progress import BROKEN, RUNNING, end_rest, progress_of
from digits.experiments.search import folder_of, make_plan
from digits.experiments.space import Space
from digits.experiments.tune import TRIALS, Plan, search
from digits.params import read_params
from digits.tracking.store import SWEEPS

pytestmark = pytest.mark.scale

SPACE = Space({"train.learning_rate": {"low": 0.0005, "high": 0.02, "log": True}}, "space.yaml")


@pytest.fixture
def plan(store) -> Plan:
    """Six trainings of four epochs, on the sample, in the project of `store`."""
    params = read_params()
    params["train"] |= {"epochs": 4, "stop": params["train"]["stop"] | {"threshold": 1.0}}
    # Of seed 42, the fifth and the sixth random number are alike in four digits, which is what a setting has.
    return make_plan(SPACE, params, 6, 0)._replace(seed=1)


@pytest.fixture
def nodes(monkeypatch):
    with two_nodes() as found:
        for name, value in found.settings.items():
            monkeypatch.setenv(name, value)
        yield found


def repeated_epochs(folder):
    """How often each training did an epoch again."""
    again = []
    for file in folder.glob(f"{TRIALS}/*/epochs.jsonl"):
        done = [json.loads(line)["epoch"] for line in file.read_text().splitlines()]
        again.append(len(done) - len(set(done)))
    return again


def test_all_trainings_end_also_when_a_node_dies(plan, nodes, store, tmp_path):
    def kill() -> None:
        # When both nodes have trained for an epoch.
        while sum(bool(one.epochs) for one in progress_of(tmp_path / TRIALS)) < 2:
            time.sleep(0.1)
        nodes.kill_one()

    killer = threading.Thread(target=kill)
    killer.start()
    assert search(plan, tmp_path, store.folder, nodes.address, 1)
    killer.join()
    assert listening_elsewhere() == []
    end_rest(tmp_path / TRIALS)
    trials = progress_of(tmp_path / TRIALS)
    assert len(trials) == 6
    assert all(one.status != RUNNING and one.epochs for one in trials)
    # ASHA lets some go on to the end.
    assert max(len(one.epochs) for one in trials) == 4
    assert max(repeated_epochs(tmp_path)) <= 1
    # Optuna chose each for itself.
    assert len({one.settings["train.learning_rate"] for one in trials}) == 6


def test_without_an_address_it_runs_on_this_machine(plan, store, tmp_path, monkeypatch):
    """Trainings that fail say why, and end nothing."""
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)
    (store.folder / "data" / "processed" / "y_train.npy").unlink()
    assert search(plan._replace(trials=2), tmp_path, store.folder, "", 1)
    assert listening_elsewhere() == []
    trials = progress_of(tmp_path / TRIALS)
    assert [one.status for one in trials] == [BROKEN] * 2
    assert all("y_train.npy is missing" in one.reason for one in trials)


def test_a_killed_driver_is_taken_up_again(store, tmp_path):
    """Each training is there once, in the folder of the search and in MLflow."""
    change(Path("params.yaml"), {"train.epochs": 4, "train.stop.threshold": 1.0})
    Path("space.yaml").write_text(json.dumps(SPACE.raw))
    project, here = Project(store.folder), SETTINGS | {"MLFLOW_TRACKING_URI": os.environ["MLFLOW_TRACKING_URI"]}
    sweep = ("python", "-m", "digits.cli", "sweep", "--seeds", "1", "--finalists", "1")
    driver = project.start(*sweep, "space.yaml", "--trials", "4", "--name", "rate", log=tmp_path / "log", **here)
    folder = folder_of("rate")
    wait_for(lambda: any(len(one.epochs) > 1 for one in progress_of(folder / TRIALS)), driver)
    kill(driver)
    assert not (folder / "index.html").exists()

    project.run(*sweep, "--resume", "rate", **here)
    assert listening_elsewhere() == []
    trials = progress_of(folder / TRIALS)
    assert len(trials) == 4 and all(one.status != RUNNING and one.epochs for one in trials)
    assert max(repeated_epochs(folder)) <= 1
    assert (folder / "index.html").is_file()
    experiment = store.client.get_experiment_by_name(SWEEPS).experiment_id
    runs = store.client.search_runs([experiment])
    names = sorted(run.info.run_name for run in runs)
    # The search, its trainings, and params.yaml and the best with one seed each.
    assert len(names) == len(set(names)) == 1 + 4 + 2
    assert {run.info.status for run in runs} == {"FINISHED"}


def test_a_cluster_without_the_cpus_is_refused(plan, nodes, store, tmp_path):
    with pytest.raises(DigitsError, match="no node has more than 1 CPUs"):
        search(plan._replace(threads=4), tmp_path, store.folder, nodes.address, 1)
    assert not (tmp_path / TRIALS).exists()
