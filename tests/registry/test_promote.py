"""Promoting, in a registry in which others add, move and delete things."""

import json
import os
import shutil
from pathlib import Path

import pytest
from support.decisions import assert_refused
from support.project import Project, change

from digits.files import read_json, sha256_file
from digits.registry.aliases import make_champion
from digits.registry.history import CHALLENGER, CHAMPION
from digits.registry.promote import assess, promote
from digits.registry.pull import pull
from digits.registry.resolve import resolve_run
from digits.registry.versions import Registry, run_of
from digits.tracking import artifacts
from digits.tracking.find import runs_of_model

pytestmark = pytest.mark.slow


def measure(store, number):
    return assess(store.registry, resolve_run(number, store.registry), store.limits, store.params.evaluate)


def foreign_version(store):
    """A version that somebody made with MLflow's own means."""
    return str(store.client.create_model_version("digits", source="somewhere/else").version)


def evaluate_anew(project, uri, **settings):
    """Stage evaluate with other parameters, and stage register, which records what it left."""
    change(project.folder / "params.yaml", settings)
    for stage in ("evaluate", "register"):
        project.run("python", "-m", "stages", stage, MLFLOW_TRACKING_URI=uri)


def test_a_newer_challenger_stays(store):
    assert store.registry.aliases()[CHALLENGER] == "3"
    make_champion(store.registry, "2", "1", "promote", "a test", [])
    assert store.registry.aliases() == {CHAMPION: "2", CHALLENGER: "3"}


def test_a_champion_scored_on_other_images_is_scored_again(store, digits):
    champion = store.registry.version("1")
    champion_number, gates = measure(store, "3")
    assert champion_number == "1" and len(gates) == 11
    # The same images in another order: exactly as many right.
    recorded = float(champion.tags["test_accuracy"])
    better = next(gate for gate in gates if gate.name.startswith("Better accuracy"))
    assert f"({recorded:.2%} → " in better.observed
    # Version 2 was scored on images that are not in data/processed any more, so nothing can be compared.
    make_champion(store.registry, "3", "1", "promote", "a test", [])
    *_, last = measure(store, "2")[1]
    assert not last.passed and "scored on other test data" in last.observed
    assert_refused(digits("promote", "2"), "version 2 refused: ", "champion stays 3")
    shutil.move("data/processed", "data/other")
    shutil.copytree(store.first_processed, "data/processed")
    try:
        gates = measure(store, "2")[1]
        assert len(gates) == 11
    finally:
        shutil.rmtree("data/processed")
        shutil.move("data/other", "data/processed")


@pytest.mark.long
def test_an_evaluation_by_other_parameters_or_images_leaves_the_registered_one_alone(store, digits, tmp_path):
    project, uri = Project(store.folder), os.environ["MLFLOW_TRACKING_URI"]
    registered = run_of(store.client, store.registry.version("3"))
    before = read_json(artifacts.download(store.client, registered.info.run_id, "evaluation/metrics.json"))
    evaluate_anew(project, uri, **{"evaluate.confidence": 0.5})
    first, again = runs_of_model(store.client, registered.data.tags["model_sha256"])
    assert first.info.run_id == registered.info.run_id == again.data.tags["same_model_as"]
    assert again.data.params["evaluate.confidence"] == "0.5"
    assert again.data.metrics["test_accuracy_low"] > registered.data.metrics["test_accuracy_low"]
    assert store.client.get_run(registered.info.run_id).data.metrics == registered.data.metrics
    # Once more with the same finds the run that it made.
    evaluate_anew(project, uri)
    assert len(runs_of_model(store.client, registered.data.tags["model_sha256"])) == 2

    # The same model on the other test images.
    shutil.move("data/processed", "data/other")
    shutil.copytree(store.first_processed, "data/processed")
    try:
        evaluate_anew(project, uri, **{"evaluate.confidence": 0.95})
    finally:
        shutil.rmtree("data/processed")
        shutil.move("data/other", "data/processed")
    *_, elsewhere = runs_of_model(store.client, registered.data.tags["model_sha256"])
    assert elsewhere.data.tags["test_sha256"] != registered.data.tags["test_sha256"]
    code, out, _ = digits("compare", "3", elsewhere.info.run_id, "--json")
    assert code == 0 and json.loads(out)["models"][1]["verdict"] == "not compared"

    pull(store.client, store.registry.version("3"), tmp_path / "out")
    assert read_json(tmp_path / "out" / "metrics.json") == before
    low = f"{100 * before['test']['accuracy_low']:.2f}"
    assert f"(95% interval {low} to " in (tmp_path / "out" / "model_card.md").read_text()


