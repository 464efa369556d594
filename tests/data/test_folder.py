"""Files are found by their content, in the layouts that people have."""

import gzip
import hashlib
import os
import shutil
import zipfile

import pytest
from support.raw_sources import FILES, WANTED, folder_source

from digits.data import folder
from digits.data.fetch import fetch_dataset
from digits.data.folder import DEPTH, find_content, idx_files
from digits.data.raw import RAW_NAMES
from digits.data.unpack import SourceError
from digits.errors import DigitsError
from digits.params import FetchParams


def plain(root, rename=lambda name: name, pack=lambda data: data):
    for name, data in FILES.items():
        path = root / rename(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(pack(data))


def zipped(path, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", **options) as archive:
        for name, data in FILES.items():
            archive.writestr(f"data/{name}", data)


def with_decoys(root):
    plain(root / "raw")
    # As long and of the same form, in a place that is looked at first.
    plain(root / "another", pack=lambda data: data[:-1] + bytes([data[-1] ^ 1]))
    (root / "readme.txt").write_text("no IDX")


LAYOUTS = {
    "as it is": plain,
    "gzipped": lambda root: plain(root, lambda name: f"{name}.gz", gzip.compress),
    "gzipped without the suffix": lambda root: plain(root, pack=gzip.compress),
    "plain with the suffix": lambda root: plain(root, lambda name: f"{name}.gz"),
    "Kaggle's names": lambda root: plain(root, lambda name: name.replace("-idx", ".idx")),
    "in folders of the files' names": lambda root: plain(root, lambda name: f"{name}/{name}"),
    "torchvision": lambda root: plain(root, lambda name: f"MNIST/raw/{name}"),
    "as deep as it goes": lambda root: plain(root, lambda name: f"{'x/' * DEPTH}{name}"),
    "names of one's own": lambda root: plain(root, lambda name: f"{list(FILES).index(name)}.bin"),
    "names that are no text": lambda root: plain(root, lambda name: os.fsdecode(b"\xff\n") + name),
    "zip in the folder": lambda root: zipped(root / "archive.zip", compression=zipfile.ZIP_DEFLATED),
    "zip under another name": lambda root: zipped(root / "download"),
    "decoys": with_decoys,
}


def section(source):
    files = {key: file.model_dump() for key, file in WANTED.items()}
    return FetchParams.model_validate({"files": files, "sources": [source], "timeout": 5.0})


def fetch(root, tmp_path):
    params = section({"kind": "folder", "path": str(root)})
    fetch_dataset(params, tmp_path / "out" / "raw", tmp_path / "out" / ".fetch", lambda line: None)
    return {path.name: path.read_bytes() for path in (tmp_path / "out" / "raw").iterdir()}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_data_set_is_found_however_it_lies_there(tmp_path, layout):
    (tmp_path / "in").mkdir()
    LAYOUTS[layout](tmp_path / "in")
    assert fetch(tmp_path / "in", tmp_path) == FILES


def test_the_source_may_be_a_zip_itself_and_lie_in_the_home_folder(tmp_path, monkeypatch):
    zipped(tmp_path / "archive.zip")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert fetch("~/archive.zip", tmp_path) == FILES


def test_a_file_that_cannot_be_read_is_passed_over_and_named(tmp_path):
    plain(tmp_path / "in", lambda name: f"{name}.gz", gzip.compress)
    name = "train-labels-idx1-ubyte"
    packed = tmp_path / "in" / f"{name}.gz"
    packed.write_bytes(packed.read_bytes()[:-4])
    (tmp_path / "in" / "broken.zip").write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(DigitsError) as refused:
        fetch(tmp_path / "in", tmp_path)
    assert f"{name}.gz: not a whole gzip file" in str(refused.value)
    # A copy elsewhere in the folder is as good.
    (tmp_path / "in" / "copies").mkdir()
    (tmp_path / "in" / "copies" / "labels").write_bytes(FILES[name])
    assert fetch(tmp_path / "in", tmp_path) == FILES


def test_an_encrypted_or_damaged_zip_is_no_traceback(tmp_path):
    zipped(tmp_path / "in" / "archive.zip")
    data = bytearray((tmp_path / "in" / "archive.zip").read_bytes())
    # The flag of an encrypted member, in the directory and before the member.
    for start, flag in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):
        at = data.find(start)
        while at >= 0:
            data[at + flag] |= 1
            at = data.find(start, at + 1)
    (tmp_path / "in" / "archive.zip").write_bytes(data)
    with pytest.raises(DigitsError, match=r"data/train-images-idx3-ubyte cannot be unpacked \(.*encrypted"):
        fetch(tmp_path / "in", tmp_path)


def test_what_lies_there_is_listed_with_its_hashes(tmp_path):
    plain(tmp_path, lambda name: name.replace("-idx", ".idx"))
    (tmp_path / "train-images-idx3-ubyte").write_bytes(b"other")
    wanted = "0" * 64
    with pytest.raises(SourceError) as refused:
        find_content(tmp_path, "train-images-idx3-ubyte", "train_images", wanted)
    message = str(refused.value)
    assert f"no file with the SHA-256 {wanted} of fetch.files.train_images (train-images-idx3-ubyte)" in message
    # All digits of the file that has the name: they can be pasted.
    assert f"train-images-idx3-ubyte with {hashlib.sha256(b'other').hexdigest()}" in message
    labels = WANTED["test_labels"].sha256
    assert f"t10k-labels.idx1-ubyte with {labels[:12]}…" in message
    assert "`digits propose` prints what to write there" in message and len(message.splitlines()) == 1


def test_the_hash_of_the_compressed_file_is_answered_with_that_of_its_content(tmp_path):
    folder_source(tmp_path / "in", compress=True)
    packed = hashlib.sha256((tmp_path / "in" / "t10k-labels-idx1-ubyte.gz").read_bytes()).hexdigest()
    wanted = WANTED["test_labels"].sha256
    with pytest.raises(SourceError, match=f"fetch.files.test_labels.sha256 is the hash of the .* content, {wanted}"):
        find_content(tmp_path / "in", "t10k-labels-idx1-ubyte", "test_labels", packed)
    # With the hash that the message gives, it is found.
    found = find_content(tmp_path / "in", "any", "test_labels", wanted)
    assert b"".join(found) == FILES["t10k-labels-idx1-ubyte"]


def test_the_search_ends(tmp_path, monkeypatch):
    plain(tmp_path / "in", lambda name: f"{'x/' * (DEPTH + 1)}{name}")
    with pytest.raises(SourceError, match="there is no IDX file, 4 folders deep"):
        find_content(tmp_path / "in", "t10k-labels-idx1-ubyte", "test_labels", "0" * 64)
    (tmp_path / "in" / "loop").symlink_to(tmp_path / "in")
    os.mkfifo(tmp_path / "in" / "pipe")
    assert idx_files(tmp_path / "in") == ([], False)
    monkeypatch.setattr(folder, "MOST_FILES", 3)
    plain(tmp_path / "many")
    with pytest.raises(SourceError, match="only 3 files were looked at"):
        find_content(tmp_path / "many", "nothing", "test_labels", "0" * 64)


def test_a_file_that_changed_is_hashed_again(tmp_path):
    name = RAW_NAMES["test_labels"]
    folder_source(tmp_path / "in", compress=False)
    path = tmp_path / "in" / name
    (candidate,) = (found for found in idx_files(tmp_path / "in")[0] if found.is_called(name))
    before = candidate.hashes()
    shutil.copy(tmp_path / "in" / RAW_NAMES["train_labels"], path)
    assert candidate.hashes() != before
