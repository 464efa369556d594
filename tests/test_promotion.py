"""Decisions against a real registry in which others delete, move and add things, and processes die half-way.

The stages run once; each test works on a copy of the store.
"""

import gzip
import hashlib
import importlib
import json
import os
import shutil
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from types import SimpleNamespace

import pytest
from project import SAMPLE, Project, change, make_project
from test_walkthrough import LIMITS

from digits.errors import DigitsError
from digits.files import read_json, sha256_file
from digits.params import load_params
from digits.promotion import assess, make_champion, register_run, rollback, version_of_target
from digits.pull import pull_version
from digits.registry import CHALLENGER, CHAMPION, Registry, download_artifact, resolve_model, run_of
from digits.tracking import runs_of_model

pytestmark = pytest.mark.slow


def train_and_register(*before):
    """The stages that a version needs, in this process."""
    from digits.tracking import connect, ensure_run

    for name in (*before, "train", "evaluate"):
        importlib.import_module(f"stages.{name}").main()
    client, params = connect(), load_params()
    register_run(client, Registry(client, "digits"), ensure_run(client, params), params.register_)


def make_versions(folder):
    """1, champion, 2 epochs; 2, worse, 1 epoch; 3, 3 epochs, on other test images. In a process of its own."""
    os.environ.pop("MLFLOW_TRACKING_URI", None)
    os.chdir(folder / "project")
    change(Path("params.yaml"), LIMITS)
    train_and_register("fetch", "preprocess")
    shutil.copytree("data/processed", folder / "first-processed")
    change(Path("params.yaml"), {"train.epochs": 1})
    train_and_register()
    change(Path("params.yaml"), {"train.epochs": 3, **other_test_images(folder / "other")})
    train_and_register("fetch", "preprocess")


def other_test_images(folder):
    """The sample with its test images in the opposite order: other data, on which a model is exactly as good."""
    folder.mkdir()
    values = {"fetch.sources": [{"kind": "folder", "path": str(folder)}]}
    for path in SAMPLE.glob("*.gz"):
        raw = gzip.decompress(path.read_bytes())
        if path.name.startswith("t10k"):
            start, size = (16, 784) if "images" in path.name else (8, 1)
            items = [raw[at : at + size] for at in range(start, len(raw), size)]
            raw = raw[:start] + b"".join(reversed(items))
            key = "test_images" if "images" in path.name else "test_labels"
            values[f"fetch.files.{key}.sha256"] = hashlib.sha256(raw).hexdigest()
        (folder / path.stem).write_bytes(raw)
    return values


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A project with the versions of `make_versions`."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "project").mkdir()
    project = make_project(folder / "project")
    # In this process, another test may have started TensorFlow already, with the threads that it chose.
    with ProcessPoolExecutor(1, get_context("spawn")) as other:
        other.submit(make_versions, folder).result()
    return SimpleNamespace(folder=project.folder, first_processed=folder / "first-processed")


@pytest.fixture
def store(made, tmp_path, monkeypatch):
    """Client, registry and parameters; the current folder is the project's, the store a copy of its own."""
    import mlflow

    from digits.tracking import connect

    shutil.copy(made.folder / "mlflow.db", tmp_path / "mlflow.db")
    monkeypatch.chdir(made.folder)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'mlflow.db'}")
    client = connect()
    params = load_params()
    yield SimpleNamespace(
        client=client, registry=Registry(client, "digits"), params=params, limits=params.register_, made=made
    )
    mlflow.set_tracking_uri(None)


@pytest.fixture
def digits(monkeypatch, capsys):
    """Runs a command; gives its exit code, output and standard error."""
    from digits import cli

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["digits", *arguments])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return ended.value.code or 0, *capsys.readouterr()

    return run


def assert_refused(outcome, *texts):
    code, out, err = outcome
    assert code == 1 and err.startswith("digits: ") and err.count("\n") == 1, (out, err)
    for text in texts:
        assert text in err


def measure(store, number):
    run = run_of(store.client, store.registry.version(number))
    return assess(store.client, store.registry, run, store.limits, store.params.evaluate)


def foreign_version(store):
    """A version that somebody made with MLflow's own means."""
    return str(store.client.create_model_version("digits", source="somewhere/else").version)


