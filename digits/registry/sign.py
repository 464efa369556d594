"""Signing a version: the files that the store has now are checked, and their hashes are signed."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from digits import paths
from digits.errors import DigitsError
from digits.registry import signature, sums
from digits.registry.pull import collect, refuse_changed
from digits.registry.versions import Registry
from digits.tracking import artifacts

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


def sign(registry: Registry, number: str, key: Ed25519PrivateKey) -> None:
    """Sign a version. A signature by another key is replaced.

    Args:
        registry: the registered model.
        number: of the version.
        key: from `signature.private_key`.

    Raises:
        DigitsError: a file was changed since registration or cannot be read, or the list of hashes has another model
            than the version's.
    """
    version = registry.version(number)
    hashes = sums.of_version(version)
    if hashes.get(paths.MODEL.name) != version.tags.get(artifacts.MODEL_SHA256):
        raise DigitsError(f"version {number}: its tags {sums.TAG} and {artifacts.MODEL_SHA256} name different models")
    with tempfile.TemporaryDirectory() as scratch:
        refuse_changed(version, hashes, sums.of_folder(collect(registry.client, version, Path(scratch))))
    signed = signature.signed(key, version.tags[sums.TAG])
    registry.client.set_model_version_tag(registry.name, number, signature.TAG, signed)
