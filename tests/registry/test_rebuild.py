"""Rebuilding from any repository, with a stage that takes no time, and without touching what is there.

That a rebuild of the real pipeline gives the same bytes is in tests/journeys.
"""

import hashlib
import os
from dataclasses import replace
from pathlib import Path

import pytest
from support.advice import follow, refusal
from support.repository import commit, make_repository, run_git

from digits.registry import rebuild as module
from digits.registry.lineage import Lineage, lineage_of
from digits.registry.rebuild import rebuild, why_other_bytes
from digits.registry.resolve import resolve_run
from digits.tracking.logged_model import libraries_text
from digits.tracking.processor import Processor, processor
from digits.tracking.source import source_tags, split, uncommitted_patch

pytestmark = pytest.mark.slow

# The model of this pipeline is its parameters and its code. `$TRAINED` counts the trainings.
PIPELINE = """
stages:
  train:
    cmd: echo once >> "$TRAINED" && mkdir -p models && cat params.yaml code.py > models/model.keras
    deps: [params.yaml, code.py]
    outs: [models/model.keras]
"""


def write_project(folder, *, of_dvc=True):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "dvc.yaml").write_text(PIPELINE)
    (folder / "params.yaml").write_text("train: {epochs: 2}\n")
    (folder / "code.py").write_text("print('first')\n")
    if of_dvc:
        (folder / ".dvc").mkdir(exist_ok=True)
        (folder / ".dvc" / "config").write_text("[core]\n    analytics = false\n")


@pytest.fixture
def top(tmp_path, monkeypatch):
    """A repository with other things at its top."""
    folder = tmp_path / "top"
    folder.mkdir()
    make_repository(folder, monkeypatch)
    (folder / "dvc.yaml").unlink()
    (folder / "dvc.lock").unlink()
    commit("others")
    monkeypatch.setenv("TRAINED", str(tmp_path / "trained"))
    (tmp_path / "trained").touch()
    return folder


def plain(top, tmp_path):
    write_project(top)
    commit("project")
    return top


def sub_folder(top, tmp_path):
    write_project(top / "models" / "my digits")
    commit("project")
    return top / "models" / "my digits"


def below_a_common_dvc(top, tmp_path):
    write_project(top / "models" / "digits", of_dvc=False)
    (top / ".dvc").mkdir()
    (top / ".dvc" / "config").write_text("[core]\n    analytics = false\n")
    commit("project")
    return top / "models" / "digits"


def worktree(top, tmp_path):
    project = sub_folder(top, tmp_path)
    run_git("worktree", "add", "-q", "-b", "side", str(tmp_path / "worktree"))
    return tmp_path / "worktree" / project.relative_to(top)


def submodule(top, tmp_path):
    plain(top, tmp_path)
    larger = tmp_path / "larger"
    larger.mkdir()
    run_git("init", "-q", folder=larger)
    run_git("-c", "protocol.file.allow=always", "submodule", "add", "-q", str(top), "digits", folder=larger)
    commit("with a submodule", folder=larger)
    return larger / "digits"


def shallow(top, tmp_path):
    project = sub_folder(top, tmp_path)
    run_git("clone", "-q", "--depth", "1", f"file://{top}", str(tmp_path / "clone"))
    return tmp_path / "clone" / project.relative_to(top)


def partial(top, tmp_path):
    project = sub_folder(top, tmp_path)
    run_git("config", "uploadpack.allowFilter", "true")
    run_git("config", "uploadpack.allowAnySHA1InWant", "true")
    run_git("clone", "-q", "--filter=blob:none", f"file://{top}", str(tmp_path / "clone"))
    return tmp_path / "clone" / project.relative_to(top)


def sparse(top, tmp_path):
    project = sub_folder(top, tmp_path)
    run_git("sparse-checkout", "set", "--cone", "--sparse-index", "models")
    return project


def detached(top, tmp_path):
    project = plain(top, tmp_path)
    run_git("checkout", "-q", "--detach")
    return project


def linked(top, tmp_path):
    """A project whose folder is entered through a symbolic link."""
    project = sub_folder(top, tmp_path)
    (tmp_path / "link").symlink_to(project)
    return tmp_path / "link"


KINDS = (
    plain, sub_folder, below_a_common_dvc, worktree, submodule, shallow, partial, sparse, detached, linked,
)  # fmt: skip


@pytest.fixture(params=KINDS, ids=lambda kind: kind.__name__)
def project(request, top, tmp_path, monkeypatch):
    """A project in one kind of repository, the current folder."""
    folder = request.param(top, tmp_path)
    monkeypatch.chdir(folder)
    return folder


def lineage_now(**changes):
    """The lineage of a model that would be trained now."""
    tags = source_tags()
    model = Path("params.yaml").read_bytes() + Path("code.py").read_bytes()
    facts = {
        "model_sha256": hashlib.sha256(model).hexdigest(), "run_id": "r", "run_name": "a run", "trained_at": "now",
        "commit": tags.get("git_commit"), "folder": tags.get("git_folder", "."),
        "dirty": tags.get("git_dirty") == "true", "changed_files": split(tags.get("git_changed", "")),
        "untracked_files": split(tags.get("git_untracked", "")), "changed": {}, "dvc_experiment": None,
        "data_digest": None, "test_sha256": None, "versions": {}, "reproductions": 0,
    }  # fmt: skip
    return Lineage(**{**facts, **changes})


