"""The workflows, scripts and Dockerfiles as files: what no linter of `ci/lint` knows about this project."""

import os
import re
import subprocess

import pytest
from ruamel.yaml import YAML
from support.project import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
SCRIPTS = sorted(path for path in (ROOT / "ci").iterdir() if path.name != "environment")
DOCKERFILES = sorted((ROOT / "docker").glob("*.Dockerfile"))


def read(path):
    return YAML(typ="safe").load(path)


def gitlab_lines():
    """All commands of .gitlab-ci.yml, line by line."""
    jobs = [job for job in read(ROOT / ".gitlab-ci.yml").values() if isinstance(job, dict)]
    commands = [line for job in jobs for key in ("script", "after_script") for line in job.get(key, [])]
    return [line.strip() for command in commands for line in command.splitlines()]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_only_calls_scripts_and_may_do_little(path):
    workflow = read(path)
    assert set(workflow["permissions"].items()) <= {("contents", "read")} and workflow["concurrency"]
    for job in workflow["jobs"].values():
        assert job["timeout-minutes"] <= 60
        for step in job["steps"]:
            if "run" in step:
                # Expressions would put texts of a pull request into the shell.
                assert (ROOT / step["run"].split()[0]) in SCRIPTS and "${{" not in step["run"]
            else:
                assert re.fullmatch(r"actions/[\w-]+@[0-9a-f]{40}", step["uses"])
                assert "checkout" not in step["uses"] or step["with"]["persist-credentials"] is False


def test_a_secret_never_meets_a_token_that_writes():
    for path in WORKFLOWS:
        for job in read(path)["jobs"].values():
            writes = "write" in job.get("permissions", {}).values()
            assert not (writes and "secrets." in str(job)), path.name


def test_gitlab_only_calls_scripts():
    around = {'if [ -n "$CI_MERGE_REQUEST_IID" ]; then', "fi"}
    assert all(line in around or (ROOT / line.split()[0]) in SCRIPTS for line in gitlab_lines())


@pytest.mark.parametrize("path", [*SCRIPTS, ROOT / "docker" / "packages"], ids=lambda path: path.name)
def test_a_script_can_be_run_and_parsed(path):
    assert os.access(path, os.X_OK)
    subprocess.run(["bash", "-n", path], check=True)


def pins(path):
    return set(re.findall(r"^([\w.-]+==[\w.]+)", path.read_text(), flags=re.MULTILINE))


def test_the_image_that_serves_has_a_part_of_the_lock():
    served = pins(ROOT / "docker" / "serve.lock")
    assert served < pins(ROOT / "requirements.lock")
    names = {pin.partition("==")[0] for pin in served}
    assert "ai-edge-litert" in names and not names & {"tensorflow", "tensorflow-cpu", "keras", "dvc", "uv"}


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.name)
def test_what_a_dockerfile_copies_is_there(path):
    text = path.read_text()
    allowed = (ROOT / ".dockerignore").read_text().splitlines()
    for line in re.findall(r"^COPY (?!--from)(.+) \S+$", text, flags=re.MULTILINE):
        for name in line.split():
            assert (ROOT / name).exists() and f"!{name.partition('/')[0]}" in allowed
    assert "USER 1000:1000" in text
