"""The session of a person who trains, compares, promotes, rolls back and takes a model away, command by command.

Everything is real: DVC, the registry on SQLite, `mlflow server`, and a Python without MLflow and DVC at the end. Models
of 1, 2 and 10 epochs are far enough apart for 400 test images: over seeds 0 to 9, their accuracies on them were 0.62 to
0.72, 0.81 to 0.86 and 0.89 to 0.94, the smallest gain from 2 to 10 epochs 0.06.
"""

import csv
import io
import json
import re
import shutil
import time

import pytest
import requests
from support.decisions import LIMITS
from support.project import Project, change, kill, make_project
from support.servers import free_port
from support.session import Session
from support.stores import forget_store

from digits.files import read_json, sha256_file

pytestmark = pytest.mark.slow

# What somebody does with the folder who has neither MLflow, nor DVC, nor this repository.
# As where these packages are not installed.
CLASSIFY = """
import json, sys
sys.modules |= dict.fromkeys(("mlflow", "dvc", "digits"))
import keras, numpy

model = keras.saving.load_model(sys.argv[1] + "/model.keras", safe_mode=True, compile=False)
images, labels = (numpy.load(f"{sys.argv[2]}/{name}_test.npy") for name in "xy")
right = model.predict(images, verbose=0).argmax(axis=1) == labels.argmax(axis=1)
print(json.dumps({"accuracy": float(right.mean())}))
"""


def start_server(project, folder):
    port = free_port()
    uri = f"http://127.0.0.1:{port}"
    command = ["mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1", "--serve-artifacts"]
    command += ["--backend-store-uri", f"sqlite:///{folder / 'server.db'}"]
    command += ["--artifacts-destination", str(folder / "artifacts")]
    process = project.start(*command, log=folder / "server.log")
    for _ in range(600):
        assert process.poll() is None, (folder / "server.log").read_text()
        try:
            if requests.get(f"{uri}/health", timeout=2).ok:
                return process, uri
        except requests.RequestException:
            time.sleep(0.5)
    raise AssertionError("the server does not answer")


@pytest.fixture
def session(tmp_path, monkeypatch, capsys):
    (tmp_path / "project").mkdir()
    project = make_project(tmp_path / "project")
    change(project.folder / "params.yaml", LIMITS)
    project.run("git", "commit", "-qam", "Two epochs, and gates for the sample")
    yield Session(project, monkeypatch, capsys)
    forget_store()


def test_the_session(session, tmp_path, monkeypatch):
    project = session.project
    out = project.run("python", "-m", "digits.cli", "repro").stdout
    assert "digits version 1, champion" in out
    project.run("git", "add", "-A")
    project.run("git", "commit", "-qm", "Record the first run")

    a_worse_one_is_refused(session)
    a_better_one_is_promoted(session)
    force_needs_a_reason(session)
    rollbacks_go_back(session)
    history_tells_all(session)
    compare_joins_every_name(session, tmp_path)
    lineage_leads_back(session)
    of_two_promotions_at_once_one_wins(session)
    a_model_is_taken_away_over_http(session, tmp_path, monkeypatch)


def a_worse_one_is_refused(session):
    assert "train" in session.experiment("worse", "train.epochs=1")
    assert session.aliases() == {"champion": "1", "challenger": "2"}
    out = session.digits("promote", "--dry-run", code=1)
    assert "Version 2 against champion 1" in out and "would be refused" in out and "dry run, nothing changed" in out
    out = session.digits("promote", code=1)
    assert "Better accuracy on" in out and "FAIL" in out and max(map(len, out.splitlines())) <= 80
    assert session.err.startswith("digits: version 2 refused: Better accuracy on the same images, Accuracy not")
    assert session.err.endswith("champion stays 1\n") and session.err.count("\n") == 1
    assert session.aliases() == {"champion": "1", "challenger": "2"}
    assert len(json.loads(session.digits("history", "--json"))) == 2


def a_better_one_is_promoted(session):
    session.experiment("better", "train.epochs=10")
    assert session.aliases() == {"champion": "1", "challenger": "3"}
    # By the name of its experiment, as people remember it.
    assert "would be promoted" in session.digits("promote", "better", "--dry-run")
    assert session.aliases() == {"champion": "1", "challenger": "3"}
    assert "version 3 is champion now, was 1" in session.digits("promote")
    assert session.aliases() == {"champion": "3"}
    assert "version 3 is champion already" in session.digits("promote", "3", code=1) + session.err