def keep_patch(monkeypatch, folder):
    """The artifact of the run, as the training keeps it."""
    patch = folder / "uncommitted.patch"
    patch.write_bytes(uncommitted_patch("HEAD"))
    monkeypatch.setattr(module.artifacts, "download", lambda client, run_id, path: patch)


def state_of(project):
    """HEAD, refs, index and files of the repositories that a project has to do with."""
    found = {}
    for name in ("index", "HEAD", "config"):
        path = Path(run_git("rev-parse", "--git-path", name, folder=project))
        found[name] = (project / path).read_bytes()
    found["refs"] = run_git("for-each-ref", folder=project)
    found["worktrees"] = run_git("worktree", "list", folder=project)
    found["files"] = {p: p.read_bytes() for p in project.rglob("*") if p.is_file() and ".git" not in p.parts}
    return found


def test_a_model_is_rebuilt_and_nothing_touched(project, tmp_path, monkeypatch):
    Path("params.yaml").write_text("train: {epochs: 3}\n")
    Path("code.py").write_text("print('größer')\n")
    found = lineage_now()
    assert set(found.changed_files) == {"params.yaml", "code.py"} and found.untracked_files == []
    keep_patch(monkeypatch, tmp_path)
    # What was committed since then is not in the model.
    Path("code.py").write_text("print('later')\n")
    before = state_of(project)
    assert rebuild(None, found) == found.model_sha256
    assert state_of(project) == before


def test_a_hook_of_another_repository_changes_nothing(top, tmp_path, monkeypatch):
    """Git gives its hooks GIT_DIR and GIT_INDEX_FILE, and a `git commit` waits while they run."""
    project = sub_folder(top, tmp_path)
    other = tmp_path / "other"
    other.mkdir()
    run_git("init", "-q", folder=other)
    (other / "code.py").write_text("of another repository\n")
    commit("other", folder=other)
    monkeypatch.chdir(project)
    found = lineage_now()
    before = state_of(project), state_of(other)
    with monkeypatch.context() as hook:
        hook.setenv("GIT_DIR", str(other / ".git"))
        hook.setenv("GIT_WORK_TREE", str(other))
        hook.setenv("GIT_INDEX_FILE", str(other / ".git" / "index"))
        assert lineage_now() == found
        assert rebuild(None, found) == found.model_sha256
    assert (state_of(project), state_of(other)) == before


