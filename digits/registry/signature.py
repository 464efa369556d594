"""Who vouches for a version: an Ed25519 signature (RFC 8032) of the list of its files' hashes.

The list is the file SHA256SUMS, so that OpenSSL alone can check a pulled folder. Whoever may write to the store can
change a model and its hashes; without the private key nobody can sign them. The signature says whose the bytes are.
The registry alone says which version is champion.
"""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import TYPE_CHECKING

from digits import paths
from digits.errors import DigitsError
from digits.files import sha256_file
from digits.registry import sums
from digits.tracking import artifacts

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
    from mlflow.entities.model_registry import ModelVersion

    from digits.registry.model import Model

# The shell's name for the file of the key that must have signed what is pulled, served or rolled back to.
VARIABLE = "DIGITS_SIGNING_PUBLIC_KEY"
# Of a version: the signature, as base64.
TAG = "signature"
# In a pulled folder: the same 64 bytes.
FILE = f"{sums.FILE}.sig"
# What names the classes, and decides which answers are sure. It is read from a copy that the list does not name.
_COPIES = (paths.METRICS, paths.CALIBRATION)


def private_key(file: Path) -> Ed25519PrivateKey:
    """The key of a PEM file, to sign with.

    Raises:
        DigitsError: it holds no such key.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(file.read_bytes(), None)
    except TypeError:
        raise DigitsError(
            f"{file} is encrypted: name it as <(openssl pkey -in {file}), so that OpenSSL asks for the password"
        ) from None
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise DigitsError(f"{file} is no private Ed25519 key: `openssl genpkey -algorithm ed25519 -out FILE` makes one")
    return key


def public_key_file() -> Path | None:
    """The file of the key that signatures are checked with, or None where the shell names none."""
    named = os.environ.get(VARIABLE, "").strip()
    return Path(named).expanduser() if named else None


def signed(key: Ed25519PrivateKey, lines: str) -> str:
    """The signature of a list of hashes, as base64. The same key and lines give the same signature."""
    return base64.b64encode(key.sign(lines.encode())).decode()


def check_version(version: ModelVersion) -> dict[str, str]:
    """The hashes of a version's files; where the shell names a key, only if that signed them.

    Raises:
        DigitsError: the signature is missing, or not by that key over these hashes; or there is no such key; or the
            version was not registered by digits.
    """
    hashes = sums.of_version(version)
    if key_file := public_key_file():
        name, signature = f"version {version.version} of {version.name}", in_bytes(version)
        if signature is None:
            raise DigitsError(
                f"{name} is not signed, and {VARIABLE} is set: refused; "
                f"`digits sign {version.version} --key FILE` signs it"
            )
        if not is_signed(version.tags[sums.TAG].encode(), signature, key_file):
            raise DigitsError(
                f"{name}: its signature is not by the key of {key_file}, or its hashes were changed since: refused"
            )
    return hashes


def is_signed(lines: bytes, signature: bytes, key_file: Path) -> bool:
    """Whether a key signed a list of hashes.

    Args:
        lines: the list.
        signature: 64 bytes, if it is one.
        key_file: of the public key.

    Raises:
        DigitsError: the file holds no public Ed25519 key.
    """
    from cryptography.exceptions import InvalidSignature

    key = _public_key(key_file)
    try:
        key.verify(signature, lines)
    except InvalidSignature:
        return False
    return True


def in_bytes(version: ModelVersion) -> bytes | None:
    """The signature of a version, or None. What is no base64 becomes a signature that no key made."""
    tagged = version.tags.get(TAG)
    try:
        return None if tagged is None else base64.b64decode(tagged, validate=True)
    except ValueError:
        return b""


def vouched(model: Model) -> Model:
    """The model itself, if the shell names no key, if it is no registered version, or if the key signed the version.

    Raises:
        DigitsError: as `check_version`; or the model's file, its twin, its figures or its threshold are not those that
            were signed.
    """
    if model.version is None or public_key_file() is None:
        return model
    hashes = check_version(model.version)
    found = {
        paths.MODEL.name: model.sha256,
        paths.TWIN.name: model.version.tags.get(artifacts.TWIN_SHA256),
        **{path.name: _hash(model.results.find(path)) for path in _COPIES},
    }
    # A version has no copy of the names beside its figures. One that somebody put there would count.
    if (names := model.results.find(paths.CLASSES)) is not None:
        found[names.name] = _hash(names)
    # Older versions have no typical images.
    name, file = paths.PROTOTYPES.name, model.results.find(paths.PROTOTYPES)
    if file is not None or name in hashes:
        found[name] = _hash(file)
    if wrong := [name for name, hash in found.items() if hash != hashes.get(name)]:
        raise DigitsError(f"{model.title}: {', '.join(wrong)} changed since it was signed: refused")
    return model


def _hash(file: Path | None) -> str | None:
    return None if file is None else sha256_file(file)


def _public_key(file: Path) -> Ed25519PublicKey:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(file.read_bytes())
    except OSError as error:
        raise DigitsError(f"{VARIABLE} names {file}: {error.strerror}") from None
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise DigitsError(
            f"{VARIABLE} names {file}, which is no public Ed25519 key: `openssl pkey -in KEY -pubout` gives that of KEY"
        )
    return key
