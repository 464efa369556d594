import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from digits.errors import DigitsError
from digits.report.dvc_page import TEMPLATE, install, offline_page


def dvc(folder: Path, *words: str) -> None:
    subprocess.run([sys.executable, "-m", "dvc", *words], cwd=folder, env=os.environ, check=True, capture_output=True)


@pytest.mark.slow
def test_the_page_carries_vega_and_loads_nothing():
    page = offline_page()
    assert "{refresh_tag}" in page and "{plot_divs}" in page and "{scripts}" not in page
    assert not re.search(r"<script[^>]+src|<link", page)
    assert len(page) > 500_000


def test_a_folder_without_dvc_is_refused(tmp_path):
    with pytest.raises(DigitsError, match=f"{tmp_path} is no DVC repository: run from the project's folder"):
        install(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_dvc_draws_its_plots_without_the_network(tmp_path, browser):
    dvc(tmp_path, "init", "--no-scm")
    install(tmp_path)
    assert (tmp_path / TEMPLATE).is_file()
    assert "html_template = plots/offline.html" in (tmp_path / ".dvc/config.local").read_text()
    (tmp_path / "history.csv").write_text("epoch,accuracy\n1,0.5\n2,0.7\n")
    dvc(tmp_path, "plots", "show", "history.csv", "-x", "epoch", "-y", "accuracy", "-o", "out")
    page = browser.new_page()
    requested = []
    page.on("request", lambda request: requested.append(request.url))
    page.goto((tmp_path / "out/index.html").as_uri())
    page.wait_for_selector("canvas, svg", timeout=20_000)
    assert [url for url in requested if not url.startswith(("file:", "data:"))] == []
    page.close()
