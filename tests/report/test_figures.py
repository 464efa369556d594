"""The list of figures, and stage plot, which draws it: all pictures, the same bytes for every user, or none."""

import os
import subprocess
import sys

import pandas as pd
import pytest
from support.figures import STOPPED
from support.project import ROOT

from digits import style
from digits.data.dataset import Dataset
from digits.evaluation.scores import weak_classes
from digits.params import load_params
from digits.report.figures import FIGURES, report_data
from digits.report.images import first_image_figure
from digits.results import Results

PLOT = ("-m", "stages", "plot")


def run(project, *command, **environment):
    return subprocess.run(
        [sys.executable, *command],
        cwd=project,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
        capture_output=True,
        text=True,
    )


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_every_figure_of_the_list_is_drawn_from_the_same_data(project):
    results = Results("a model", find=lambda path: project / path)
    data = report_data(Dataset(project / "data/processed"), results, load_params(ROOT / "params.yaml").plot, 15)
    titles = {name: figure(data).get_suptitle() for name, figure in FIGURES.items()}
    assert titles["first_image"] == "The first training image: class T-shirt/top"
    assert "15 mistakes in 20 test images\n" in titles["mistakes"]
    assert (
        f"of the weakest classes {' and '.join(weak_classes(results.metrics['per_class']))}\n" in titles["weak_classes"]
    )
    assert STOPPED["reason"] in titles["curves"]
    assert "5 of 20 right" in titles["confusion"] and "in % of their class" in titles["confusion_rates"]


@pytest.mark.slow
def test_stage_writes_all_pictures_the_same_for_every_user(project, images):
    folder = project / "reports/plots"
    assert (done := run(project, *PLOT)).returncode == 0, done.stderr
    first = contents(folder)
    assert set(first) == {
        *("first_image.png", "samples.png", "curves.png", "confusion.png"),
        *("mistakes.png", "weak_classes.png", "per_class.png", "reliability.png", "robustness.png"),
        *("confusion_rates.png", "risk_coverage.png"),
    }
    page = (project / "reports/index.html").read_bytes()
    dpi = load_params(project / "params.yaml").plot.dpi
    style.save_figure(first_image_figure(images[0], "T-shirt/top"), project / "expected.png", dpi)
    assert first["first_image.png"] == (project / "expected.png").read_bytes()

    # Somebody's own settings, and a file left over from an older version.
    (project / "matplotlibrc").write_text("font.size: 30\nsavefig.bbox: tight\nfigure.facecolor: red\n")
    (folder / "old.png").write_bytes(b"")
    assert (done := run(project, *PLOT, MATPLOTLIBRC=str(project))).returncode == 0, done.stderr
    answers = pd.read_csv(project / "reports/answers.csv")
    assert answers.iloc[5].tolist() == ["Ankle boot", "T-shirt/top"] and len(answers) == 20
    assert contents(folder) == first and (project / "reports/index.html").read_bytes() == page
    assert sorted(path.name for path in (project / "reports").iterdir() if path.name.startswith(".")) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "damage", "words"),
    [
        ("reports/predictions.csv", None, "is missing: run `dvc repro` to make it, or `dvc checkout`"),
        ("data/processed/x_train.npy", b"\x93NUMPY", "cannot be read ("),
    ],
)
def test_stage_refuses_missing_or_damaged_deps_in_one_line(project, name, damage, words):
    (project / "reports/plots").mkdir()
    (project / "reports/plots/kept.png").write_bytes(b"kept")
    if damage is None:
        (project / name).unlink()
    else:
        (project / name).write_bytes(damage)
    done = run(project, *PLOT)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith(f"plot: {name} ")
    assert words in done.stderr
    assert contents(project / "reports/plots") == {"kept.png": b"kept"}
    assert not (project / "reports/index.html").exists()