def test_a_registration_that_was_interrupted_is_completed(store):
    first, second = (store.registry.version(number) for number in "12")
    store.client.delete_registered_model("digits")
    assert store.registry.aliases() == {} and store.registry.history() == []
    store.registry.create()
    # Killed after it made the version, before it gave the alias.
    store.client.create_model_version("digits", first.source, first.run_id, tags=first.tags)
    outcome = register_run(store.client, store.registry, first.run_id, store.limits)
    assert str(outcome) == "registered as version 1, champion" and store.registry.aliases() == {CHAMPION: "1"}
    assert [gate.passed for gate in outcome.gates] == [True] * 5
    # Once more changes nothing.
    again = register_run(store.client, store.registry, first.run_id, store.limits)
    assert str(again) == "this model is version 1 already" and len(store.registry.history()) == 1
    # Killed after the alias was on record, before it was set: there must be a champion all the same.
    store.client.delete_registered_model_alias("digits", CHAMPION)
    again = register_run(store.client, store.registry, first.run_id, store.limits)
    assert str(again) == "registered as version 1, champion" and store.registry.aliases() == {CHAMPION: "1"}
    outcome = register_run(store.client, store.registry, second.run_id, store.limits, dry_run=True)
    assert outcome.version is None and len(store.registry.versions()) == 1
    outcome = register_run(store.client, store.registry, second.run_id, store.limits)
    assert outcome.version == "2" and store.registry.aliases() == {CHAMPION: "1", CHALLENGER: "2"}


def test_a_run_without_model_is_not_registered(store, digits):
    experiment = store.client.get_experiment_by_name("digits").experiment_id
    running = store.client.create_run(experiment).info.run_id
    failed = store.client.create_run(experiment).info.run_id
    store.client.set_terminated(failed, "FAILED")
    for run_id in (running, failed):
        assert_refused(digits("register", run_id), "has no model")
        assert_refused(digits("promote", run_id), "has no model")
        assert_refused(digits("lineage", run_id), "made no model")
        assert_refused(digits("compare", run_id), "did not get to its end")
        assert_refused(digits("pull", "--alias", run_id, "--to", "nowhere"), f"digits has no {run_id}")


def test_a_rollback_passes_over_deleted_versions(store):
    make_champion(store.registry, "2", "1", "promote", "a test", [])
    make_champion(store.registry, "3", "2", "promote", "a test", [])
    store.client.delete_model_version("digits", "2")
    assert rollback(store.registry, None, "a test").after == "1"


def test_a_rollback_finds_a_champion_where_the_present_one_was_deleted(store, digits):
    make_champion(store.registry, "2", "1", "promote", "a test", [])
    # MLflow takes the alias away as well.
    store.client.delete_model_version("digits", "2")
    assert store.registry.aliases().get(CHAMPION) is None
    assert_refused(digits("lineage", "champion"), "digits has no champion")
    assert rollback(store.registry, None, "a test").after == "1"
    assert store.registry.aliases()[CHAMPION] == "1"
    last = [(change.before, change.after, change.action) for change in store.registry.history()[-2:]]
    assert last == [("2", None, "outside"), (None, "1", "rollback")]
    store.client.delete_model_version("digits", "1")
    with pytest.raises(DigitsError, match="no former champion that is still there"):
        rollback(store.registry, None, "a test")
    # The way out: what passes the absolute gates can be champion again.
    champion, gates = measure(store, "3")
    assert champion is None and len(gates) == 5


def test_a_rollback_of_a_champion_set_in_mlflow_gives_the_one_before(store):
    make_champion(store.registry, "2", "1", "promote", "a test", [])
    store.client.set_registered_model_alias("digits", CHAMPION, "3")
    assert rollback(store.registry, None, "a test").after == "2"
    actions = [change.action for change in store.registry.history() if change.alias == CHAMPION]
    assert actions == ["register", "promote", "outside", "rollback"]


def test_a_rollback_does_not_go_round_the_gates(store):
    with pytest.raises(DigitsError, match="version 2 never was champion: `digits promote 2`"):
        rollback(store.registry, "2", "a test")


