"""`digits validate`: its line, its exit code and its page."""

import shutil

import pytest
from support.decisions import assert_refused

pytestmark = pytest.mark.slow


def test_the_verdict_is_that_of_stage_validate(store, digits, tmp_path):
    code, out, err = digits("validate", "data/raw", "--workers", "1", "--docs", str(tmp_path / "docs"))
    assert (code, err) == (0, "")
    assert out == "all 38 expectations hold\n"
    assert "train images" in (tmp_path / "docs" / "index.html").read_text()
    raw = shutil.copytree("data/raw", tmp_path / "raw")
    labels = raw / "t10k-labels-idx1-ubyte"
    content = bytearray(labels.read_bytes())
    content[8] = 77
    labels.write_bytes(content)
    code, out, err = digits("validate", str(raw), "--workers", "1")
    assert code == 1
    assert "of 38 expectations failed, first test images: label: 77, allowed 0 … 9 (row 0)" in err.replace("\n", " ")


def test_a_folder_without_the_files_is_refused(store, digits, tmp_path):
    assert_refused(digits("validate", str(tmp_path), "--workers", "1"), "is missing")
