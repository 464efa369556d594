"""The step of docker/serve.Dockerfile that makes its environment, and a model served with nothing else."""

import json
import shutil
import subprocess
import sys
import urllib.request

import pytest
from support.project import ROOT, environment
from support.servers import Server


@pytest.mark.long
@pytest.mark.slow
def test_the_packages_of_the_image_serve_a_model(small_model, tmp_path, monkeypatch):
    made = subprocess.run(
        [ROOT / "docker" / "packages", ROOT / "docker" / "serve.lock", tmp_path / "venv"],
        env=environment(),
        capture_output=True,
        text=True,
    )
    if made.returncode:
        pytest.skip(f"the package index did not give the packages: {made.stderr.splitlines()[-1]}")
    # As in the image: the code alone, and no installed package of it.
    shutil.copytree(ROOT / "digits", tmp_path / "app" / "digits", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.chdir(tmp_path / "app")
    monkeypatch.setattr(sys, "executable", str(tmp_path / "venv" / "bin" / "python"))
    server = Server("serve", "--model", str(small_model.parent), log=tmp_path / "log")
    try:
        with urllib.request.urlopen(f"{server.url}/example", timeout=30) as example:
            body = example.read()
        request = urllib.request.Request(f"{server.url}/invocations", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            assert len(json.load(answer)["predictions"][0]) == 10
    finally:
        assert server.stop() == 0