def test_a_rollback_to_a_model_whose_file_is_gone_is_refused(store):
    make_champion(store.registry, "2", "1", "promote", "a test", [])
    kept, model_id = ".digits/models", store.client.get_run(store.registry.version("1").run_id).data.tags["model_id"]
    shutil.rmtree(kept)
    store.client.delete_logged_model(model_id)
    with pytest.raises(DigitsError, match="the model's file cannot be read"):
        rollback(store.registry, None, "a test")
    assert store.registry.aliases()[CHAMPION] == "2"


def test_a_newer_challenger_stays(store):
    assert store.registry.aliases()[CHALLENGER] == "3"
    make_champion(store.registry, "2", "1", "promote", "a test", [])
    assert store.registry.aliases() == {CHAMPION: "2", CHALLENGER: "3"}


def test_a_champion_scored_on_other_images_is_scored_again(store, digits):
    champion = store.registry.version("1")
    champion_number, gates = measure(store, "3")
    assert champion_number == "1" and len(gates) == 10
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
    shutil.copytree(store.made.first_processed, "data/processed")
    try:
        gates = measure(store, "2")[1]
        assert len(gates) == 10
    finally:
        shutil.rmtree("data/processed")
        shutil.move("data/other", "data/processed")


def evaluate_anew(project, uri, **settings):
    """Stage evaluate with other parameters; what it leaves in reports/ is for the caller to put back."""
    change(project.folder / "params.yaml", settings)
    project.run("python", "-m", "stages.evaluate", MLFLOW_TRACKING_URI=uri)


@pytest.fixture
def reports_put_back(made, tmp_path):
    folder = made.folder
    for name in ("reports", "params.yaml"):
        source = folder / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, tmp_path / f"kept-{name}")
    yield
    shutil.rmtree(folder / "reports")
    shutil.move(tmp_path / "kept-reports", folder / "reports")
    shutil.move(tmp_path / "kept-params.yaml", folder / "params.yaml")


def test_an_evaluation_by_other_parameters_or_images_leaves_the_registered_one_alone(
    store, digits, tmp_path, reports_put_back
):
    project, uri = Project(store.made.folder), os.environ["MLFLOW_TRACKING_URI"]
    registered = run_of(store.client, store.registry.version("3"))
    before = read_json(download_artifact(store.client, registered.info.run_id, "evaluation/metrics.json"))
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
    shutil.copytree(store.made.first_processed, "data/processed")
    try:
        evaluate_anew(project, uri, **{"evaluate.confidence": 0.95})
    finally:
        shutil.rmtree("data/processed")
        shutil.move("data/other", "data/processed")
    *_, elsewhere = runs_of_model(store.client, registered.data.tags["model_sha256"])
    assert elsewhere.data.tags["test_sha256"] != registered.data.tags["test_sha256"]
    code, out, _ = digits("compare", "3", elsewhere.info.run_id, "--json")
    assert code == 0 and json.loads(out)["models"][1]["verdict"] == "not compared"

    pull_version(store.client, store.registry, "3", tmp_path / "out")
    assert read_json(tmp_path / "out" / "metrics.json") == before
    low = f"{100 * before['test']['accuracy_low']:.2f}"
    assert f"(95% interval {low} to " in (tmp_path / "out" / "model_card.md").read_text()


def test_results_of_another_model_are_not_taken_for_this_ones(store, reports_put_back):
    """As after `dvc repro train` alone: the evaluation on disk is of the model before."""
    from digits import layout, tracking
    from digits.files import write_json
    from digits.sync import sync

    known = len(store.registry.versions())
    model = layout.MODEL.read_bytes()
    try:
        shutil.copy(resolve_model("models:/digits/1").path, layout.MODEL)
        write_json(layout.TRAINING, read_json(layout.TRAINING))
        store.client.delete_run(store.registry.version("1").run_id)
        outcome = sync(store.params)
        assert tracking.evaluation_mark() is None and outcome.version is None
        assert "test_accuracy" not in store.client.get_run(outcome.run_id).data.metrics
        assert len(store.registry.versions()) == known
    finally:
        layout.MODEL.write_bytes(model)


