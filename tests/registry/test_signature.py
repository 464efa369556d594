"""Signatures: nothing but the key that the shell names, over exactly the hashes that were signed, counts."""

import base64
import shutil
import subprocess
from types import SimpleNamespace

import pytest
from support.keys import write_keys

from digits import paths
from digits.errors import DigitsError
from digits.files import sha256_file
from digits.registry.model import Model
from digits.registry.signature import (
    VARIABLE,
    check_version,
    in_bytes,
    is_signed,
    private_key,
    public_key_file,
    signed,
    vouched,
)
from digits.results import Results

LINES = f"{'0' * 64}  MLmodel\n{'1' * 64}  model.keras\n"


@pytest.fixture
def keys(tmp_path, monkeypatch):
    """The files of a private and a public key; the shell names the latter."""
    private, public = write_keys(tmp_path)
    monkeypatch.setenv(VARIABLE, str(public))
    return private, public


def version(lines, signature=None):
    tags = {"sha256sums": lines} | ({} if signature is None else {"signature": signature})
    return SimpleNamespace(version=3, name="digits", tags=tags)


def test_what_the_key_signed_is_taken(keys):
    signature = signed(private_key(keys[0]), LINES)
    assert signature == signed(private_key(keys[0]), LINES)
    assert check_version(version(LINES, signature)) == {"MLmodel": "0" * 64, "model.keras": "1" * 64}


def test_without_a_key_in_the_shell_nothing_is_asked(keys, monkeypatch):
    for named in (None, "", "  "):
        monkeypatch.delenv(VARIABLE) if named is None else monkeypatch.setenv(VARIABLE, named)
        assert public_key_file() is None and len(check_version(version(LINES))) == 2


def test_a_missing_signature_is_refused(keys):
    with pytest.raises(
        DigitsError, match=f"version 3 of digits is not signed, and {VARIABLE} is set: refused; `digits"
    ):
        check_version(version(LINES))


def test_another_signature_is_refused(keys, tmp_path):
    signature = signed(private_key(keys[0]), LINES)
    by_others = signed(private_key(write_keys(tmp_path, "other")[0]), LINES)
    for lines, tag in (
        (LINES, by_others),
        (LINES.replace("0", "2"), signature),
        (LINES.rstrip(), signature),
        (LINES, ""),
        (LINES, "no base64 ä"),
        (LINES, base64.b64encode(b"short").decode()),
    ):
        with pytest.raises(
            DigitsError, match=r"its signature is not by the key of .*key.pub, or its hashes were changed"
        ):
            check_version(version(lines, tag))


def test_openssl_checks_it(keys, tmp_path):
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("there is no openssl")
    (tmp_path / "SHA256SUMS").write_text(LINES)
    (tmp_path / "SHA256SUMS.sig").write_bytes(in_bytes(version(LINES, signed(private_key(keys[0]), LINES))))
    words = ["-pubin", "-inkey", str(keys[1]), "-rawin", "-in", "SHA256SUMS", "-sigfile", "SHA256SUMS.sig"]
    done = subprocess.run([openssl, "pkeyutl", "-verify", *words], cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == 0, done


def test_files_that_hold_no_such_key_are_one_line(keys, tmp_path):
    (tmp_path / "text").write_text("no key")
    encrypted, _ = write_keys(tmp_path, "encrypted", b"secret")
    with pytest.raises(DigitsError, match=r"encrypted.pem is encrypted: name it as <\(openssl pkey"):
        private_key(encrypted)
    for file in (tmp_path / "text", keys[1]):
        with pytest.raises(DigitsError, match="is no private Ed25519 key: `openssl genpkey"):
            private_key(file)
    for file, reason in ((tmp_path / "text", "which is no public Ed25519 key"), (tmp_path / "none", "No such file")):
        with pytest.raises(DigitsError, match=f"{VARIABLE} names .*{reason}"):
            is_signed(b"", b"", file)


@pytest.fixture
def model(keys, tmp_path):
    """A signed version, and the folder of the copies that its figures are read from."""
    folder = tmp_path / "own"
    folder.mkdir()
    for path in (paths.METRICS, paths.CALIBRATION):
        (folder / path.name).write_text(path.name)
    hashes = {path.name: sha256_file(folder / path.name) for path in (paths.METRICS, paths.CALIBRATION)}
    hashes |= {"model.keras": "1" * 64, "model.tflite": "2" * 64, "classes.json": "3" * 64}
    lines = "".join(f"{hash}  {name}\n" for name, hash in hashes.items())
    tags = {"sha256sums": lines, "twin_sha256": "2" * 64, "signature": signed(private_key(keys[0]), lines)}
    registered = SimpleNamespace(version=3, name="digits", tags=tags)

    def find(path):
        return folder / path.name if (folder / path.name).is_file() else None

    results = Results("digits", find)
    return Model("champion", "models:/digits/3", "1" * 64, results, None, registered, lambda: folder), folder


def test_a_model_is_vouched_for_as_a_whole(model):
    found, folder = model
    assert vouched(found) is found
    (folder / "calibration.json").write_text("a lower threshold")
    with pytest.raises(DigitsError, match=r"digits version 3: calibration.json changed since it was signed: refused"):
        vouched(found)
    (folder / "calibration.json").unlink()
    found.version.tags["twin_sha256"] = "4" * 64
    with pytest.raises(DigitsError, match=r"digits version 3: model.tflite, calibration.json changed"):
        vouched(found)


def test_names_of_classes_that_were_put_beside_are_refused(model):
    found, folder = model
    (folder / "classes.json").write_text('["other", "names"]')
    with pytest.raises(DigitsError, match=r"digits version 3: classes.json changed since it was signed"):
        vouched(found)


def test_a_file_or_a_run_is_its_owners_affair(model):
    found = model[0]
    file = Model("here.keras", "here.keras", "5" * 64, found.results, None, None, found.file)
    assert vouched(file) is file


def test_typical_images_count_where_there_are_any(model):
    """They decide which answers are sure, but an older version has none."""
    found, folder = model
    assert vouched(found) is found
    (folder / "prototypes.npz").write_bytes(b"put there")
    with pytest.raises(DigitsError, match=r"digits version 3: prototypes.npz changed since it was signed"):
        vouched(found)
