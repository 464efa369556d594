"""One grammar of names for every command: each name of a model × each command that takes a model."""

import json

import pytest
from support.decisions import assert_refused
from support.long import long_after
from support.reports import REPORTS, TEST
from support.stores import collect_garbage

from digits import paths
from digits.errors import DigitsError
from digits.registry.history import CHALLENGER, CHAMPION
from digits.registry.resolve import resolve, resolve_all, resolve_version
from digits.registry.versions import run_of

pytestmark = pytest.mark.slow


def test_where_there_is_no_champion_it_is_said_how_to_get_one(registry):
    with pytest.raises(DigitsError, match=r"digits has no champion \(aliases: none\): `digits register`"):
        resolve("models:/digits@champion", lambda: registry)


def test_a_reproduction_goes_by_its_name_as_well(store):
    run = run_of(store.client, store.registry.version("2"))
    experiment = store.client.get_experiment_by_name("digits").experiment_id
    tags = {"reproduction_of": run.info.run_id, "dvc_experiment": "thr"}
    store.client.create_run(experiment, run_name="thr epochs=1", tags=tags)
    for name in ("thr", "thr epochs=1"):
        assert resolve_version(name, store.registry) == "2"


def test_a_version_outlives_its_run(store, digits, tmp_path):
    """It is what its own tags and files say."""
    version = store.registry.version("2")
    store.client.delete_run(version.run_id)
    # As long as `mlflow gc` has not come, everything is still there.
    assert digits("promote", "2", "--dry-run")[0] == 1
    collect_garbage(store.folder / "mlflow.db", version.run_id)
    assert resolve("2", lambda: store.registry).accuracy == float(version.tags["test_accuracy"])
    assert digits("pull", "2", "--to", str(tmp_path / "out"))[0] == 0
    for command in (["promote", "2"], ["lineage", "2"]):
        assert_refused(digits(*command), "no run of this store has a model with these bytes", "`digits sync`")


@pytest.mark.parametrize(
    "name",
    long_after(
        6,
        [
            "",
            "0",
            "models:/other/1",
            "champion@x",
            "runs:/abc",
            "it's",
            "-1",
            "99",
            "²",
            "models:/",
            "models:/digits",
            "models:/digits/0",
            "models:/digits@nobody",
            "@champion",
            "runs:/",
            "%",
            "_",
            "Champion",
        ],
    ),
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
            resolve(name, lambda: store.registry)
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
        assert resolve_version(name, store.registry) == "2"
    assert resolve_version(CHAMPION, store.registry) == "1"


def test_runs_of_the_same_name_are_told_apart(store, digits):
    runs = [store.registry.version(number).run_id for number in "12"]
    for run_id in runs:
        store.client.update_run(run_id, name="twins")
    found = resolve_all(runs, store.registry)
    assert {key: model.results.name for key, model in found.items()} == {
        run_id: f"twins {run_id[:8]}" for run_id in runs
    }
    with pytest.raises(DigitsError, match=r"twins means 2 models: twins \(runs:/\w+\), twins \(runs:/\w+\); give the"):
        resolve("twins", lambda: store.registry)
    # The baseline by the id that was typed, though the table calls it otherwise.
    code, out, _ = digits("compare", *runs, "--baseline", runs[1], "--json")
    assert code == 0 and json.loads(out)["baseline"] == f"twins {runs[1][:8]}"
    newest = list(resolve_all([], store.registry).values())
    assert newest[0].name == CHAMPION and len({model.sha256 for model in newest}) == len(newest) == 3


def test_the_figures_of_a_pulled_folder_are_found(tmp_path):
    def no_store():
        raise AssertionError("a folder needs no store")

    model = tmp_path / "model.keras"
    model.write_bytes(b"")
    found = resolve(str(tmp_path), no_store)
    assert found.accuracy is None and found.results.not_sure_below is None
    (tmp_path / "metrics.json").write_text(REPORTS[paths.METRICS])
    assert resolve(str(tmp_path), no_store).accuracy == TEST["accuracy"]
    (tmp_path / "calibration.json").write_text(REPORTS[paths.CALIBRATION])
    assert resolve(str(model), no_store).results.not_sure_below == 0.75
    (tmp_path / "metrics.json").write_text("{")
    with pytest.raises(DigitsError, match=r"^metrics.json of model.keras cannot be read .*`digits pull` brings all"):
        _ = resolve(str(model), no_store).accuracy