def test_a_dry_run_tells_and_changes_nothing(store, digits):
    run = run_of(store.client, store.registry.version("3"))
    store.client.delete_model_version("digits", "3")
    aliases, records = store.registry.aliases(), len(store.registry.history())
    code, out, _ = digits("register", run.info.run_id, "--dry-run")
    assert code == 0 and "not registered, but would be: dry run" in out
    code, out, _ = digits("promote", run.info.run_id, "--dry-run")
    # All gates of registration hold: it is compared with the champion as a version would be.
    assert "against champion 1" in out and "Better accuracy on" in out and "dry run, nothing changed" in out
    assert [str(version.version) for version in store.registry.versions()] == ["1", "2"]
    assert store.registry.aliases() == aliases and len(store.registry.history()) == records


def test_a_changed_artifact_is_refused_whichever_it_is(store, tmp_path):
    from urllib.parse import urlparse

    run = run_of(store.client, store.registry.version("1"))
    location = store.client.get_logged_model(run.data.tags["model_id"]).artifact_location
    mlmodel = Path(urlparse(location).path) / "MLmodel"
    text = mlmodel.read_text()
    try:
        mlmodel.write_text(f"{text}evil: 1\n")
        with pytest.raises(DigitsError, match="version 1: MLmodel changed since it was registered: refused"):
            pull_version(store.client, store.registry, "1", tmp_path / "out")
    finally:
        mlmodel.write_text(text)
    assert not (tmp_path / "out").exists()


def test_what_to_pull_is_named_once_and_rightly(store, digits, tmp_path):
    assert_refused(digits("pull", "--alias", "prod"), "digits has no prod (aliases: ")
    code, _, err = digits("pull", "--alias", "champion", "--version", "1", "--to", str(tmp_path / "out"))
    assert code == 2 and "name two models" in err
    assert_refused(digits("lineage", ""), "the name is empty")
    code, _, err = digits("compare", "--json", "--csv")
    assert code == 2


def test_a_reproduction_goes_by_its_name_as_well(store):
    run = run_of(store.client, store.registry.version("2"))
    experiment = store.client.get_experiment_by_name("digits").experiment_id
    tags = {"reproduction_of": run.info.run_id, "dvc_experiment": "thr"}
    store.client.create_run(experiment, run_name="thr epochs=1", tags=tags)
    for name in ("thr", "thr epochs=1"):
        assert version_of_target(store.client, store.registry, name) == "2"


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


def test_a_run_that_mlflow_deleted_for_good_is_named(store, digits):
    version = store.registry.version("2")
    store.client.delete_run(version.run_id)
    # As long as `mlflow gc` has not come, everything is still there.
    assert digits("promote", "2", "--dry-run")[0] == 1
    import sqlite3

    path = os.environ["MLFLOW_TRACKING_URI"].removeprefix("sqlite:///")
    with sqlite3.connect(path) as database:
        for table in ("metrics", "latest_metrics", "params", "tags", "runs"):
            database.execute(f"DELETE FROM {table} WHERE run_uuid = ?", [version.run_id])
    for command in (["promote", "2"], ["pull", "--version", "2"], ["lineage", "2"], ["compare", "1", "2"]):
        assert_refused(digits(*command), version.run_id)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "0",
        "-1",
        "99",
        "²",
        "models:/",
        "models:/digits",
        "models:/digits/0",
        "models:/digits@nobody",
        "models:/other/1",
        "champion@x",
        "@champion",
        "runs:/",
        "runs:/abc",
        "it's",
        "%",
        "_",
        "Champion",
    ],
)
def test_odd_names_are_refused_in_one_line(store, digits, name):
    for command in (["promote"], ["register"] if name else ["promote"], ["lineage"], ["compare", "1"]):
        # compare takes an empty name for one that was left out.
        if name or command != ["compare", "1"]:
            code, _, err = digits(*command, "--", name)
            assert code == 1 and err.startswith("digits: ") and "Traceback" not in err
    # To pull, an empty name is one that was left out, too.
    if name:
        assert_refused(digits("pull", "--to", "nowhere", f"--alias={name}"))
    if name:
        assert_refused(digits("pull", "--to", "nowhere", f"--version={name}"))
        assert_refused(digits("rollback", f"--to={name}"))
        with pytest.raises(DigitsError):
            resolve_model(name)
    assert store.registry.aliases() == {CHAMPION: "1", CHALLENGER: "3"}


