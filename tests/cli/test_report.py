"""`digits report`: Markdown on standard output, the page in a file, and what it refuses."""

import pytest
from support.decisions import assert_refused


@pytest.mark.slow
def test_markdown_or_a_page_or_both(store, digits, tmp_path):
    code, text, err = digits("report")
    assert code == 0 and err == "" and text.startswith("## digits: digits version 1: ")
    file = tmp_path / "new" / "report.html"
    code, out, err = digits("report", "2", "--html", str(file))
    assert code == 0 and out == "" and err == f"digits: wrote {file}\n"
    page = file.read_text(encoding="utf-8")
    assert page.startswith("<!DOCTYPE html>") and "<title>digits: digits version 2</title>" in page
    code, out, err = digits("report", "2", "--html", str(file), "--markdown")
    assert code == 0 and out.startswith("## digits: digits version 2: ") and err == f"digits: wrote {file}\n"
    assert_refused(digits("report", "champoin", "--html", str(tmp_path / "no.html")), "champoin")
    assert not (tmp_path / "no.html").exists()