def force_needs_a_reason(session):
    for arguments in (["--force"], ["--force", "--reason", " "]):
        session.digits("promote", "2", *arguments, code=2)
        assert "--reason" in session.err
    assert session.aliases() == {"champion": "3"}
    session.digits("promote", "2", "--force", "--reason", "a drill")
    assert session.aliases() == {"champion": "2"}


def rollbacks_go_back(session):
    assert "champion is version 3 again, was 2" in session.digits("rollback", "--reason", "the drill is over")
    assert "champion is version 1 again, was 3" in session.digits("rollback")
    session.digits("rollback", code=1)
    assert "no former champion" in session.err
    session.digits("rollback", "--to", "9", code=1)
    assert "no version 9" in session.err
    session.digits("rollback", "--to", "3")
    assert session.aliases() == {"champion": "3"}


def history_tells_all(session):
    changes = json.loads(session.digits("history", "--json"))
    assert [(c["alias"], c["before"], c["after"], c["action"]) for c in changes] == [
        ("champion", None, "1", "register"),
        ("challenger", None, "2", "register"),
        ("challenger", "2", "3", "register"),
        ("champion", "1", "3", "promote"),
        ("challenger", "3", None, "promote"),
        ("champion", "3", "2", "promote (forced)"),
        ("champion", "2", "3", "rollback"),
        ("champion", "3", "1", "rollback"),
        ("champion", "1", "3", "rollback"),
    ]
    assert changes[5]["why"] == "a drill" and changes[6]["why"] == "the drill is over"
    assert len(changes[3]["gates"]) == 11 and all(gate["passed"] for gate in changes[3]["gates"])
    assert not all(gate["passed"] for gate in changes[5]["gates"])
    assert all(c["who"] for c in changes) and [c["when"] for c in changes] == sorted(c["when"] for c in changes)
    text = session.digits("history")
    assert max(map(len, text.splitlines())) <= 80
    for seen in ("champion 3 → 2", "promote", "(forced)", "rollback", "a drill"):
        assert seen in text


def compare_joins_every_name(session, tmp_path):
    from digits.registry.resolve import resolve_run
    from digits.registry.versions import Registry
    from digits.tracking.store import connect

    # DVC finds everything in its cache: nothing is trained, no run is written.
    session.project.run("dvc", "exp", "apply", "worse")
    assert session.experiment("again", "train.epochs=1") == []
    run = resolve_run("worse", Registry(connect(), "digits")).require_run()
    worse, run_name = run.info.run_id, run.info.run_name
    revision = session.project.run("git", "rev-parse", "HEAD").stdout.strip()
    names = ["champion", "1", run_name, "again", "better", revision[:10]]
    compared = json.loads(session.digits("compare", *names, "--json"))
    models = {model["name"]: model for model in compared["models"]}
    assert list(models) == names and compared["correction"] == "holm" and compared["comparisons"] == 5
    assert models["again"]["run_id"] == models[run_name]["run_id"] == worse
    assert models[revision[:10]]["run_id"] == models["1"]["run_id"]
    assert models["better"]["run_id"] == models["champion"]["run_id"]
    assert models["champion"]["labels"]["aliases"] == "champion" and models["champion"]["verdict"] == "baseline"
    verdicts = [models[name]["verdict"] for name in names[1:]]
    assert verdicts == ["worse", "worse", "worse", "no evidence", "worse"]
    assert compared["differing_params"] == ["train.epochs"]

    page = tmp_path / "compare.html"
    text = session.digits("compare", *names[:4], "--html", str(page))
    assert max(map(len, text.splitlines())) <= 80 and "Holm" in text and "train.epochs" in text
    html = page.read_text()
    assert html.startswith("<!DOCTYPE html>") and not re.search(r'(src|href)="(https?:)?//', html)
    rows = list(csv.DictReader(io.StringIO(session.digits("compare", "1", "3", "--csv"))))
    assert [row["train.epochs"] for row in rows] == ["2", "10"] and float(rows[1]["difference"]) > 0
    # Without names: the champion first, and every other run once.
    compared = json.loads(session.digits("compare", "--json"))
    assert len({model["model_sha256"] for model in compared["models"]}) == len(compared["models"]) == 3
    session.digits("compare", "champion", "nobody", code=1)
    assert session.err.startswith(
        "digits: nobody: no file or folder, alias, version, run, DVC experiment or git revision"
    )


