"""Other data, followed literally from the README: propose, paste, run, promote, take away, read.

The data are like EMNIST's letters: another size of images, labels from 1 on, and files under names of their own.
"""

import json
import zipfile
from pathlib import Path

import pytest
from ruamel.yaml import YAML
from support.drawings import page
from support.other_data import emnist_like, paste, write_idx
from support.pipeline import STAGES, assert_one_line

from digits.data.raw import RAW_NAMES

pytestmark = pytest.mark.slow

NAMES = ["no letter", "A|a", "A/a", "c", "C", "Ankle boot", "é", "$7", "*8*", "1e3", "ten"]


def zipped(folder: Path) -> Path:
    """The four files in one zip, as Kaggle calls them."""
    write_idx(folder / "files", emnist_like())
    archive = folder / "letters.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        for name in RAW_NAMES.values():
            packed.write(folder / "files" / name, f"archive/{name.replace('-idx', '.idx')}")
    return archive


def follow(project, archive):
    """Paste what `digits propose` prints, name the classes, and leave the champion's work behind."""
    printed = project.run("python", "-m", "digits.cli", "propose", str(archive)).stdout
    yaml = YAML()
    raw = yaml.load(project.folder / "params.yaml")
    paste(raw, YAML(typ="safe").load(printed))
    raw["preprocess"]["class_names"] = NAMES
    yaml.dump(raw, project.folder / "params.yaml")
    return printed


@pytest.mark.long
def test_letters_of_32_pixels_from_label_1_on(project, tmp_path, client_of):
    printed = follow(project, zipped(tmp_path))
    assert "side: 32" in printed and '["unused 0", ' in printed
    done = project.run("dvc", "repro")
    assert project.stages_run(done) == STAGES
    assert "evaluate: no test image of class no letter: left out of macro F1" in done.stdout
    assert "register: registered as version 2, challenger" in done.stdout
    test = json.loads(project.read("reports/metrics.json"))["test"]
    assert list(test["per_class"]) == NAMES and test["macro_f1"] > 0.75

    # Eleven classes have 33 metrics but for the class without images, and none overwrites another.
    client = client_of(project)
    version = client.get_model_version("digits", "2")
    metrics = client.get_run(version.run_id).data.metrics
    assert sum(name.startswith(("test_f1/", "test_recall/", "test_precision/")) for name in metrics) == 3 * 10
    for place, scores in enumerate(test["per_class"].values()):
        logged = {value for name, value in metrics.items() if name.startswith("test_recall/")}
        assert place == 0 or scores["recall"] in logged

    # The champion takes images of 28×28: nothing to compare, and force is the way out.
    command = ("python", "-m", "digits.cli", "promote", "2")
    done = project.run(*command, check=False, COLUMNS="300")
    assert_one_line(done, "digits", "version 2 refused: Compared with the champion; champion stays 1")
    assert "the champion takes images of 28×28 pixels, this model of 32×32" in done.stdout
    done = project.run(*command, "--force", "--reason", "letters now", COLUMNS="300")
    assert "version 2 is champion now, was 1" in done.stdout
    done = project.run("python", "-m", "digits.cli", "compare", "1", "2", "--json")
    assert [model["verdict"] for model in json.loads(done.stdout)["models"]] == ["baseline", "not compared"]

    # Names reach whoever reads a picture, from the registry as from the pulled folder.
    project.run("python", "-m", "digits.cli", "pull", "--to", "away")
    assert json.loads(project.read("away/classes.json")) == NAMES
    card = project.read("away/model_card.md")
    assert "No test image is of no letter: " in card and r"| A\|a | " in card and "32×32 grey values" in card
    picture = str(page(tmp_path / "page.png"))
    lines = []
    for model in ("champion", "away", "models"):
        done = project.run("python", "-m", "digits.cli", "predict", picture, "--model", model, "--explain", "out")
        lines.append(done.stdout.splitlines())
    assert lines[0] == lines[1] == lines[2] and len(lines[0]) == 2
    assert all(line.removeprefix(f"{picture}: ").partition("  ")[0] in NAMES for line in lines[0])


@pytest.mark.parametrize(
    ("change", "key"),
    [
        (
            {"validate": {"class_shares": [0.1] * 10}},
            "validate.class_shares has 10 shares for the 11 names of preprocess",
        ),
        (
            {"preprocess": {"class_names": [*NAMES[:9], 1e3, "ten"]}},
            "preprocess.class_names.9 = 1000.0: input should be a",
        ),
        ({"preprocess": {"class_names": [*NAMES[:9], NAMES[0], "ten"]}}, "'no letter' names more than one class"),
        (
            {"evaluate": {"robustness": {"load_digits": True}}},
            "evaluate.robustness.load_digits = true reads digits, and pr",
        ),
        ({"train": {"model": {"kernel_size": 7, "pool_size": 4}}}, "leaves nothing of a 32×32 image (validate.side)"),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_runs(mend, tmp_path, change, key):
    follow(mend, zipped(tmp_path))
    yaml = YAML()
    raw = yaml.load(mend.folder / "params.yaml")
    paste(raw, change)
    yaml.dump(raw, mend.folder / "params.yaml")
    done = mend.run("dvc", "repro", check=False)
    assert done.returncode != 0 and mend.stages_run(done) == ["params"]
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("params: ")]
    assert key in line and "Traceback" not in done.stderr
    assert (mend.folder / "models" / "model.keras").is_file()
