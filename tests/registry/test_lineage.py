"""What MLflow keeps as text comes back as it was, and the commands of a lineage can be typed."""

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digits.registry.lineage import Lineage, describe, lineage_of, rebuild_commands, typed
from digits.registry.resolve import resolve_run
from digits.tracking.processor import Processor, processor


@given(
    st.one_of(
        st.integers(),
        st.floats(allow_nan=False, allow_infinity=False),
        st.booleans(),
        st.none(),
        st.lists(st.one_of(st.text(max_size=5), st.integers())),
        st.lists(st.dictionaries(st.text(max_size=3), st.text(max_size=5)), max_size=3),
    )
)
def test_a_parameter_keeps_value_and_type(value):
    found = typed({"section.key": str(value)})["section.key"]
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize("text", ["adam", "by A, B: CC BY-SA 3.0", "#1", "it's", "a: [b", "-", "", "*x", "stratified"])
def test_words_stay_words(text):
    assert typed({"section.key": text, "epochs": "3"}) == {"section.key": text}


def lineage(**changes):
    facts = {
        "model_sha256": "ab" * 32, "run_id": "r1", "run_name": "a run", "trained_at": "2026-01-01", "commit": "c0ffee",
        "folder": ".", "dirty": False, "changed_files": [], "untracked_files": [], "changed": {},
        "dvc_experiment": None, "data_digest": None, "test_sha256": None, "versions": {}, "reproductions": 0,
    }  # fmt: skip
    return Lineage(**{**facts, **changes})


def test_a_clean_commit_is_reproduced():
    lines = rebuild_commands(lineage())
    assert lines[1] == "git checkout c0ffee" and lines[-1] == "dvc repro train"


def test_changed_parameters_are_set_and_survive_the_shell():
    changed = {"train.epochs": 3, "preprocess.class_names": ["a", "b"], "train.model.filters": [8, 16]}
    # What only later stages read is no part of the model.
    changed |= {"plot.dpi": 50, "register.data_licence": "by me, under MIT", "recipe": "best-of-all"}
    command = rebuild_commands(lineage(dirty=True, changed_files=["params.yaml"], changed=changed))[-1]
    settings = ["-S", "train.epochs=3", "-S", "preprocess.class_names=['a','b']", "-S", "train.model.filters=[8,16]"]
    settings += ["-S", "recipe=best-of-all"]
    assert shlex.split(command) == ["dvc", "exp", "run", *settings, "train"]


@pytest.mark.parametrize(
    "changed", [None, {"train.epochs": 3, "preprocess.class_names": ["0", "1"]}, {"fetch.sources": [{"kind": "npm"}]}]
)
def test_parameters_that_are_unknown_here_or_not_plain_come_from_the_runs_own_file(changed):
    lines = rebuild_commands(lineage(dirty=True, changed_files=["params.yaml"], changed=changed))
    assert lines[2] == "# put the artifact source/params.yaml of run r1 in the place of params.yaml"
    assert lines[-1] == "dvc repro train"
    if changed is None:
        assert "unknown, as the commit is not here" in describe(lineage(changed=None))


def test_changed_code_comes_back_as_a_patch_which_holds_the_parameters_too():
    changed_files = ["params.yaml", "digits/model/network.py"]
    lines = rebuild_commands(lineage(dirty=True, changed_files=changed_files, changed={"train.epochs": 3}))
    assert any("git apply uncommitted.patch" in line for line in lines) and lines[-1] == "dvc repro train"


def test_in_a_larger_repository_the_commands_go_to_the_project():
    lines = rebuild_commands(lineage(folder="models/my digits", dirty=True, changed_files=["digits/model/network.py"]))
    assert lines[1] == "git checkout c0ffee && cd 'models/my digits'"
    assert lines[2].endswith("git apply '--directory=models/my digits' uncommitted.patch")


def test_what_git_never_saw_cannot_be_built_again():
    many = [f"stages/mine{number}.py" for number in range(30)]
    for facts, reason in (
        ({"commit": None}, "not possible: it was made without a git repository, or without git"),
        (
            {"untracked_files": ["stages/mine.py"]},
            "not possible: it was made from files that git did not track: stages",
        ),
        ({"untracked_files": many}, "stages/mine6.py, stages/mine7.py and 22 more"),
    ):
        assert rebuild_commands(lineage(**facts)) == []
        assert reason in describe(lineage(**facts)).splitlines()[-1]


def test_recipe_and_processor_are_lines_of_their_own():
    lines = describe(lineage()).splitlines()
    assert "recipe      unknown" in lines and "processor   unknown" in lines
    trained = {"cpu": "native", "processor": Processor("AMD EPYC 9755", "avx avx2 avx512f")}
    lines = describe(lineage(recipe="fast", besides_recipe={"train.epochs": 3}, **trained)).splitlines()
    assert "recipe      fast, but for train.epochs=3" in lines
    assert "processor   AMD EPYC 9755 with avx avx2 avx512f (native)" in lines
    assert "recipe      fast" in describe(lineage(recipe="fast", besides_recipe={})).splitlines()


@pytest.mark.slow
def test_lineage_says_how_to_build_it_again(store):
    found = lineage_of(store.registry, resolve_run("2", store.registry))
    assert found.versions == {"2": []} and found.dirty and found.changed_files == ["params.yaml"]
    assert found.changed["train.epochs"] == 1 and found.reproductions == 0
    assert found.recipe == "seed" and found.besides_recipe["train.epochs"] == 1 and found.cpu == "portable"
    assert found.processor == processor("portable") and found.libraries
    assert found.rebuild[-1].startswith("dvc exp run -S ") and "-S train.epochs=1" in found.rebuild[-1]
    text = describe(found)
    for fact in (found.model_sha256, found.run_id, found.commit, "train.epochs=1", found.data_digest):
        assert fact in text
