"""What a name meant last time: it counts only while nothing that it hangs on has changed."""

import json
import os
import shutil
import sqlite3
from contextlib import closing
from types import SimpleNamespace

import pytest
from support.reports import REPORTS

from digits import paths
from digits.files import sha256_file
from digits.registry.model import Model
from digits.registry.remembered import recall, remember, state
from digits.results import Results

NAME = "models:/digits/2"
NAMES = [str(number) for number in range(10)]


@pytest.fixture
def noted(registry, folder, monkeypatch):
    """Version 2, remembered: its files, what it is, and its note."""
    # None is named, and what a test names is forgotten after it.
    monkeypatch.setenv("DIGITS_SIGNING_PUBLIC_KEY", "")
    weights = b"weights"
    (folder / "new").write_bytes(weights)
    sha256 = sha256_file(folder / "new")
    kept = folder / ".digits" / "models" / sha256 / "model.keras"
    kept.parent.mkdir(parents=True)
    (folder / "new").rename(kept)
    own = folder / "versions"
    own.mkdir()
    for path in (paths.METRICS, paths.CALIBRATION):
        (own / path.name).write_text(REPORTS[path])
    (own / "prototypes.npz").write_bytes(b"limits")

    def find(path):
        return own / path.name if (own / path.name).is_file() else None

    model = Model(NAME, NAME, sha256, Results("a run", find), None, registry.version("2"), lambda: kept)
    remember(NAME, state(), model, NAMES)
    (note,) = (folder / ".digits" / "remembered").iterdir()
    return SimpleNamespace(model=model, kept=kept, own=own, note=note, database=folder / "store.db", folder=folder)


def test_it_is_recalled_as_it_was(noted):
    known = recall(NAME, state())
    assert (known.uri, known.sha256, known.file) == (NAME, noted.model.sha256, noted.kept)
    assert known.names_of(10) == NAMES and known.not_sure_below == 0.75
    assert known.prototypes_file == noted.own / "prototypes.npz"
    assert recall("models:/digits/3", state()) is None and recall("", state()) is None
    assert {path.name for path in noted.folder.iterdir()} >= {".digits"}


def set_alias(noted, registry):
    registry.client.set_registered_model_alias("digits", "champion", "2")


