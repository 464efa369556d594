"""The hashes of a version's files, in the form that `sha256sum --check` reads."""

import hashlib
import subprocess
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digits.errors import DigitsError
from digits.registry import sums

HASHES = st.binary(max_size=3).map(lambda content: hashlib.sha256(content).hexdigest())
NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=8)


@given(st.dictionaries(NAMES, HASHES))
def test_what_is_written_is_read(hashes):
    assert sums.parse(sums.text(hashes)) == hashes


def test_sha256sum_reads_it(tmp_path):
    (tmp_path / "plots").mkdir()
    for name in ("model.keras", "plots/curves.png"):
        (tmp_path / name).write_text(name)
    hashes = sums.of_folder(tmp_path)
    assert list(hashes) == ["model.keras", "plots/curves.png"]
    (tmp_path / sums.FILE).write_text(sums.text(hashes))
    subprocess.run(["sha256sum", "--check", "--strict", "--quiet", sums.FILE], cwd=tmp_path, check=True)


def test_what_differs_is_named():
    assert sums.changed({"a": "1", "b": "2", "c": "3"}, {"a": "1", "b": "3", "d": "4"}) == ["b", "c", "d"]
    assert sums.changed({"a": "1"}, {"a": "1"}) == []


def test_a_version_of_others_has_none():
    with pytest.raises(DigitsError, match="version 7 has no tag sha256sums: it was not registered by digits"):
        sums.of_version(SimpleNamespace(version=7, tags={}))
