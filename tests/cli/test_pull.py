"""`digits pull`: how a version is named, and where it goes."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from support.decisions import assert_refused
from support.project import ROOT

from digits.files import sha256_file
from digits.model.classifier import TwinClassifier, load_classifier
from digits.registry.version_files import model_id_of
from digits.tracking.store import local_path

pytestmark = pytest.mark.slow


def test_without_a_name_it_is_the_champion(store, digits):
    code, out, err = digits("pull")
    assert (code, err) == (0, "")
    assert out == (
        "digits: version 1 is in pulled, bytes verified\n"
        "  keras.models.load_model('pulled/model.keras')\n"
        "  or pulled/model.tflite with NumPy and ai-edge-litert alone: see pulled/model_card.md\n"
    )
    folder = store.folder / "pulled"
    assert sha256_file(folder / "model.keras") == store.registry.version("1").tags["model_sha256"]
    subprocess.run(["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"], cwd=folder, check=True)


def test_the_lines_of_the_card_run_with_numpy_and_the_runtime_alone(store, digits, tmp_path):
    """In a new environment with the locked versions; its answers are those of the classifier to the bit."""
    target = tmp_path / "away"
    assert digits("pull", "--to", str(target))[0] == 0
    python = lone_environment(tmp_path / "alone")
    (lines,) = re.findall(r"```python\n(.*?)```", (target / "model_card.md").read_text(), flags=re.DOTALL)
    assert len([line for line in lines.splitlines() if line and not line.startswith("#")]) == 6
    added = (
        "\nnp.save('answers.npy', probabilities)\n"
        "import importlib.util\n"
        "print([name for name in ('tensorflow', 'keras', 'mlflow', 'digits') if importlib.util.find_spec(name)])\n"
    )
    done = subprocess.run([python, "-I", "-c", lines + added], cwd=target, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    pixels = np.array(json.loads((target / "serving_input_example.json").read_text())["inputs"], np.uint8)
    wanted = load_classifier(target / "model.keras")(pixels)
    assert len(pixels) == 2 and pixels.any() and type(load_classifier(target / "model.keras")) is TwinClassifier
    np.testing.assert_array_equal(np.load(target / "answers.npy"), wanted)
    assert done.stdout.splitlines() == [str([str(label) for label in wanted.argmax(axis=1)]), "[]"]


def lone_environment(folder):
    """The Python of a new environment with NumPy, LiteRT and what they need, in the locked versions."""
    uv = shutil.which("uv", path=str(Path(sys.executable).parent))
    subprocess.run([uv, "venv", "-q", "--python", sys.executable, str(folder)], check=True)
    python = folder / "bin" / "python"
    words = ["-q", "--python", str(python), "--constraint", str(ROOT / "requirements.lock"), "numpy", "ai-edge-litert"]
    done = subprocess.run([uv, "pip", "install", *words], capture_output=True, text=True, check=False)
    if done.returncode and re.search(r"dns error|error sending request|Could not connect|timed out", done.stderr):
        pytest.skip("no package index can be reached")
    assert done.returncode == 0, done.stderr
    return str(python)


def test_a_version_from_before_there_were_twins_names_none(store, digits, tmp_path):
    """Its file is gone from the store, and so from the list of its files."""
    model_id = model_id_of(store.registry.version("1"))
    place = local_path(store.client.get_logged_model(model_id).artifact_location)
    (place / "model.tflite").unlink()
    kept = store.registry.version("1").tags["sha256sums"].splitlines()
    listed = "\n".join(line for line in kept if not line.endswith("model.tflite")) + "\n"
    store.client.set_model_version_tag("digits", "1", "sha256sums", listed)
    code, out, err = digits("pull", "--to", "old")
    assert (code, err) == (0, "")
    assert out == ("digits: version 1 is in old, bytes verified\n  keras.models.load_model('old/model.keras')\n")


def test_a_version_has_several_names(store, digits, tmp_path):
    for number, words in enumerate((["2"], ["--version", "2"], ["models:/digits/2"], ["--alias", "second"])):
        store.client.set_registered_model_alias("digits", "second", "2")
        code, out, err = digits("pull", *words, "--to", str(tmp_path / str(number)))
        assert code == 0 and out.startswith(f"digits: version 2 is in {tmp_path / str(number)}, "), err


def test_what_to_pull_is_named_once_and_rightly(store, digits, tmp_path):
    assert_refused(digits("pull", "--alias", "prod"), "digits has no prod (aliases: ")
    assert_refused(digits("pull", "--version", "9"), "digits has no version 9 (versions: 1, 2, 3)")
    for words in (["--alias", "champion", "--version", "1"], ["2", "--version", "1"], ["2", "--alias", "champion"]):
        code, out, err = digits("pull", *words, "--to", str(tmp_path / "out"))
        assert code == 2 and out == "" and "name one model" in err
    assert not (tmp_path / "out").exists()


def test_a_run_that_is_no_version_is_refused(store, digits):
    run_id = store.registry.version("3").run_id
    store.client.delete_model_version("digits", "3")
    assert_refused(digits("pull", run_id), f"{run_id} is no version of digits: `digits register {run_id}` makes it one")


def test_a_place_that_cannot_be_written_is_one_line(store, digits, tmp_path):
    (tmp_path / "file").touch()
    assert_refused(digits("pull", "--to", str(tmp_path / "file" / "model")), str(tmp_path / "file"))
    assert_refused(digits("pull", "--to", "."), "the folder that you are in")


@pytest.fixture
def app(store, tmp_path, monkeypatch):
    """The folder of an application, the current one, which is no project."""
    folder = tmp_path / "app"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def test_a_lock_restores_what_it_says_though_the_alias_moved(store, digits, app):
    code, out, err = digits("pull", "--lock", "digits.lock", "--to", "model")
    assert (code, err) == (0, "") and out.startswith("digits: version 1 is in model, bytes verified\n")
    assert out.endswith("digits: digits.lock is written\n")
    lock, model = (app / "digits.lock").read_bytes(), sha256_file(app / "model" / "model.keras")
    store.client.set_registered_model_alias("digits", "champion", "2")
    shutil.rmtree(app / "model")
    code, out, err = digits("pull", "--lock", "digits.lock")
    assert (code, err) == (0, "") and "digits: version 1 is in model" in out and re.search(r"version +1 → 2\n", out)
    assert "test accuracy in %" in out and "`digits pull --lock digits.lock --update` takes the new one" in out
    assert (app / "digits.lock").read_bytes() == lock and sha256_file(app / "model" / "model.keras") == model

    code, out, err = digits("pull", "--lock", "digits.lock", "--update")
    assert (code, err) == (0, "") and re.search(r"version +1 → 2\n", out) and "version 2 is in model" in out
    assert json.loads((app / "digits.lock").read_text())["version"] == 2
    updated = (app / "digits.lock").read_bytes()
    code, out, err = digits("pull", "--lock", "digits.lock", "--update")
    assert (code, err) == (0, "") and out.endswith("digits: digits.lock is as it was\n")
    assert (app / "digits.lock").read_bytes() == updated


def test_ci_asks_for_the_folder_without_a_store_and_for_the_alias_without_a_folder(store, digits, app, monkeypatch):
    assert_refused(digits("pull", "--lock", "digits.lock", "--check"), "there is no digits.lock: `digits pull --lock")
    assert digits("pull", "--lock", "digits.lock", "--to", "model")[0] == 0
    with monkeypatch.context() as offline:
        offline.delenv("MLFLOW_TRACKING_URI")
        done = digits("pull", "--lock", "digits.lock", "--check")
        assert done == (0, "digits: model is what digits.lock says, digits version 1\n", "")
        (app / "model" / "model.keras").write_bytes(b"torn")
        assert_refused(
            digits("pull", "--lock", "digits.lock", "--check"),
            "model is not what digits.lock says, model.keras changed: `digits pull --lock digits.lock` restores digits",
        )
        assert_refused(
            digits("pull", "--lock", "digits.lock"), "set MLFLOW_TRACKING_URI to the store of digits version 1; it was"
        )
    done = digits("pull", "--lock", "digits.lock", "--outdated")
    assert done == (0, "digits: champion is version 1, as digits.lock says\n", "")
    store.client.set_registered_model_alias("digits", "champion", "3")
    outcome = digits("pull", "--lock", "digits.lock", "--outdated")
    assert_refused(outcome, "champion is version 3 now, digits.lock has version 1")
    assert re.search(r"other test images +\w{12} → \w{12}\n", outcome[1])
    assert (app / "model" / "model.keras").read_bytes() == b"torn"


def test_what_is_there_is_used_while_the_store_is_away(store, digits, app, monkeypatch):
    assert digits("pull", "--lock", "digits.lock", "--to", "model")[0] == 0
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{app}/none/mlflow.db")
    code, out, err = digits("pull", "--lock", "digits.lock")
    assert code == 0 and out.startswith("digits: version 1 is in model") and err.count("\n") == 1
    assert err.startswith("digits: whether champion moved is not known: ")


def test_a_lock_outlives_its_alias(store, digits, app):
    assert digits("pull", "--lock", "digits.lock")[0] == 0
    store.client.delete_registered_model_alias("digits", "champion")
    shutil.rmtree(app / "pulled")
    code, out, err = digits("pull", "--lock", "digits.lock")
    assert code == 0 and out.startswith("digits: version 1 is in pulled") and "digits has no champion" in err
    assert_refused(digits("pull", "--lock", "digits.lock", "--outdated"), "digits has no champion")


def test_a_lock_of_a_number_follows_nothing(store, digits, app):
    assert digits("pull", "2", "--lock", "digits.lock")[0] == 0
    assert json.loads((app / "digits.lock").read_text())["alias"] is None
    assert digits("pull", "--lock", "digits.lock", "--outdated") == (0, "digits: digits.lock follows no alias\n", "")
    refused = digits("pull", "--lock", "digits.lock", "--update")
    assert_refused(refused, "digits.lock follows no alias: name the version to take")
    code, out, err = digits("pull", "models:/digits@champion", "--lock", "digits.lock", "--update")
    assert code == 0 and re.search(r"version +2 → 1\n", out), err
    assert json.loads((app / "digits.lock").read_text())["alias"] == "champion"


def test_what_the_words_of_a_lock_do_not_mean_together_is_wrong_usage(store, digits, app):
    (app / "digits.lock").write_text("{}")
    for words, reason in (
        (["--check"], "need it"),
        (["2", "--lock", "digits.lock"], "says which version"),
        (["--update", "--check", "--lock", "digits.lock"], "change nothing"),
    ):
        code, out, err = digits("pull", *words)
        assert code == 2 and out == "" and reason in re.sub(r"[│\s]+", " ", err), err
    assert_refused(digits("pull", "--lock", "digits.lock"), "digits.lock cannot be read (store: Field required)")
    assert_refused(digits("pull", "--lock", "."), "Is a directory")
