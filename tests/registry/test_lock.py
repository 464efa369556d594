"""A lock: the same bytes for the same version, one clear line for a damaged one, and a folder that is as it says."""

import json
import re
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from support.keys import write_keys

from digits.errors import DigitsError
from digits.files import sha256_file, write_json
from digits.registry import lock as module
from digits.registry import sums
from digits.registry.lock import Lock, difference, folder_of, lock_of, moved, news, read_lock, take
from digits.registry.pull import pull
from digits.registry.signature import FILE, VARIABLE, private_key, signed

HASHES = st.text("0123456789abcdef", min_size=64, max_size=64)
WORDS = st.text(st.characters(codec="utf-8", exclude_characters="'\"/:\n"), min_size=1, max_size=9)
FILES = st.lists(WORDS.filter(lambda word: word not in (".", "..")), min_size=1, max_size=3).map("/".join)
LOCKS = st.builds(
    Lock,
    store=st.text(st.characters(codec="utf-8")),
    model=WORDS,
    alias=st.none() | WORDS,
    version=st.integers(1, 10**9),
    pulled=st.dates().map(str),
    folder=WORDS,
    test_images=st.none() | HASHES,
    test=st.dictionaries(st.sampled_from(["accuracy", "loss"]), st.floats(0, 10)),
    files=st.dictionaries(FILES, HASHES, min_size=1),
)
SAMPLE = Lock(
    store="http://127.0.0.1:5070",
    model="digits",
    alias="champion",
    version=2,
    pulled="2026-11-28",
    folder="model",
    test_images="a" * 64,
    test={"accuracy": 0.9909, "loss": 0.0279},
    files={"MLmodel": "0" * 64, "model.keras": "1" * 64},
)
in_one_folder = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@in_one_folder
@given(LOCKS)
def test_what_is_written_is_read_and_written_alike(tmp_path, lock):
    file = tmp_path / "digits.lock"
    write_json(file, lock.model_dump())
    before = file.read_bytes()
    found = read_lock(file)
    assert found == lock and list(found.files) == list(lock.files)
    write_json(file, found.model_dump())
    assert file.read_bytes() == before


@in_one_folder
@given(st.data())
def test_a_torn_lock_is_one_line(tmp_path, data):
    file = tmp_path / "digits.lock"
    text = json.dumps(SAMPLE.model_dump(), indent=2)
    file.write_text(text[: data.draw(st.integers(0, len(text) - 1))])
    with pytest.raises(DigitsError, match=r"digits.lock cannot be read \(.*\): `git checkout .*` brings") as caught:
        read_lock(file)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("form", 2, "form"),
        ("version", "2", "version"),
        ("version", 0, "version"),
        ("model", "a' OR ''='", "model"),
        ("alias", 3, "alias"),
        ("pulled", "yesterday", "pulled"),
        ("folder", "", "folder"),
        ("test", {"accuracy": "good"}, "test.accuracy"),
        ("files", {}, "files"),
        ("files", {"model.keras": "abc"}, "files.model.keras"),
        ("files", {"../model.keras": "1" * 64}, "no path within the folder"),
        ("files", {"/etc/passwd": "1" * 64}, "no path within the folder"),
        ("verison", 3, "verison"),
    ],
)
def test_an_edited_lock_is_refused_by_its_key(tmp_path, key, value, reason):
    file = tmp_path / "digits.lock"
    write_json(file, SAMPLE.model_dump() | {key: value})
    with pytest.raises(DigitsError, match=rf"digits.lock cannot be read \(.*{reason}.*\): `git checkout"):
        read_lock(file)


def test_a_merge_is_named(tmp_path):
    file = tmp_path / "digits.lock"
    file.write_text('{\n<<<<<<< HEAD\n  "version": 2,\n=======\n  "version": 3,\n>>>>>>> other\n}\n')
    with pytest.raises(DigitsError, match="conflict markers of a git merge"):
        read_lock(file)