def test_a_champion_made_by_others_can_be_replaced_by_force_alone(store, digits):
    number = foreign_version(store)
    store.client.set_registered_model_alias("digits", CHAMPION, number)
    code, _, err = digits("promote", "2")
    assert code == 1 and err == f"digits: version 2 refused: Compared with the champion; champion stays {number}\n"
    assert digits("promote", "2", "--force", "--reason", "ours again")[0] == 0
    assert store.registry.aliases()[CHAMPION] == "2"
    assert store.registry.history()[-1].gates[-1]["passed"] is False
    for command in (["promote", number], ["pull", "--version", number], ["lineage", number], ["compare", "1", number]):
        assert_refused(digits(*command))


def test_any_caller_can_promote(store):
    """A server or a scheduled job has no command line."""
    model = resolve_run("2", store.registry)
    outcome = promote(store.registry, model, store.params)
    assert (
        not outcome.promoted and outcome.champion == "1" and outcome.failed[0] == "Better accuracy on the same images"
    )
    assert store.registry.aliases()[CHAMPION] == "1"
    outcome = promote(store.registry, model, store.params, force=True, why="a drill")
    assert outcome.promoted and outcome.version == "2" and store.registry.aliases()[CHAMPION] == "2"
    assert store.registry.history()[-1].why == "a drill"


@pytest.fixture
def team(store):
    """Registered models of candidates and of champions, both still empty, and the runs that have models."""
    change(store.folder / "params.yaml", {"register.model_name": "team", "register.candidates_name": "team-candidates"})
    runs = [run_of(store.client, version).info.run_id for version in store.registry.versions()]
    return Registry(store.client, "team", "team-candidates"), runs


def test_a_candidate_becomes_champion_by_a_copy(store, digits, team):
    registry, (first, worse, *_) = team
    code, out, _ = digits("register", first)
    assert code == 0 and out.endswith("registered as version 1, challenger\n")
    assert registry.aliases() == {} and registry.candidates.aliases() == {CHALLENGER: "1"}
    assert digits("promote")[:2][1].endswith("digits: version 1 is champion now\n")
    assert registry.aliases() == {CHAMPION: "1"} and registry.candidates.aliases() == {CHALLENGER: "1"}
    assert_refused(digits("promote", "challenger"), "version 1 is champion already")
    assert digits("pull", "--to", "pulled")[0] == 0
    # The challenger is a candidate, and can be tried before it is promoted.
    for words in (["challenger"], ["--alias", "challenger"], ["models:/team-candidates@challenger"]):
        assert digits("pull", *words, "--to", "candidate")[0] == 0
        assert sha256_file("candidate/model.keras") == registry.candidates.version("1").tags["model_sha256"]
    assert digits("pull", "challenger", "--lock", "team.lock")[0] == 0
    lock = json.loads(Path("team.lock").read_text())
    assert (lock["model"], lock["alias"]) == ("team-candidates", "challenger")
    assert (
        digits("pull", "--lock", "team.lock", "--outdated")[1] == "digits: challenger is version 1, as team.lock says\n"
    )
    assert digits("pull", "--lock", "team.lock")[0] == 0
    assert "# Model card: team-candidates version 1" in open("pulled/model_card.md").read()  # noqa: PTH123, SIM115
    digits("register", worse)
    assert_refused(digits("rollback", "--to", "challenger"), "challenger is a candidate", "`digits promote challenger`")
    assert_refused(digits("promote", worse), "candidate 2 refused: Better accuracy", "champion stays 1")
    assert len(registry.versions()) == 1
    _, out, _ = digits("promote", "models:/team-candidates/2", "--force", "--reason", "a drill")
    assert out.endswith("digits: version 2 is champion now, was 1\n")
    assert digits("rollback")[1] == "digits: champion is version 1 again, was 2\n"
    # Those who train record looks, and may write the candidates' history alone.
    assert registry.changes.records("look-") == [] and len(registry.candidates.changes.records("look-")) == 1


def test_a_promotion_that_the_server_does_not_allow_is_one_line(store, digits, team, monkeypatch):
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException
    from mlflow.protos.databricks_pb2 import PERMISSION_DENIED

    def denied(*arguments, **options):
        raise MlflowException(
            "failed with error code 403 != 200. Response body: 'Permission denied'", PERMISSION_DENIED
        )

    registry, (first, *_) = team
    digits("register", first)
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "tara")
    monkeypatch.setattr(MlflowClient, "create_model_version", denied)
    assert_refused(digits("promote"), "does not allow user tara to promote, champion stays (none)")
    assert registry.aliases() == {} and registry.history() == []
