"""A record is written once: what the shell names, and what MLflow's own commands do, changes no run and no version."""

import shutil

import pytest
from support.decisions import assert_refused
from support.long import long_after
from support.stores import collect_garbage

from digits.files import sha256_file
from digits.params import load_params
from digits.registry.pull import pull
from digits.registry.register import register
from digits.registry.resolve import resolve, resolve_run
from digits.registry.sync import sync
from digits.registry.version_files import model_id_of
from digits.registry.versions import Registry
from digits.tracking.run import project_run

pytestmark = pytest.mark.slow

# The states that a run can be in when the shell names it, without one that `mlflow run` has just begun.
STATES = ("finished", "champion's", "failed", "killed", "deleted", "someone's, running", "of no store", "of a training")


@pytest.fixture
def named(store, monkeypatch):
    """A function that makes a run in a state, names it in the shell, and returns its id."""

    def name(state):
        client = store.client
        experiment = client.get_experiment_by_name("digits").experiment_id
        if state == "champion's":
            run_id = store.registry.version("1").run_id
        elif state == "of no store":
            run_id = "0" * 32
        else:
            tags = {"mlflow.project.entryPoint": "main"} if state != "someone's, running" else {}
            if state == "of a training":
                tags["process"] = "another 1 2"
            run_id = client.create_run(experiment, run_name="theirs", tags=tags).info.run_id
            client.log_param(run_id, "their", "parameter")
            status = {"finished": "FINISHED", "failed": "FAILED", "killed": "KILLED", "deleted": "FINISHED"}.get(state)
            if status:
                client.set_terminated(run_id, status)
            if state == "deleted":
                client.delete_run(run_id)
        monkeypatch.setenv("MLFLOW_RUN_ID", run_id)
        return run_id

    return name


def facts(client, run_id):
    """All that a run says."""
    try:
        run = client.get_run(run_id)
    except Exception:  # noqa: BLE001 - there is none
        return None
    return run.to_dictionary()


@pytest.mark.parametrize("state", long_after(3, STATES))
def test_no_command_changes_a_run_that_the_shell_names(store, digits, named, tmp_path, state):
    run_id = named(state)
    before = facts(store.client, run_id)
    assert project_run(store.client) is None
    for command in (
        ["compare"],
        ["pull", "--to", str(tmp_path / "out")],
        ["promote", "2", "--dry-run"],
        ["promote", "2"],
        ["rollback"],
        ["register", "3"],
        ["lineage", "1"],
        ["history"],
        ["sync"],
    ):
        digits(*command)
        assert facts(store.client, run_id) == before, command


def test_a_training_never_goes_into_a_run_that_the_shell_names(store, named, capsys):
    """If it is the champion's, `models:/digits@champion` would answer with the new model."""
    from digits.tracking.run import start_run

    champion = resolve("champion", lambda: store.registry).sha256
    for state in STATES:
        run_id = named(state)
        before = facts(store.client, run_id)
        own = start_run(store.client, store.params)
        store.client.set_terminated(own)
        assert own != run_id and facts(store.client, run_id) == before
        assert f"MLFLOW_RUN_ID names {run_id}, which no `mlflow run` waits for" in capsys.readouterr().out
    assert resolve("champion", lambda: store.registry).sha256 == champion


def test_the_run_that_mlflow_run_began_is_taken_once(store, monkeypatch):
    from digits.tracking.run import start_run

    experiment = store.client.get_experiment_by_name("digits").experiment_id
    tags = {"mlflow.project.entryPoint": "main"}
    run_id = store.client.create_run(experiment, tags=tags).info.run_id
    monkeypatch.setenv("MLFLOW_RUN_ID", run_id)
    assert project_run(store.client).info.run_id == run_id
    assert start_run(store.client, store.params) == run_id
    # The second training of the same shell, as in a sweep.
    assert start_run(store.client, store.params) != run_id
    # DVC's temporary copies have the same shell.
    store.client.delete_tag(run_id, "process")
    copy = store.folder / ".dvc" / "tmp" / "exps" / "standalone" / "x"
    copy.mkdir(parents=True)
    monkeypatch.chdir(copy)
    assert project_run(store.client) is None