def lineage_leads_back(session):
    champion = json.loads(session.digits("lineage", "champion", "--json"))
    assert champion["versions"] == {"3": ["champion"]} and champion["dvc_experiment"] == "better"
    assert champion["changed"] == {"train.epochs": 10} and champion["rebuild"][-1].endswith(
        "dvc exp run -S train.epochs=10 train"
    )
    # The workspace holds the experiment that was run last.
    file = json.loads(session.digits("lineage", "models/model.keras", "--json"))
    assert file["dvc_experiment"] == "worse" and file["model_sha256"] == sha256_file("models/model.keras")
    out = session.digits("lineage", "1", "--verify")
    assert "version" in out and "the bytes match" in out


def of_two_promotions_at_once_one_wins(session):
    """Both see champion 3 and are forced, so that each would do its move if it were alone."""
    folder = session.project.folder.parent
    command = ["python", "-m", "digits.cli", "promote", "--force", "--reason", "a race"]
    for _ in range(4):
        before = len(json.loads(session.digits("history", "--json")))
        racers = [session.project.start(*command, number, log=folder / f"racer{number}") for number in "12"]
        codes = [racer.wait(timeout=300) for racer in racers]
        said = [(folder / f"racer{number}").read_text() for number in "12"]
        if codes != [0, 0]:
            break
        # One was done before the other had looked: not at once. Again.
        session.digits("rollback", "--to", "3")
    assert sorted(codes) == [0, 1], said
    loser = said[codes.index(1)].splitlines()[-1]
    assert loser.startswith("digits: champion was moved meanwhile from version 3 to version "), loser
    assert session.aliases()["champion"] == "12"[codes.index(0)]
    assert len(json.loads(session.digits("history", "--json"))) == before + 1
    session.digits("rollback", "--to", "3")


def a_model_is_taken_away_over_http(session, tmp_path, monkeypatch):
    project = session.project
    away, server = tmp_path / "away", tmp_path / "server"
    away.mkdir()
    server.mkdir()
    process, uri = start_server(project, server)
    try:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        assert "version 1" in session.digits("sync")
        here = {"MLFLOW_TRACKING_URI": uri, "PYTHONPATH": str(project.folder)}
        elsewhere = Project(away)
        pull = ("python", "-m", "digits.cli", "pull", "--lock", "digits.lock")
        assert "bytes verified" in elsewhere.run(*pull, "--to", "model", **here).stdout
        lock = (away / "digits.lock").read_bytes()
        shutil.rmtree(away / "model")
        assert "bytes verified" in elsewhere.run(*pull, **here).stdout
        assert (away / "digits.lock").read_bytes() == lock
        # Nothing but the folder and its lock is left.
        assert {path.name for path in away.iterdir()} == {"model", "digits.lock"}
        assert {"model.keras", "MLmodel", "model_card.md", "metrics.json", "SHA256SUMS", "plots"} <= {
            path.name for path in (away / "model").iterdir()
        }
        elsewhere.run("sh", "-c", "cd model && sha256sum --quiet --check SHA256SUMS")

        processed = str(project.folder / "data" / "processed")
        shown = elsewhere.run("python", "-I", "-c", CLASSIFY, "model", processed).stdout
        recorded = read_json(away / "model" / "metrics.json")["test"]["accuracy"]
        assert json.loads(shown) == {"accuracy": recorded}

        (stored,) = server.glob("artifacts/**/model.keras")
        stored.write_bytes(stored.read_bytes() + b"\0")
        shutil.rmtree(away / "model")
        refused = elsewhere.run(*pull, check=False, **here)
        assert refused.returncode == 1 and "model.keras changed since it was registered" in refused.stderr
        assert refused.stderr.count("\n") == 1 and list(away.iterdir()) == [away / "digits.lock"]
        stored.unlink()
        refused = elsewhere.run(*pull, check=False, **here)
        assert refused.returncode == 1 and refused.stderr.startswith("digits: version 1: "), refused.stderr
        assert refused.stderr.count("\n") == 1 and list(away.iterdir()) == [away / "digits.lock"]
    finally:
        kill(process)
