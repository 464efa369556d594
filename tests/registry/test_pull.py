"""Pulling a version: every byte is checked, and nothing else is replaced."""

from pathlib import Path
from urllib.parse import urlparse

import pytest

from digits.errors import DigitsError
from digits.files import sha256_file
from digits.registry.pull import pull
from digits.registry.versions import run_of

pytestmark = pytest.mark.slow


def test_a_changed_artifact_is_refused_whichever_it_is(store, tmp_path):
    run = run_of(store.client, store.registry.version("1"))
    location = store.client.get_logged_model(run.data.tags["model_id"]).artifact_location
    mlmodel = Path(urlparse(location).path) / "MLmodel"
    text = mlmodel.read_text()
    try:
        mlmodel.write_text(f"{text}evil: 1\n")
        with pytest.raises(DigitsError, match="version 1: MLmodel changed since it was registered: refused"):
            pull(store.client, store.registry.version("1"), tmp_path / "out")
    finally:
        mlmodel.write_text(text)
    assert not (tmp_path / "out").exists()


def test_pull_replaces_only_what_it_wrote(store, tmp_path, monkeypatch):
    def pull_to(target, number="1"):
        return pull(store.client, store.registry.version(number), target)

    target = tmp_path / "out"
    target.mkdir()
    pull_to(target)
    tagged = store.registry.version("1").tags["model_sha256"]
    assert sha256_file(target / "model.keras") == tagged
    pull_to(target, "2")
    assert sha256_file(target / "model.keras") == store.registry.version("2").tags["model_sha256"]
    (target / "notes.txt").write_text("mine")
    with pytest.raises(DigitsError, match="holds more than an earlier pull"):
        pull_to(target)
    # A file of checksums does not make somebody's folder one of ours.
    images = tmp_path / "images"
    images.mkdir()
    (images / "SHA256SUMS").write_text("0  debian.iso\n")
    (images / "disk.iso").touch()
    (tmp_path / "file").touch()
    for other in (images, tmp_path / "file"):
        with pytest.raises(DigitsError, match="holds more"):
            pull_to(other)
    link = tmp_path / "link"
    (target / "notes.txt").unlink()
    link.symlink_to(target)
    pull_to(link)
    assert link.is_symlink() and sha256_file(target / "model.keras") == tagged
    monkeypatch.chdir(target)
    with pytest.raises(DigitsError, match="the folder that you are in"):
        pull_to(target)
    assert {path.name for path in tmp_path.iterdir()} == {"project", "out", "images", "file", "link"}