def test_a_version_is_what_its_own_tags_say(store, digits):
    """Somebody writes another model into the run that the champion was registered from."""
    version = store.registry.version("1")
    other = store.registry.version("2").tags["model_sha256"]
    store.client.set_tag(version.run_id, "model_sha256", other)
    store.client.log_text(version.run_id, '{"test": {"accuracy": 0.123}}', "evaluation/metrics.json")
    found = resolve("champion", lambda: store.registry)
    assert found.sha256 == version.tags["model_sha256"] == sha256_file(found.file())
    assert found.accuracy == float(version.tags["test_accuracy"])
    assert digits("pull", "--to", "away")[0] == 0
    assert sha256_file("away/model.keras") == version.tags["model_sha256"]
    assert_refused(digits("lineage", "champion"), "no run of this store has a model with these bytes")


def test_a_second_registration_leaves_the_first_version_as_it_is(store, tmp_path):
    """Under another `register.model_name` the same run becomes another version, with a card of its own."""
    elsewhere = Registry(store.client, "digits-for-forms")
    outcome = register(elsewhere, resolve_run("1", store.registry), store.limits)
    assert str(outcome) == "registered as version 1, champion"
    for registry in (store.registry, elsewhere):
        folder = pull(store.client, registry.version("1"), tmp_path / registry.name)
        assert (folder / "model_card.md").read_text().startswith(f"# Model card: {registry.name} version 1\n")


def test_mlflows_own_client_may_load_the_model(store, digits):
    """On a local store it writes a file of its own into the model's folder."""
    import mlflow

    loaded = mlflow.keras.load_model("models:/digits@champion")
    assert loaded.output_shape == (None, 10)
    assert mlflow.pyfunc.load_model("models:/digits/1").metadata.signature is not None
    assert list((store.folder / "mlartifacts").rglob("registered_model_meta"))
    assert digits("pull", "--to", "away")[0] == 0
    assert "registered_model_meta" not in (store.folder / "away" / "SHA256SUMS").read_text()
    assert not (store.folder / "away" / "registered_model_meta").exists()


def test_a_deleted_run_is_restored_by_the_command_that_is_named(store, digits):
    """models/ holds version 3."""
    run_id = store.registry.version("3").run_id
    store.client.delete_run(run_id)
    assert_refused(digits("sync"), f"was deleted: `mlflow runs restore --run-id {run_id}` brings it back")
    store.client.restore_run(run_id)
    code, out, _ = digits("sync")
    assert code == 0 and run_id in out


def test_after_gc_the_record_comes_back_from_the_files(store, digits):
    run_id, model_id = store.registry.version("3").run_id, model_id_of(store.registry.version("3"))
    store.client.delete_run(run_id)
    collect_garbage(store.folder / "mlflow.db", run_id)
    code, out, _ = digits("lineage", "3")
    assert code == 1
    code, out, err = digits("sync")
    assert code == 0 and run_id not in out, err
    for command in (["lineage", "3"], ["compare", "1", "3"], ["pull", "3", "--to", "away"], ["register"]):
        assert digits(*command)[0] == 0, command
    # The version is the one that it was, and there is no other.
    assert [str(version.version) for version in store.registry.versions()] == ["1", "2", "3"]
    assert model_id_of(store.registry.version("3")) == model_id
    # Its logged model is deleted as well: another one with the same bytes serves.
    store.client.delete_logged_model(model_id)
    shutil.rmtree(store.folder / ".digits" / "models")
    assert sha256_file(resolve("3", lambda: store.registry).file()) == store.registry.version("3").tags["model_sha256"]


