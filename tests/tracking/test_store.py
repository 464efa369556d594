"""Where the MLflow store is, and what is said of one that cannot be used."""

import pytest

from digits.errors import DigitsError
from digits.tracking.store import all_experiments, connect, search_runs


@pytest.mark.slow
@pytest.mark.parametrize("uri", [None, "sqlite:///mine.db", "sqlite:///{folder}/mine.db"])
def test_a_throw_away_copy_of_dvcs_queue_shares_the_store_and_its_artifacts(folder, monkeypatch, uri):
    copy = folder / ".dvc" / "tmp" / "exps" / "standalone" / "abc"
    copy.mkdir(parents=True)
    (copy / "dvc.yaml").touch()
    if uri:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri.format(folder=folder))
    monkeypatch.chdir(copy)
    experiment = connect().get_experiment_by_name("digits")
    assert (folder / ("mine.db" if uri else "mlflow.db")).is_file()
    assert experiment.artifact_location == (folder / "mlartifacts").as_uri()
    # Without it, MLflow's interface is that for language models.
    assert experiment.tags["mlflow.experimentKind"] == "custom_model_development"
    assert [path.name for path in copy.iterdir()] == ["dvc.yaml"]


def test_an_experiment_that_mlflow_run_made_gets_its_kind(folder, monkeypatch):
    from mlflow import MlflowClient

    MlflowClient(f"sqlite:///{folder / 'mlflow.db'}").create_experiment("digits")
    client = connect()
    assert client.get_experiment_by_name("digits").tags["mlflow.experimentKind"] == "custom_model_development"


@pytest.mark.parametrize(
    ("uri", "content", "words"),
    [
        ("sqlite:///mlflow.db", b"no database, but long enough", "is no SQLite database"),
        ("sqlite:///mlflow.db", b"SQLite format 3\0" + bytes(2000), "does not answer"),
        ("sqlite:///absent/mlflow.db", None, "cannot be written"),
        ("postgresql://nobody@127.0.0.1:9/x", None, "needs the package psycopg[binary]"),
        ("http://[bad", None, "does not answer"),
        ("nonsense://x", None, "does not answer"),
    ],
)
def test_a_store_that_cannot_be_used_is_one_line(folder, monkeypatch, uri, content, words):
    if content is not None:
        (folder / "mlflow.db").write_bytes(content)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    with pytest.raises(DigitsError) as refused:
        connect()
    assert words in str(refused.value) and "\n" not in str(refused.value)


@pytest.mark.slow
def test_every_page_is_read(client):
    """MLflow answers in pages of at most 1,000."""
    for number in range(1005):
        client.create_experiment(f"e{number:04d}")
    assert len(all_experiments(client)) == 1007
    oldest = client.get_experiment_by_name("e0000").experiment_id
    run = client.create_run(oldest, run_name="the one").info.run_id
    assert [found.info.run_id for found in search_runs(client, "attributes.run_name = 'the one'")] == [run]