def test_hooks_and_templates_of_the_user_do_not_run(top, tmp_path, monkeypatch):
    plain(top, tmp_path)
    hooks, template = tmp_path / "hooks", tmp_path / "template"
    (template / "hooks").mkdir(parents=True)
    hooks.mkdir()
    for name in ("post-checkout", "post-index-change", "post-commit", "reference-transaction", "pre-commit"):
        for folder in (hooks, template / "hooks"):
            (folder / name).write_text(f"#!/bin/sh\ntouch {tmp_path}/hooked\n")
            (folder / name).chmod(0o755)
    settings = tmp_path / "gitconfig"
    settings.write_text(f"[core]\n\thooksPath = {hooks}\n[init]\n\ttemplateDir = {template}\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(settings))
    found = lineage_now()
    assert rebuild(None, found) == found.model_sha256
    assert not (tmp_path / "hooked").exists()


def test_nothing_comes_from_a_shared_cache(top, tmp_path, monkeypatch):
    """DVC's run cache would give back the model of the first training, and prove nothing."""
    plain(top, tmp_path)
    settings = tmp_path / "dvc"
    settings.mkdir()
    (settings / "config").write_text(f"[cache]\n    dir = {tmp_path / 'shared'}\n")
    monkeypatch.setenv("DVC_GLOBAL_CONFIG_DIR", str(settings))
    (top / ".dvc" / "config").write_text(f"[cache]\n    dir = {tmp_path / 'shared'}\n")
    commit("a shared cache")
    trained = Path(os.environ["TRAINED"])
    module._call([module.sys.executable, "-m", "dvc", "repro", "-q"], top)
    assert trained.read_text().count("once") == 1
    found = lineage_now()
    assert rebuild(None, found) == found.model_sha256
    assert trained.read_text().count("once") == 2


def test_a_project_that_moved_is_rebuilt_where_it_was(top, tmp_path, monkeypatch):
    project = sub_folder(top, tmp_path)
    monkeypatch.chdir(project)
    found = lineage_now()
    (top / "ml").mkdir()
    run_git("mv", str(project), str(top / "ml" / "digits"))
    commit("moved", folder=top)
    monkeypatch.chdir(top / "ml" / "digits")
    assert rebuild(None, found) == found.model_sha256


def test_a_commit_that_is_not_here_is_fetched_by_the_way_out(top, tmp_path, monkeypatch):
    project = plain(top, tmp_path)
    run_git("clone", "-q", str(top), str(tmp_path / "whole"))
    (project / "code.py").write_text("print('second')\n")
    commit("second")
    newest = lineage_now()
    run_git("clone", "-q", "--depth", "1", f"file://{top}", str(tmp_path / "shallow"))
    (project / "code.py").write_text("print('third')\n")
    commit("third")
    before = lineage_now()
    oldest = replace(before, commit=run_git("rev-parse", "HEAD~2"))
    for clone, missing, command in (("whole", newest, "git fetch"), ("shallow", oldest, "git fetch --unshallow")):
        monkeypatch.chdir(tmp_path / clone)
        message = refusal(rebuild, None, missing)
        assert f"is not in this repository: `{command}` brings it, if the remote has it" in message
        follow(message)
        assert len(rebuild(None, missing)) == 64


def test_a_partial_clone_without_its_remote_says_so(top, tmp_path, monkeypatch):
    project = partial(top, tmp_path)
    monkeypatch.chdir(project)
    found = lineage_now()
    (project / "code.py").write_text("print('second')\n")
    commit("second")
    # A blob that is not here: that of a commit which only the remote has.
    (top / "models" / "my digits" / "code.py").write_text("print('third')\n")
    third = commit("third", folder=top)
    run_git("fetch", "-q", folder=project)
    top.rename(tmp_path / "away")
    message = refusal(rebuild, None, replace(found, commit=third))
    assert message.startswith(f"files of commit {third[:12]} cannot be read: ")
    (tmp_path / "away").rename(top)
    follow(message)
    assert len(rebuild(None, replace(found, commit=third))) == 64


def test_what_is_not_known_completely_is_refused(top, tmp_path, monkeypatch):
    plain(top, tmp_path)
    found = lineage_now()
    message = refusal(rebuild, None, replace(found, commit=None))
    assert message == "run a run cannot be rebuilt: it was made without a git repository, or without git"
    message = refusal(rebuild, None, replace(found, untracked_files=["stages/mine.py"]))
    assert message.endswith("cannot be rebuilt: it was made from files that git did not track: stages/mine.py")
    monkeypatch.setattr(module.artifacts, "download", lambda client, run_id, path: None)
    assert "its uncommitted changes were not kept" in refusal(rebuild, None, replace(found, dirty=True))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "--verify needs git, which is not installed" in refusal(rebuild, None, found)


def test_a_lineage_of_a_store_is_refused_likewise(store):
    found = lineage_of(store.registry, resolve_run("2", store.registry))
    assert found.folder == "."
    for broken in (replace(found, commit=None), replace(found, untracked_files=["stages/mine.py"])):
        assert "cannot be rebuilt: it was made" in refusal(rebuild, store.client, broken)


# --- Why bytes differ -------------------------------------------------------------------------------------------------

HERE = libraries_text(1)


def made(cpu, processor=None, libraries=HERE):
    return replace(EMPTY, cpu=cpu, processor=processor, libraries=libraries)


EMPTY = Lineage("ab", "r", "a run", "now", "c", ".", False, [], [], {}, None, None, None, {}, 0)


def test_another_processor_is_why_native_bytes_differ():
    there = Processor("AMD EPYC 9755", "avx avx2 avx512f")
    message = why_other_bytes(made("native", there))
    assert message.startswith("train.cpu is native, so the bytes belong to the processor: ")
    assert "trained on AMD EPYC 9755 with avx avx2 avx512f, this is " in message
    assert f"this is {processor('native')}; one like the first gives the same" in message


def test_portable_bytes_are_promised_only_where_they_were_tried():
    message = why_other_bytes(made("portable", Processor("VIA Nano", "avx avx2")))
    assert "trained on VIA Nano with avx avx2" in message and "train.cpu is portable, which" in message
    assert "native" not in message


@pytest.mark.parametrize("cpu", ["portable", "native"])
def test_on_the_same_processor_the_libraries_may_differ(cpu):
    assert why_other_bytes(made(cpu, processor(cpu), "tensorflow 2.0.0")) == (
        f"it was trained with tensorflow 2.0.0, here are {HERE}"
    )
    assert why_other_bytes(made(cpu, processor(cpu))).startswith("processor and libraries are as they were")


def test_several_workers_compute_with_jax():
    lineage = replace(made("portable", processor("portable"), f"{HERE}, jax 0.1, jaxlib 0.1"), workers=2)
    assert why_other_bytes(lineage) == f"it was trained with {HERE}, jax 0.1, jaxlib 0.1, here are {libraries_text(2)}"
    assert ", jaxlib " in libraries_text(2)
    assert why_other_bytes(replace(lineage, libraries=libraries_text(2))).startswith("processor and libraries are as")


def test_a_run_from_before_says_what_it_may_be():
    assert why_other_bytes(made("native")).startswith("another processor, number of threads or library version gives")
