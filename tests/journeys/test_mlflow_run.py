"""The pipeline started by `mlflow run`."""

import pytest
from support.pipeline import assert_complete, runs_of

pytestmark = pytest.mark.slow


@pytest.mark.long
def test_mlflow_run(project, client_of):
    client = client_of(project)
    run = ("mlflow", "run", ".", "--env-manager", "local")
    project.run(*run)
    first, started = runs_of(client)
    assert started.info.status == "FINISHED" and started.data.tags["reproduction_of"] == first.info.run_id
    assert_complete(client, started, project)

    project.run(*run, "-e", "train", "-P", "recipe=fast", "-P", "epochs=2")
    trained = runs_of(client)[-1]
    assert len(runs_of(client)) == 3 and "reproduction_of" not in trained.data.tags
    assert trained.data.params["train.epochs"] == "2" and trained.data.params["epochs"] == "2"
    assert trained.data.params["recipe"] == "fast" and trained.data.params["train.batch_size"] == "192"
    assert trained.info.status == "FINISHED" and "test_accuracy" in trained.data.metrics

    before = project.read("params.yaml")
    done = project.run(*run, "-e", "train", "-P", "epochs=abc", check=False)
    assert done.returncode != 0 and project.read("params.yaml") == before
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("digits: ")]
    assert "train.epochs = 'abc': input should be a valid integer" in line and "Traceback" not in done.stderr