def write_and_turn_back_the_clock(noted, registry):
    """Another alias of the same length, then the file's old times: the counter in its header tells."""
    registry.client.set_registered_model_alias("digits", "champion", "2")
    remember(NAME, state(), noted.model, NAMES)
    before = noted.database.stat()
    with closing(sqlite3.connect(noted.database)) as database, database:
        database.execute("UPDATE registered_model_aliases SET version = 3")
    os.utime(noted.database, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (noted.database.stat().st_size, noted.database.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)


def restore_a_copy(noted, registry):
    shutil.copy2(noted.database, noted.folder / "copy")
    (noted.folder / "copy").replace(noted.database)


def change_params(noted, registry):
    (noted.folder / "params.yaml").write_text("register: {}\n")


def take_params_away(noted, registry):
    (noted.folder / "params.yaml").unlink()


def name_a_key(noted, registry):
    """What was remembered before had not to be signed by it."""
    (noted.folder / "key.pub").write_text("a public key")
    os.environ["DIGITS_SIGNING_PUBLIC_KEY"] = str(noted.folder / "key.pub")


def name_a_key_that_is_not_there(noted, registry):
    os.environ["DIGITS_SIGNING_PUBLIC_KEY"] = str(noted.folder / "none.pub")


def damage_the_model(noted, registry):
    noted.kept.write_bytes(b"weight!")


def change_a_threshold(noted, registry):
    (noted.own / "calibration.json").write_text(REPORTS[paths.CALIBRATION].replace("0.75", "0.25"))


def change_typical_images(noted, registry):
    (noted.own / "prototypes.npz").write_bytes(b"larger limits")


def take_the_artifacts_away(noted, registry):
    noted.own.rename(noted.folder / "elsewhere")


def write_now(noted, registry):
    """A transaction that is under way has a journal."""
    (noted.folder / "store.db-journal").write_bytes(b"")


def use_a_write_ahead_log(noted, registry):
    with closing(sqlite3.connect(noted.database)) as database:
        assert database.execute("PRAGMA journal_mode=WAL").fetchone() == ("wal",)


def take_rights_away(noted, registry):
    noted.database.chmod(0o400)


def move_the_database(noted, registry):
    noted.database.rename(noted.folder / "mlflow.db")
    os.environ.pop("MLFLOW_TRACKING_URI")


CHANGES = [
    set_alias,
    write_and_turn_back_the_clock,
    restore_a_copy,
    change_params,
    name_a_key,
    name_a_key_that_is_not_there,
    take_params_away,
    damage_the_model,
    change_a_threshold,
    change_typical_images,
    take_the_artifacts_away,
    write_now,
    use_a_write_ahead_log,
    take_rights_away,
    move_the_database,
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_after_any_change_the_store_is_asked(noted, registry, change):
    change(noted, registry)
    assert recall(NAME, state()) is None


def test_a_change_while_the_name_was_resolved_is_not_remembered(noted, registry):
    before = state()
    set_alias(noted, registry)
    noted.note.unlink()
    remember(NAME, before, noted.model, NAMES)
    assert not noted.note.exists()
    remember(NAME, state(), noted.model, NAMES)
    assert recall(NAME, state()).uri == NAME


def test_a_torn_note_is_ignored_and_rewritten(noted):
    text = noted.note.read_text()
    for length in range(0, len(text) - 1, 7):
        noted.note.write_text(text[:length])
        assert recall(NAME, state()) is None, text[:length]
    remember(NAME, state(), noted.model, NAMES)
    assert noted.note.read_text() == text and recall(NAME, state()).uri == NAME


def test_a_note_that_was_changed_by_hand_is_ignored(noted):
    text = noted.note.read_text()
    changes = [("class_names", value) for value in (None, "0123456789", [], [1, 2])]
    changes += [("not_sure_below", "0.5"), ("prototypes", 7)]
    changes += [("uri", None), ("sha256", 7), ("sha256", "00"), ("twin_sha256", "00")]
    for key, value in [*changes, ("another", 1)]:
        note = json.loads(text)
        note["means"][key] = value
        noted.note.write_text(json.dumps(note))
        assert recall(NAME, state()) is None, (key, value)
    for other in ("[]", "7", "null", "[" * 100_000, '{"name": "models:/digits/2"}', "\udcff"):
        noted.note.write_text(other, errors="surrogateescape")
        assert recall(NAME, state()) is None, other[:20]
    noted.note.write_text(text)
    assert recall(NAME, state()).uri == NAME


def test_what_may_mean_something_else_is_not_remembered(noted):
    for name in ("2", "champion", "runs:/abc", "./folder", "model.keras"):
        remember(name, state(), noted.model, NAMES)
        assert recall(name, state()) is None and list(noted.note.parent.iterdir()) == [noted.note]
    noted.note.unlink()
    model = noted.model
    remember(NAME, state(), Model(NAME, NAME, model.sha256, model.results, None, None, model.file), NAMES)
    assert not noted.note.exists()


def test_a_version_whose_files_are_copies_is_not_remembered(noted):
    from digits.tracking import artifacts

    noted.note.unlink()
    copy = artifacts.scratch() / "metrics.json"
    copy.write_text(REPORTS[paths.METRICS])
    model = noted.model
    results = Results("a run", lambda path: copy if path == paths.METRICS else None)
    remember(NAME, state(), Model(NAME, NAME, model.sha256, results, None, model.version, model.file), NAMES)
    assert not noted.note.exists()


def test_a_place_that_cannot_be_written_is_no_error(noted):
    shutil.rmtree(noted.note.parent)
    noted.note.parent.write_text("a file where the folder should be")
    remember(NAME, state(), noted.model, NAMES)
    assert recall(NAME, state()) is None


@pytest.mark.parametrize("uri", ["http://127.0.0.1:1", "sqlite:///absent/store.db", "postgresql://host/db", "path"])
def test_another_store_has_no_state(folder, monkeypatch, uri):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    assert state() is None


def test_a_file_that_is_no_database_has_no_state(folder):
    for content in (b"", b"SQLite", bytes(200)):
        (folder / "mlflow.db").write_bytes(content)
        assert state() is None
    assert recall("", None) is None