def test_names_of_a_version(store):
    store.client.set_registered_model_alias("digits", "stable", "2")
    run = store.client.get_run(store.registry.version("2").run_id)
    for name in (
        "2",
        "stable",
        "models:/digits/2",
        "models:/digits@stable",
        run.info.run_id,
        f"runs:/{run.info.run_id}",
    ):
        assert version_of_target(store.client, store.registry, name) == "2"
    assert version_of_target(store.client, store.registry, CHAMPION) == "1"


def test_a_deleted_history_is_named(store, digits):
    tags = store.client.get_registered_model("digits").tags
    store.client.delete_run(tags["history_run"])
    for command in (["history"], ["promote", "2", "--force", "--reason", "x"], ["rollback"]):
        assert_refused(digits(*command), f"`mlflow runs restore --run-id {tags['history_run']}`")
    assert store.registry.aliases()[CHAMPION] == "1"
    store.client.restore_run(tags["history_run"])
    assert len(store.registry.history()) == 3
    store.client.delete_registered_model_tag("digits", "history_run")
    assert_refused(digits("history"), "the history of digits is gone")


def test_a_deleted_experiment_is_named(store, digits):
    store.client.delete_experiment(store.client.get_experiment_by_name("digits").experiment_id)
    assert_refused(digits("history"), "`mlflow experiments restore --experiment-id ")


def test_a_reason_that_mlflow_would_cut_is_refused(store, digits):
    """Cut, the record would be no JSON any more, and the whole history unreadable."""
    assert_refused(digits("promote", "2", "--force", "--reason", "x" * 6000), "give a shorter --reason")
    assert digits("promote", "2", "--force", "--reason", "ü" * 2000 + '"\n\\')[0] == 0
    assert store.registry.history()[-1].why == "ü" * 2000 + '"\n\\'


def test_pull_replaces_only_what_it_wrote(store, tmp_path, monkeypatch):
    def pull(target, number="1"):
        return pull_version(store.client, store.registry, number, target)

    target = tmp_path / "out"
    target.mkdir()
    pull(target)
    tagged = store.registry.version("1").tags["model_sha256"]
    assert sha256_file(target / "model.keras") == tagged
    pull(target, "2")
    assert sha256_file(target / "model.keras") == store.registry.version("2").tags["model_sha256"]
    (target / "notes.txt").write_text("mine")
    with pytest.raises(DigitsError, match="holds more than an earlier pull"):
        pull(target)
    # A file of checksums does not make somebody's folder one of ours.
    images = tmp_path / "images"
    images.mkdir()
    (images / "SHA256SUMS").write_text("0  debian.iso\n")
    (images / "disk.iso").touch()
    (tmp_path / "file").touch()
    for other in (images, tmp_path / "file"):
        with pytest.raises(DigitsError, match="holds more"):
            pull(other)
    link = tmp_path / "link"
    (target / "notes.txt").unlink()
    link.symlink_to(target)
    pull(link)
    assert link.is_symlink() and sha256_file(target / "model.keras") == tagged
    monkeypatch.chdir(target)
    with pytest.raises(DigitsError, match="the folder that you are in"):
        pull(target)
    assert {path.name for path in tmp_path.iterdir()} == {"mlflow.db", "out", "images", "file", "link"}


def test_pull_into_a_place_that_cannot_be_written_is_one_line(store, digits, tmp_path):
    (tmp_path / "file").touch()
    assert_refused(digits("pull", "--to", str(tmp_path / "file" / "model")), str(tmp_path / "file"))


