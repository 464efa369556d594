"""Data Docs that work offline: the pages of Great Expectations without remote content, and an index of our own."""

from __future__ import annotations

import re
import shutil
from html import escape
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from digits.validation.run import Check

# The pages load scripts and styles from six hosts and the logo from a seventh. Offline they would be blank, and online
# these hosts would learn of each visit. The text stays, and `data_docs.css` gives it form, folds and a filter.
_REMOTE = re.compile(
    r"<script\b.*?</script>|<style\b.*?</style>|<footer\b.*?</footer>|<link\b[^>]*>|<img\b[^>]*>|\sonclick=\"[^\"]*\"",
    re.DOTALL | re.IGNORECASE,
)


def make_offline(folder: Path, checks: list[Check]) -> None:
    """Rewrite the pages under `folder` in place, replace the index, and remove the assets.

    The index is replaced because the one of Great Expectations is empty without its script.

    Args:
        folder: Data Docs as Great Expectations built them.
        checks: of the same run, for the index.
    """
    head = _head()
    for page in folder.rglob("*.html"):
        text = _REMOTE.sub("", page.read_text(encoding="utf-8"))
        page.write_text(text.replace("</head>", f"{head}</head>", 1), encoding="utf-8")
    shutil.rmtree(folder / "static", ignore_errors=True)
    (folder / "index.html").write_text(_index(folder, checks, head), encoding="utf-8")


def _head() -> str:
    css = Path(__file__).with_name("data_docs.css").read_text(encoding="utf-8")
    # With this policy the browser refuses remote content that a later version of Great Expectations may add.
    policy = "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data: file:"
    return f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n<style>\n{css}</style>\n'


def _index(folder: Path, checks: list[Check], head: str) -> str:
    failed = sum(not check.success for check in checks)
    state = (
        f'<strong class="text-danger">✗ {failed} of {len(checks)} expectations failed</strong>'
        if failed
        else f'<strong class="text-success">✓ all {len(checks)} expectations hold</strong>'
    )
    sections = []
    for table, group in groupby(checks, key=lambda check: check.table):
        name = table.replace(" ", "-")
        page = next((folder / "validations" / name).rglob("*.html")).relative_to(folder).as_posix()
        links = f'<a href="{page}">results</a> · <a href="expectations/{name}.html">expectations</a>'
        rows = "\n".join(map(_row, group))
        sections.append(
            f"<h5>{escape(table)}</h5>\n<p>{links}</p>\n<div class='scroll'><table>\n<tr><th>Status</th>"
            "<th>Expectation</th><th>Allowed</th><th>Observed</th><th>Unexpected</th><th>First</th></tr>\n"
            f"{rows}\n</table></div>"
        )
    body = "\n".join(sections)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="UTF-8">\n<title>Validation of the raw data</title>\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1.0">\n{head}</head>\n<body><main>\n'
        f"<h1>Validation of the raw data</h1>\n<p>{state} · made by Great Expectations</p>\n{body}\n"
        "</main></body>\n</html>\n"
    )


def _row(check: Check) -> str:
    icon = "fa-check-circle" if check.success else "fa-times"
    unexpected = "" if check.unexpected is None else f"{check.unexpected:,}"
    first = f"{check.key} {', '.join(map(str, check.rows))}" if check.rows else ""
    cells = [check.expectation, check.allowed, check.observed, unexpected, first]
    return (
        f'<tr class="{"passed" if check.success else "failed"}"><td><span class="fas {icon}"></span></td>'
        + "".join(f"<td>{escape(cell)}</td>" for cell in cells)
        + "</tr>"
    )
