"""The runs of a search."""

from digits.tracking.store import all_experiments, all_pages
from digits.tracking.sweep import SweepRuns

PARAMS = {"train.learning_rate": 0.001, "train.batch_size": 32}
CHANGED = {"train.learning_rate": "0.01"}


def lines(count):
    return [
        {"epoch": epoch, "seconds": float(epoch), "val_accuracy": 0.9 + epoch / 100} for epoch in range(1, count + 1)
    ]


def runs_of(client):
    experiment = client.get_experiment_by_name("digits-sweeps").experiment_id
    return all_pages(client.search_runs, [experiment])


def test_a_training_has_a_run_below_that_of_the_search(client):
    runs = SweepRuns(client, "rate", PARAMS)
    runs.log("trial a", "trial 1", CHANGED, lines(2))
    runs.end("trial a", "FINISHED", stopped_at=2)
    runs.finish(CHANGED, {"val_accuracy": 0.92})
    parent, child = sorted(runs_of(client), key=lambda run: "mlflow.parentRunId" in run.data.tags)
    assert parent.info.run_id == runs.parent
    assert (parent.info.status, parent.info.run_name, parent.data.metrics) == (
        "FINISHED",
        "rate",
        {"val_accuracy": 0.92},
    )
    assert parent.data.tags["sweep.best.train.learning_rate"] == "0.01"
    assert child.data.tags["mlflow.parentRunId"] == runs.parent
    assert (child.info.status, child.data.tags["sweep.stopped_at"]) == ("FINISHED", "2")
    assert child.data.params == {"train.learning_rate": "0.01", "train.batch_size": "32"}
    history = client.get_metric_history(child.info.run_id, "val_accuracy")
    assert [(metric.step, metric.value) for metric in history] == [(1, 0.91), (2, 0.92)]


def test_another_process_goes_on_in_the_same_runs(client):
    first = SweepRuns(client, "rate", PARAMS)
    first.log("trial a", "trial 1", CHANGED, lines(1))
    second = SweepRuns(client, "rate", PARAMS)
    assert second.parent == first.parent
    second.log("trial a", "trial 1", CHANGED, lines(3))
    second.end("trial a", "FAILED", reason="the loss is no number")
    child, _ = sorted(runs_of(client), key=lambda run: "mlflow.parentRunId" not in run.data.tags)
    assert len(runs_of(client)) == 2
    history = client.get_metric_history(child.info.run_id, "val_accuracy")
    assert [metric.step for metric in history] == [1, 2, 3]
    assert (child.info.status, child.data.tags["sweep.failed"]) == ("FAILED", "the loss is no number")


def test_no_search_for_models_finds_them(client):
    SweepRuns(client, "rate", PARAMS)
    experiment = client.get_experiment_by_name("digits-sweeps").experiment_id
    assert experiment not in all_experiments(client)
    assert SweepRuns(client, "other", PARAMS).parent != SweepRuns(client, "rate", PARAMS).parent