def test_nothing_is_made_where_there_is_no_project(store, digits, tmp_path, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.chdir(empty)
    for command in (["pull"], ["history"], ["lineage"], ["rollback"], ["predict", "seven.png"], ["ui"]):
        assert_refused(digits(*command), "no params.yaml here and no MLFLOW_TRACKING_URI")
    assert list(empty.iterdir()) == []


def test_runs_of_the_same_name_are_told_apart(store, digits):
    from digits.candidates import load_candidates

    runs = [store.registry.version(number).run_id for number in "12"]
    for run_id in runs:
        store.client.update_run(run_id, name="twins")
    found = load_candidates(store.client, store.registry, runs)
    assert {key: candidate.name for key, candidate in found.items()} == {
        run_id: f"twins {run_id[:8]}" for run_id in runs
    }
    for use in (version_of_target, lambda *arguments: load_candidates(*arguments[:2], [arguments[2]])):
        with pytest.raises(DigitsError, match="twins: 2 runs are called so"):
            use(store.client, store.registry, "twins")
    # The baseline by the id that was typed, though the table calls it otherwise.
    code, out, _ = digits("compare", *runs, "--baseline", runs[1], "--json")
    assert code == 0 and json.loads(out)["baseline"] == f"twins {runs[1][:8]}"
    newest = list(load_candidates(store.client, store.registry, []).values())
    assert newest[0].name == CHAMPION and len({candidate.model_sha256 for candidate in newest}) == len(newest) == 3


def test_lineage_says_how_to_build_it_again(store):
    from digits.lineage import describe, lineage_of, rebuild

    found = lineage_of(store.client, store.registry, "2")
    assert found.versions == {"2": []} and found.dirty and found.changed_files == ["params.yaml"]
    assert found.changed["train.epochs"] == 1 and found.reproductions == 0
    assert found.rebuild[-1].startswith("dvc exp run -S ") and "-S train.epochs=1" in found.rebuild[-1]
    text = describe(found)
    for fact in (found.model_sha256, found.run_id, found.commit, "train.epochs=1", found.data_digest):
        assert fact in text
    for broken in (replace(found, commit=None), replace(found, untracked_files=["stages/mine.py"])):
        with pytest.raises(DigitsError, match="cannot be rebuilt: it was made from"):
            rebuild(store.client, broken)


def test_the_card_tells_the_facts(store):
    version = store.registry.version("1")
    text = download_artifact(store.client, version.run_id, "model_card.md").read_text()
    test = read_json(download_artifact(store.client, version.run_id, "evaluation/metrics.json"))["test"]
    assert text.startswith("# Model card: digits version 1\n") and f"**{100 * test['accuracy']:.2f} %**" in text
    for fact in (version.tags["model_sha256"], version.run_id, "CC BY-SA 3.0", "| `train.epochs` | 2 |"):
        assert fact in text
    weak = sorted(test["per_class"], key=lambda name: test["per_class"][name]["f1"])[:2]
    assert f"The lowest F1 have {weak[0]} and {weak[1]}." in text


def test_entry_points_of_mlproject(store, tmp_path):
    """With defaults alone; MLflow's own run of each is no training, and is not taken for one."""
    make_champion(store.registry, "2", "1", "promote", "a test", [])
    project = Project(store.made.folder)
    uri = os.environ["MLFLOW_TRACKING_URI"]

    def run(entry, *settings, code=0):
        words = [word for setting in settings for word in ("-P", setting)]
        command = ("mlflow", "run", ".", "--env-manager", "local", "-e", entry, *words)
        done = project.run(*command, check=False, MLFLOW_TRACKING_URI=uri)
        assert done.returncode == code, (done.stdout, done.stderr)
        return done

    assert "champion is version 1 again, was 2" in run("rollback").stdout
    assert f"digits: version 1 is in {tmp_path / 'out'}" in run("pull", f"to={tmp_path / 'out'}").stdout
    assert "digits: version 1 is champion already\n" in run("promote", "target=champion", code=1).stderr
    compared = run("compare").stdout
    assert "champion" in compared and "digits compare" not in compared
    (experiment,) = [e for e in store.client.search_experiments() if e.name == "Default"]
    runs = store.client.search_runs([experiment.experiment_id], order_by=["attributes.start_time ASC"])
    assert [(run.info.run_name, run.info.status) for run in runs] == [
        ("digits rollback", "FINISHED"),
        ("digits pull", "FINISHED"),
        ("digits promote", "FAILED"),
        ("digits compare", "FINISHED"),
    ]
    assert not any("model_sha256" in run.data.tags or run.data.metrics for run in runs)
