"""The real pipeline, with the real DVC and MLflow, on the sample of MNIST: run, repeated, forced."""

import numpy as np
import pytest
from support.pipeline import STAGES, assert_complete, runs_of

pytestmark = pytest.mark.slow


def test_the_first_run_is_complete_and_its_model_champion(reproduced, client_of, mnist_sample):
    import mlflow

    assert [line.split("'")[1] for line in reproduced.output.splitlines() if line.startswith("Running")] == STAGES
    client = client_of(reproduced)
    (run,) = runs_of(client)
    assert_complete(client, run, reproduced)
    head = reproduced.run("git", "rev-parse", "HEAD~1").stdout.strip()
    assert run.data.tags["git_commit"] == head and run.data.tags["git_dirty"] == "false"
    assert run.data.tags["git_branch"] == "main"

    version = client.get_model_version_by_alias("digits", "champion")
    assert (version.version, version.run_id) in ((1, run.info.run_id), ("1", run.info.run_id))
    assert version.tags["model_sha256"] == run.data.tags["model_sha256"]
    model = mlflow.pyfunc.load_model("models:/digits@champion")
    # What a user has: raw pixels, as they are in the file.
    predicted = model.predict(mnist_sample.x_test).argmax(axis=1)
    assert (predicted == mnist_sample.y_test).mean() == run.data.metrics["test_accuracy"]
    keras_model = mlflow.keras.load_model("models:/digits@champion")
    assert (np.asarray(keras_model(mnist_sample.x_test)).argmax(axis=1) == predicted).all()


def test_repeated_it_runs_nothing(project, client_of):
    done = project.run("dvc", "repro")
    assert project.stages_run(done) == [] and "up to date" in done.stdout
    assert project.run("git", "status", "--porcelain").stdout == ""
    assert len(runs_of(client_of(project))) == 1


@pytest.mark.long
def test_forced_it_gives_the_same_bytes(project, client_of):
    """As `dvc repro -f`, with the fetch spared."""
    before = project.read("dvc.lock")
    done = project.run("dvc", "repro", "-f")
    assert project.stages_run(done) == STAGES
    assert project.read("dvc.lock") == before
    assert project.run("git", "status", "--porcelain").stdout == ""
    client = client_of(project)
    first, again = runs_of(client)
    assert again.data.tags["reproduction_of"] == first.info.run_id
    assert "model_id" not in again.data.tags and again.info.status == "FINISHED"
    assert len(client.search_model_versions("name = 'digits'")) == 1
