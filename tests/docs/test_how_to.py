"""The changes that the how-tos show can be applied, and do what the page says."""

import json
import re
import sys

import pytest
from ruamel.yaml import YAML
from support.project import ROOT, Project, change, copy_code, make_project


def apply(project: Project, page: str) -> None:
    """Apply the change that a page shows."""
    (change,) = re.findall(
        r"^```diff\n(.*?)^```$", (ROOT / "docs" / page).read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )
    (project.folder / "change.diff").write_text(change, encoding="utf-8")
    project.run("git", "apply", "change.diff")


def asked(project: Project, code: str) -> object:
    """What code in the project prints, as JSON."""
    return json.loads(project.run(sys.executable, "-c", code).stdout)


def test_a_new_metric(tmp_path):
    project = copy_code(tmp_path)
    apply(project, "new-metric.md")
    code = """
import json, numpy as np
from digits.evaluation.scores import score
probabilities = np.array([[0.6, 0.3, 0.1], [0.2, 0.3, 0.5], [0.1, 0.3, 0.6]], "float32")
print(json.dumps(score(np.array([1, 2, 0]), probabilities, ["a", "b", "c"], 0.95, 15)["top_two"]))
"""
    assert asked(project, code) == pytest.approx(2 / 3, abs=1e-6)


def test_a_new_gate(tmp_path):
    project = copy_code(tmp_path)
    apply(project, "new-gate.md")
    (line,) = re.findall(
        r"^```yaml\n(.*?)^```$", (ROOT / "docs" / "new-gate.md").read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )
    change(project.folder / "params.yaml", {f"register.gates.{key}": value for key, value in YAML().load(line).items()})
    code = """
import json
from types import SimpleNamespace
from digits.params import load_params
from digits.registry.gates import GATES
rule = next(rule for rule in GATES if rule.check.__name__ == "loss")
limits = load_params().register_
found = [rule.check(SimpleNamespace(model=SimpleNamespace(metrics={"loss": loss})), limits) for loss in (0.03, 0.07)]
print(json.dumps([[gate.passed, gate.limit] for gate in found]))
"""
    assert asked(project, code) == [[True, 0.05], [False, 0.05]]


@pytest.mark.long
@pytest.mark.slow
def test_a_new_stage(tmp_path):
    project = make_project(tmp_path)
    apply(project, "new-stage.md")
    done = project.run("dvc", "repro", "ink")
    assert project.stages_run(done) == ["params", "fetch", "validate", "preprocess", "ink"]
    ink = json.loads(project.read("reports/ink.json"))
    assert list(ink) == list("0123456789")
    # A 1 is a stroke.
    assert min(ink, key=ink.__getitem__) == "1"
    project.run("python", "docs/pipeline.py")
    assert ">ink<" in project.read("docs/images/pipeline.svg")
    project.run("python", "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/pipeline/test_deps.py")
