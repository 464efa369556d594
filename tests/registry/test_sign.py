"""Signing: what is signed is what the store has, and only the key's owner can."""

import pytest
from support.keys import write_keys

from digits.errors import DigitsError
from digits.registry.pull import pull
from digits.registry.sign import sign
from digits.registry.signature import FILE, VARIABLE, private_key
from digits.registry.version_files import model_id_of, place_of
from digits.tracking.store import local_path

pytestmark = pytest.mark.slow


def test_a_signed_version_is_pulled_and_another_is_not(store, tmp_path, monkeypatch):
    private, public = write_keys(tmp_path)
    monkeypatch.setenv(VARIABLE, str(public))
    with pytest.raises(DigitsError, match="version 1 of digits is not signed"):
        pull(store.client, store.registry.version("1"), tmp_path / "out")
    assert not (tmp_path / "out").exists()
    sign(store.registry, "1", private_key(private))
    folder = pull(store.client, store.registry.version("1"), tmp_path / "out")
    assert len((folder / FILE).read_bytes()) == 64
    # The folder is an earlier pull still.
    pull(store.client, store.registry.version("1"), folder)
    # Whoever changes a file may change its hash as well.
    tagged = store.registry.version("1").tags["sha256sums"]
    store.client.set_model_version_tag("digits", "1", "sha256sums", tagged.replace("  MLmodel", "  MLmodels"))
    with pytest.raises(DigitsError, match=r"its signature is not by the key of .*, or its hashes were changed since"):
        pull(store.client, store.registry.version("1"), folder)


def test_what_was_changed_since_registration_is_not_signed(store, tmp_path):
    key = private_key(write_keys(tmp_path)[0])
    version = store.registry.version("1")
    model = store.client.get_logged_model(model_id_of(version))
    card = local_path(model.artifact_location) / place_of(version) / "model_card.md"
    card.write_text("the best of all")
    with pytest.raises(DigitsError, match=r"version 1: model_card.md changed since it was registered"):
        sign(store.registry, "1", key)
    store.client.set_model_version_tag("digits", "1", "model_sha256", "0" * 64)
    with pytest.raises(DigitsError, match="version 1: its tags sha256sums and model_sha256 name different models"):
        sign(store.registry, "1", key)
    assert "signature" not in store.registry.version("1").tags
