"""What a run has under which name, and how it comes to this disk."""

import subprocess
import sys
from pathlib import Path

import pytest

from digits.tracking import artifacts

TAGS = {
    name: value
    for name, value in vars(artifacts).items()
    if name.isupper()
    and isinstance(value, str)
    and name not in ("VALIDATION", "PLOTS", "MODEL_CARD", "PARAMS", "PATCH")
}


@pytest.fixture
def run_id(client):
    return client.create_run(client.get_experiment_by_name("digits").experiment_id).info.run_id


def test_no_two_files_and_no_two_tags_have_one_name():
    assert len(set(artifacts.RESULT_FILES.values())) == len(artifacts.RESULT_FILES) == 11
    assert "model_sha256" in TAGS.values() and len(set(TAGS.values())) == len(TAGS)


def test_an_artifact_comes_as_it_was_logged(client, run_id, folder):
    content = bytes(range(256))
    for path in ("training/history.csv", "model_card.md"):
        (folder / Path(path).name).write_bytes(content)
        client.log_artifact(run_id, str(folder / Path(path).name), path.rpartition("/")[0] or None)
        found = artifacts.download(client, run_id, path)
        assert found.read_bytes() == content and found.name == Path(path).name
        assert found.is_relative_to(artifacts.scratch() / run_id)


def test_what_a_run_does_not_have_is_none(client, run_id):
    client.log_text(run_id, "1", "evaluation/metrics.json")
    for absent in ("evaluation/metrics", "metrics.json", "evaluation/absent.json", "absent/metrics.json"):
        assert artifacts.download(client, run_id, absent) is None


def test_many_files_of_a_folder_cost_one_listing(client, run_id, monkeypatch):
    from mlflow.store.artifact.local_artifact_repo import LocalArtifactRepository

    listed = []
    list_artifacts = LocalArtifactRepository.list_artifacts
    monkeypatch.setattr(
        LocalArtifactRepository,
        "list_artifacts",
        lambda self, path=None: listed.append(path) or list_artifacts(self, path),
    )
    for name in ("a", "b"):
        client.log_text(run_id, name, f"evaluation/{name}.json")
    fetch = artifacts.downloader(client.get_run(run_id).info.artifact_uri, run_id)
    assert [fetch(f"evaluation/{name}.json").read_text() for name in ("a", "b")] == ["a", "b"]
    assert fetch("evaluation/c.json") is None and fetch("training/a.json") is None
    assert sorted(listed) == ["evaluation", "training"]


def test_what_was_downloaded_goes_with_the_process():
    code = (
        "from digits.tracking.artifacts import scratch\n"
        "(scratch() / 'metrics.json').write_text('{}')\n"
        "assert scratch() is scratch()\n"
        "print(scratch())\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    folder = Path(done.stdout.strip())
    assert folder.name.startswith("digits-") and not folder.exists()
