"""The pages of docs/reference say what the code says, and what a run really has in MLflow."""

import re

import pytest
from support.params import raw_params
from support.project import ROOT
from support.scripts import docs_script

from digits.evaluation.scores import METRICS
from digits.params import flatten

KEYS = "|".join(metric.key for metric in METRICS)


@pytest.fixture(scope="module")
def reference():
    return docs_script("reference")


def named(page: str, heading: str) -> set[str]:
    """What stands in the first column of the table below a heading."""
    text = (ROOT / "docs" / "reference" / page).read_text(encoding="utf-8")
    below = text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (.*?) \|", below, re.MULTILINE)
    return {name for row in rows for name in re.findall(r"`(.*?)`", row)}


@pytest.mark.parametrize("page", ["parameters.md", "commands.md", "metrics.md", "mlflow.md"])
def test_the_pages_are_current(reference, page):
    written = (ROOT / "docs" / "reference" / page).read_text(encoding="utf-8")
    assert written == reference.pages()[page], "run `python docs/reference.py`"


def test_each_parameter_is_there():
    keys = set(flatten(raw_params())) - {"recipe"}
    pages = set().union(*(named("parameters.md", section) for section in {key.partition(".")[0] for key in keys}))
    assert keys - pages == set()


@pytest.mark.slow
def test_what_a_run_has_in_mlflow_is_there(reproduced, client_of):
    client = client_of(reproduced)
    version = client.get_model_version_by_alias("digits", "champion")
    run = client.get_run(version.run_id)
    metrics = {re.sub(r"^test_(precision|recall|f1)/.*", r"test_\1/CLASS", name) for name in run.data.metrics}
    metrics = {re.sub(r"^robustness/.*", "robustness/CHANGE", name) for name in metrics}
    metrics = {re.sub(r"^system/.*", "system/NAME", name) for name in metrics}
    metrics = {re.sub(rf"^test_({KEYS})(_low|_high)?$", "test_KEY", name) for name in metrics}
    assert metrics - named("mlflow.md", "Metrics of a run") == set()
    tags = {tag for tag in run.data.tags if not tag.startswith("mlflow.")}
    assert tags - named("mlflow.md", "Tags of a run") == set()
    of_version = {re.sub(r"^test_(?!sha256).*", "test_KEY", tag) for tag in version.tags}
    assert of_version - named("mlflow.md", "Tags of a run") - named("mlflow.md", "Tags of a version") == set()
    folders = [item.path for item in client.list_artifacts(run.info.run_id) if item.is_dir]
    files = {item.path for folder in folders for item in client.list_artifacts(run.info.run_id, folder)}
    files = {re.sub(r"^plots/.*", "plots/", file) for file in files if not file.startswith("validation/data_docs")}
    assert files - named("mlflow.md", "Artifacts of a run") == set()