def test_a_deleted_history_experiment_is_restored_by_the_command_that_is_named(store, digits):
    """Its runs are deleted with it. Restoring the run alone would last until the next `mlflow gc`."""
    experiment = store.client.get_experiment_by_name("digits-history")
    run_id = store.client.get_registered_model("digits").tags["history_run"]
    store.client.delete_experiment(experiment.experiment_id)
    command = f"`mlflow experiments restore --experiment-id {experiment.experiment_id}`"
    assert_refused(digits("history"), command)
    store.client.restore_run(run_id)
    assert_refused(digits("history"), command)
    store.client.restore_experiment(experiment.experiment_id)
    assert digits("history")[0] == 0


def test_an_alias_whose_version_was_deleted_counts_as_none(store, digits):
    """Servers before MLflow 2.20 leave such aliases behind."""
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(store.folder / "mlflow.db")) as database, database:
        database.execute("UPDATE registered_model_aliases SET version = 9 WHERE alias = 'champion'")
    assert "champion" not in store.registry.aliases()
    code, out, err = digits("promote", "1")
    assert "digits: champion names version 9, which was deleted: it counts as none\n" in err
    assert code == 0 and "version 1 is champion now" in out
    changes = [(c.before, c.after, c.action) for c in store.registry.history() if c.alias == "champion"][-2:]
    assert changes == [("1", None, "outside"), (None, "1", "promote")]


def test_a_moved_project_is_known_before_anything_else(store, digits, monkeypatch):
    """`mv p q`: MLflow would make the old folder anew and write there."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    moved = store.folder.with_name("moved")
    store.folder.rename(moved)
    monkeypatch.chdir(moved)
    for command in (["compare"], ["history"], ["sync"], ["register"], ["promote", "2"], ["predict", "x.png"], ["ui"]):
        assert_refused(digits(*command), f"keeps its artifacts in {store.folder / 'mlartifacts'}, which is not there")
    assert not store.folder.exists()
    code, out, err = digits("relocate")
    assert code == 0 and f"that named {store.folder} name {moved} now" in out, err
    assert digits("pull", "--to", "away")[0] == 0 and digits("compare", "1", "2")[0] == 0
    assert_refused(digits("relocate"), "name its own folder already")
    assert (moved / "mlflow.db.before-relocate").is_file()


def test_a_copied_project_writes_nothing_into_the_first_one(store, digits, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    copied = store.folder.with_name("copied")
    shutil.copytree(store.folder, copied, symlinks=True)
    before = sorted(path for path in store.folder.rglob("*"))
    monkeypatch.chdir(copied)
    assert_refused(digits("sync"), f"is a copy of {store.folder / 'mlflow.db'}", "`digits relocate`")
    assert digits("relocate")[0] == 0
    assert digits("sync")[0] == 0 and digits("pull", "--to", "away")[0] == 0
    assert sorted(path for path in store.folder.rglob("*")) == before


def test_a_store_whose_artifacts_are_gone_is_not_called_complete(store, digits):
    """As after a restored database without its artifacts."""
    run = resolve_run("3", store.registry).require_run()
    shutil.rmtree(store.folder / "mlartifacts" / run.info.run_id)
    code, out, err = digits("sync")
    assert code == 1 and "is complete" not in out
    assert_refused((code, out, err), f"run {run.info.run_id} is in the store, but its artifacts cannot be read")
    # The way out that is named.
    store.client.delete_run(run.info.run_id)
    collect_garbage(store.folder / "mlflow.db", run.info.run_id)
    outcome = sync(store.registry, load_params())
    assert outcome.run_id != run.info.run_id and digits("compare", "3")[0] == 0


def test_the_registry_cannot_be_elsewhere(store, digits, monkeypatch):
    monkeypatch.setenv("MLFLOW_REGISTRY_URI", f"sqlite:///{store.folder / 'other.db'}")
    for command in (["history"], ["register"], ["predict", "x.png"], ["sync"]):
        assert_refused(digits(*command), "one project has one store, unset MLFLOW_REGISTRY_URI")
    assert not (store.folder / "other.db").exists()