def test_the_folder_is_seen_from_the_lock_on(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert str(folder_of(tmp_path / "app" / "digits.lock", SAMPLE)) == str(tmp_path / "app" / "model")
    assert str(folder_of(tmp_path / ".." / "digits.lock", SAMPLE)) == str(tmp_path.parent / "model")


@pytest.fixture
def pulled(tmp_path):
    """A folder of two files, and its lock."""
    folder = tmp_path / "model"
    (folder / "plots").mkdir(parents=True)
    for name in ("model.keras", "plots/curves.png"):
        (folder / name).write_text(name)
    lock = SAMPLE.model_copy(update={"files": sums.of_folder(folder)})
    (folder / sums.FILE).write_text(sums.text(lock.files))
    return SimpleNamespace(folder=folder, lock=lock)


def test_every_difference_of_a_folder_is_named(pulled, tmp_path):
    assert difference(pulled.lock, pulled.folder) == ""
    assert difference(pulled.lock, tmp_path / "nowhere") == "it is not there"
    (pulled.folder / "model.keras").write_text("another")
    (pulled.folder / "plots" / "curves.png").unlink()
    (pulled.folder / "notes.txt").touch()
    assert difference(pulled.lock, pulled.folder) == (
        "plots/curves.png missing; notes.txt not in the lock; model.keras changed"
    )
    for name in ("model.keras", "plots/curves.png"):
        (pulled.folder / name).write_text(name)
    (pulled.folder / "notes.txt").unlink()
    (pulled.folder / sums.FILE).write_text("")
    assert difference(pulled.lock, pulled.folder) == "SHA256SUMS changed"


def test_a_folder_is_to_be_signed_where_the_shell_names_a_key(pulled, tmp_path, monkeypatch):
    private, public = write_keys(tmp_path)
    (pulled.folder / FILE).write_bytes(b"of whomever")
    assert difference(pulled.lock, pulled.folder) == ""
    monkeypatch.setenv(VARIABLE, str(public))
    assert difference(pulled.lock, pulled.folder) == f"not signed by the key of {public}"
    (pulled.folder / FILE).unlink()
    assert difference(pulled.lock, pulled.folder) == f"not signed by the key of {public}"
    signature = signed(private_key(private), sums.text(pulled.lock.files))
    store_has = SimpleNamespace(tags={"signature": signature})
    (pulled.folder / FILE).write_bytes(module.signature.in_bytes(store_has))
    assert difference(pulled.lock, pulled.folder) == ""


def version(number=3, **tags):
    said = {"sha256sums": sums.text({"MLmodel": "0" * 64, "model.keras": "2" * 64}), "test_sha256": "a" * 64, **tags}
    return SimpleNamespace(version=number, name="digits", tags=said)


def test_the_news_are_version_figures_and_file(tmp_path):
    assert news(SAMPLE, version(2)) == ""
    told = news(SAMPLE, version(test_accuracy="0.9928", test_macro_f1="0.9927"))
    assert re.sub(" +", " ", told).splitlines() == [
        " version 2 → 3",
        " test accuracy in % 99.09 → 99.28",
        " test loss 0.0279 → –",
        " test macro F1 – → 0.9927",
        " test calibration error – → –",
        " model.keras 111111111111 → 222222222222",
    ]
    assert "other test images" in news(SAMPLE, version(test_sha256="b" * 64))
    assert moved(SAMPLE, version(), tmp_path / "digits.lock").endswith("--update` takes the new one")


def test_tags_that_somebody_changed_are_one_line():
    for tags in ({"test_accuracy": "good"}, {"test_loss": "nan"}, {"sha256sums": "torn"}, {"sha256sums": ""}):
        with pytest.raises(
            DigitsError, match=r"version 3: its tags were changed, what they say of (test|files) is wrong"
        ):
            lock_of(version(**tags), None, "model")


def test_a_lock_does_not_change_under_its_reader():
    with pytest.raises(ValidationError):
        SAMPLE.version = 3


@pytest.mark.slow
def test_lock_and_folder_are_written_together_or_not_at_all(store, tmp_path, monkeypatch):
    file, folder = tmp_path / "app" / "digits.lock", tmp_path / "app" / "model"
    first = take(store.client, store.registry.version("1"), "champion", file, folder)
    assert first == read_lock(file) and difference(first, folder) == "" and first.folder == "model"
    before = file.read_bytes(), sha256_file(folder / "model.keras")

    def fails(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr("digits.registry.pull.collect", fails)
        with pytest.raises(OSError, match="No space left"):
            take(store.client, store.registry.version("2"), "champion", file, folder)
    assert (file.read_bytes(), sha256_file(folder / "model.keras")) == before
    with monkeypatch.context() as broken:
        broken.setattr(module, "write_json", fails)
        with pytest.raises(OSError, match="No space left"):
            take(store.client, store.registry.version("2"), "champion", file, folder)
    assert (file.read_bytes(), sha256_file(folder / "model.keras")) == before
    assert {path.name for path in file.parent.iterdir()} == {"digits.lock", "model"}


@pytest.mark.slow
def test_another_version_under_the_same_number_is_refused(store, tmp_path):
    file, folder = tmp_path / "digits.lock", tmp_path / "model"
    lock = take(store.client, store.registry.version("1"), None, file, folder)
    (folder / "model.keras").unlink()
    other = lock.model_copy(update={"files": lock.files | {"model.keras": "1" * 64}})
    with pytest.raises(
        DigitsError, match=r"version 1 of this store is not what was locked, model.keras differ: refused"
    ):
        pull(store.client, store.registry.version("1"), folder, other.files)
    assert not (folder / "model.keras").exists()
    pull(store.client, store.registry.version("1"), folder, lock.files)
    assert difference(lock, folder) == ""
