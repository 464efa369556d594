"""The diagram of the README is drawn from dvc.yaml."""

import re
from xml.etree import ElementTree

import pytest
from ruamel.yaml import YAML
from support.project import ROOT
from support.scripts import docs_script


@pytest.fixture(scope="module")
def pipeline():
    return docs_script("pipeline")


def test_the_picture_is_current(pipeline):
    assert pipeline.PAGE.read_text(encoding="utf-8") == pipeline.svg(), "run `python docs/pipeline.py`"


def test_each_stage_is_in_it(pipeline):
    stages = YAML(typ="safe").load(ROOT / "dvc.yaml")["stages"]
    drawn = {text.text for text in ElementTree.fromstring(pipeline.svg()).iter("{http://www.w3.org/2000/svg}text")}
    assert drawn == {*stages, "MLflow: runs and registry"}


def test_what_a_stage_needs_is_what_it_reads(pipeline):
    needs = pipeline.needs()
    assert needs["fetch"] == {"params"}
    assert needs["evaluate"] == {"perturb", "preprocess", "train"}
    # Each stage but the first one needs another.
    assert [stage for stage, others in needs.items() if not others] == ["params"]


def test_the_readme_names_the_stages(pipeline):
    (alt,) = re.findall(r"!\[(.*?)\]\(docs/images/pipeline\.svg\)", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert set(re.findall(r"\w+", alt)) >= set(pipeline.needs())
