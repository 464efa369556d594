"""A committed project in a temporary folder, for tests of what git and DVC know."""

import os
import subprocess
from pathlib import Path

import pytest

FILES = {
    "dvc.yaml": "stages: {}",
    "dvc.lock": "schema: '2.0'\n",
    "params.yaml": "train: {epochs: 1e1, stop: {mode: max}}\n",
    "reports/metrics.json": "{}",
}


def make_repository(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commit FILES in `folder` and enter it. Git and DVC take no settings from this machine."""
    for name in list(os.environ):
        if name.startswith(("DVC_", "GIT_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("DVC_NO_ANALYTICS", "1")
    for kind in ("GLOBAL", "SYSTEM"):
        monkeypatch.setenv(f"DVC_{kind}_CONFIG_DIR", str(folder.parent / f"{folder.name}-no-settings"))
    monkeypatch.chdir(folder)
    for name, text in FILES.items():
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_text(text)
    run_git("init", "-q", "-b", "main")
    commit("first")


def run_git(*words: str, folder: Path | None = None, check: bool = True) -> str:
    """Output of a git command, which needs no settings of an author."""
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    # Maintenance in the background would write into a folder that a test removes.
    identity += ["-c", "maintenance.auto=false"]
    done = subprocess.run(["git", *identity, *words], cwd=folder, check=check, capture_output=True, text=True)
    return done.stdout.strip()


def commit(message: str, folder: Path | None = None) -> str:
    """Commit everything. Returns the hash of the commit."""
    run_git("add", "-A", folder=folder)
    run_git("commit", "-qm", message, folder=folder)
    return run_git("rev-parse", "HEAD", folder=folder)
