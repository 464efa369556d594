"""DVC experiments of the real pipeline: run, queued, swept."""

import json
import time

import pytest
from support.pipeline import DOWNSTREAM, assert_complete, runs_of

pytestmark = pytest.mark.slow


def test_an_experiment_runs_what_depends_on_the_parameter(project, client_of):
    done = project.run("dvc", "exp", "run", "--name", "slower", "-S", "train.learning_rate=0.002")
    assert project.stages_run(done) == ["params", *DOWNSTREAM]
    client = client_of(project)
    _, run = runs_of(client)
    assert_complete(client, run, project)
    assert run.info.run_name == "slower learning_rate=0.002"
    assert run.data.params["train.learning_rate"] == "0.002"
    tags = run.data.tags
    assert tags["dvc_experiment"] == "slower" and tags["git_changed"] == "params.yaml" and tags["git_dirty"] == "true"
    assert tags["git_commit"] == project.run("git", "rev-parse", "HEAD").stdout.strip()

    shown = project.run("dvc", "exp", "show", "--json").stdout
    assert '"slower"' in shown and "0.002" in shown
    params = json.loads(project.run("dvc", "params", "diff", "--json").stdout)
    assert params["params.yaml"]["train.learning_rate"] == {"old": 0.005, "new": 0.002, "diff": pytest.approx(-0.003)}
    metrics = json.loads(project.run("dvc", "metrics", "diff", "--json").stdout)
    accuracy = json.loads(project.read("reports/metrics.json"))["test"]["accuracy"]
    assert metrics["reports/metrics.json"]["test.accuracy"]["new"] == accuracy
    plots = json.loads(project.run("dvc", "plots", "diff", "--json", "--split").stdout)["data"]
    assert {rev for plot in plots["Accuracy"] for rev in plot["revisions"]} == {"HEAD", "workspace"}


@pytest.mark.long
def test_queued_experiments_land_in_the_same_store(project, client_of):
    project.run("dvc", "exp", "run", "--queue", "-S", "train.learning_rate=0.002,0.01", "-S", "train.epochs=2")
    log = project.folder.parent / "queue.log"
    process = project.start("dvc", "queue", "start", "-j", "2", log=log)
    try:
        process.wait(timeout=60)
        deadline = time.monotonic() + 400
        while time.monotonic() < deadline:
            status = project.run("dvc", "queue", "status").stdout
            states = [line.split()[-1] for line in status.splitlines()[1:3]]
            if not {"Queued", "Running"} & set(states):
                break
            time.sleep(2)
        failed = "".join(
            project.run("dvc", "queue", "logs", line.split()[0], check=False).stdout
            for line in status.splitlines()[1:3]
            if line.endswith("Failed")
        )
        assert states == ["Success", "Success"], f"{status}\n{failed}"
    finally:
        project.run("dvc", "queue", "stop", "--kill", check=False)
    runs = runs_of(client_of(project))
    assert sorted(run.data.params["train.learning_rate"] for run in runs) == ["0.002", "0.005", "0.01"]
    assert {run.info.status for run in runs} == {"FINISHED"}
    assert len({run.data.tags.get("dvc_experiment") for run in runs}) == 3
    assert all("test_accuracy" in run.data.metrics for run in runs)
    listed = project.run("dvc", "exp", "list", "--name-only").stdout.split()
    assert sorted(listed) == sorted(r.data.tags["dvc_experiment"] for r in runs if "dvc_experiment" in r.data.tags)


@pytest.mark.long
def test_a_sweep_compares_recipes_and_leaves_the_test_images_alone(project, client_of):
    sweep = ("python", "-m", "digits.cli", "sweep", "--name", "rate")
    settings = ("-S", "train.epochs=1", "-S", "train.learning_rate=0.005,0.0001")
    done = project.run(*sweep, *settings, "--seeds", "2")
    # One epoch with a fiftieth of the learning rate gets nowhere.
    assert done.stdout.rstrip().endswith("dvc exp run -S train.learning_rate=0.005 -S train.epochs=1")
    first, second = json.loads(project.run(*sweep, "--json").stdout)
    assert first["settings"] == {"train.learning_rate": 0.005} and second["settings"] == {"train.learning_rate": 0.0001}

    client = client_of(project)
    _, *runs = runs_of(client)
    by_name = {run.data.tags["dvc_experiment"]: run.data for run in runs}
    trials = first["trials"] + second["trials"]
    assert [trial["experiment"] for trial in trials] == sorted(by_name) == [f"rate-{number}" for number in range(1, 5)]
    for trial in trials:
        run = by_name[trial["experiment"]]
        assert str(trial["seed"]) == run.params["train.seed"] and trial["seed"] in (1, 2)
        assert trial["val_accuracy"] == pytest.approx(run.metrics["val_accuracy"], abs=1e-6)
        assert not any(name.startswith("test_") for name in run.metrics)
    assert len(client.search_model_versions("name = 'digits'")) == 1
    assert project.run("git", "status", "--porcelain").stdout == ""

    again = project.run(*sweep, *settings, check=False)
    assert again.returncode == 1 and again.stderr.splitlines()[-1] == "digits: dvc exp failed, see above"
