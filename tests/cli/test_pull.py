"""`digits pull`: how a version is named, and where it goes."""

import subprocess

import pytest
from support.decisions import assert_refused

from digits.files import sha256_file

pytestmark = pytest.mark.slow


def test_without_a_name_it_is_the_champion(store, digits):
    code, out, err = digits("pull")
    assert (code, err) == (0, "")
    assert out == "digits: version 1 is in pulled, bytes verified; keras.models.load_model('pulled/model.keras')\n"
    folder = store.folder / "pulled"
    assert sha256_file(folder / "model.keras") == store.registry.version("1").tags["model_sha256"]
    subprocess.run(["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"], cwd=folder, check=True)


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
