"""The pictures: what they claim, that nothing is cut off, and that the same data give the same bytes."""

import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.colors import to_rgb
from PIL import Image
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from digits import plots, style

ROOT = Path(__file__).parent.parent
FASHION = ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"]
LONG = [*FASHION[:9], "Ankle boot of brown leather, worn: $5 or $6"]


@pytest.fixture(scope="module")
def predictions():
    rng = np.random.default_rng(1)
    actual = rng.integers(0, 10, 3000)
    predicted = np.where(rng.random(3000) < 0.97, actual, rng.integers(0, 10, 3000))
    probability = rng.uniform(0.3, 1, 3000)
    return pd.DataFrame(
        {"image": range(3000), "actual": actual, "predicted": predicted, "probability": probability},
    )


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(2).integers(0, 256, (3000, 28, 28), dtype=np.uint8)


HISTORY = pd.DataFrame(
    {
        "epoch": [1, 2, 3],
        "accuracy": [0.90, 0.96, 0.981],
        "loss": [0.30, 0.12, 0.06],
        "val_accuracy": [0.979, 0.984, 0.99],
        "val_loss": [0.07, 0.05, 0.03],
    }
)
STOPPED = {"stopped": True, "reason": "accuracy 0.9810 > 0.98 after epoch 3", "monitor": "accuracy", "threshold": 0.98}
ENDED = {"stopped": False, "reason": "all 3 epochs are done", "monitor": "val_loss", "threshold": 0.01}


def per_class(predictions, names):
    scores = precision_recall_fscore_support(
        predictions["actual"], predictions["predicted"], labels=range(len(names)), zero_division=0
    )
    keys = ("precision", "recall", "f1", "support")
    return {
        name: {key: float(column[i]) for key, column in zip(keys, scores, strict=True)} for i, name in enumerate(names)
    }


def all_figures(images, predictions, names):
    actual, predicted, probability = (predictions[key].to_numpy() for key in ("actual", "predicted", "probability"))
    return {
        "first_image": plots.first_image_figure(images[0], names[-1]),
        "samples": plots.samples_figure(images, actual, names, 4),
        "curves": plots.curves_figure(HISTORY, STOPPED),
        "confusion": plots.confusion_figure(actual, predicted, names),
        "mistakes": plots.mistakes_figure(images, predictions, names, 7),
        "per_class": plots.per_class_figure(per_class(predictions, names), 0.9),
        "reliability": plots.reliability_figure(probability, actual == predicted, 15),
    }


def png(figure):
    """The bytes that `save_figure` would write."""
    buffer = io.BytesIO()
    with style.style():
        # Hinting makes the width of text depend on the resolution: measure at that of the file.
        figure.set_dpi(120)
        figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def overhang(figure):
    """By how many inches the drawn artists reach beyond the canvas; negative: the margin that is left."""
    png(figure)
    box = figure.get_tightbbox()
    width, height = figure.get_size_inches()
    return max(-box.x0, -box.y0, box.x1 - width, box.y1 - height)


def overlapping(texts):
    """Pairs of texts that cover each other by more than a pixel."""
    boxes = [(text.get_text(), text.get_window_extent().padded(-1)) for text in texts if text.get_text()]
    return [(a, b) for i, (a, box) in enumerate(boxes) for b, other in boxes[i + 1 :] if box.overlaps(other)]


def texts(figure):
    return [text.get_text() for text in figure.findobj(lambda artist: hasattr(artist, "get_text"))]


# Nothing is cut off, nothing varies.


@pytest.mark.parametrize("names", [list("0123456789"), FASHION, LONG], ids=["digits", "fashion", "long"])
def test_nothing_reaches_beyond_the_canvas(images, predictions, names):
    overhangs = {name: overhang(figure) for name, figure in all_figures(images, predictions, names).items()}
    assert max(overhangs.values()) <= 0, overhangs


@pytest.mark.parametrize("names", [["$a$ _^{}", "M" * 16], [" ", "Ankle boot, worn"]])
def test_any_class_names_fit_as_they_are(names):
    frame = pd.DataFrame({"image": range(4), "actual": [0, 0, 1, 1], "predicted": [1, 0, 0, 0], "probability": 0.9})
    pixels = np.zeros((4, 28, 28), np.uint8)
    for figure in (
        plots.confusion_figure(frame["actual"].to_numpy(), frame["predicted"].to_numpy(), names),
        plots.samples_figure(pixels, frame["actual"].to_numpy(), names, 3),
    ):
        assert overhang(figure) <= 0
        assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == names
    figure = plots.mistakes_figure(pixels, frame, names, 6)
    assert overhang(figure) <= 0
    assert overlapping([axes.title for axes in figure.axes]) == []


def test_many_classes_fit(images):
    names = [f"class {i}" for i in range(256)]
    labels = np.arange(3000) % 256
    figure = plots.samples_figure(images, labels, names, 1)
    assert overhang(figure) <= 0
    assert max(figure.get_size_inches()) < 50
    assert max(plots.confusion_figure(labels, labels, names).get_size_inches()) < 50


# Each figure says what its data say.


def test_first_image_shows_every_value_in_its_cell(images):
    figure = plots.first_image_figure(images[5], "Ankle boot")
    png(figure)
    picture, matrix = figure.axes
    assert (np.asarray(picture.images[0].get_array()) == images[5]).all()
    shown = {(int(text.get_position()[1]), int(text.get_position()[0])): text for text in matrix.texts}
    assert {cell: int(text.get_text()) for cell, text in shown.items()} == dict(np.ndenumerate(images[5]))
    width = matrix.get_window_extent().width / 28
    assert max(text.get_window_extent().width for text in matrix.texts) < 0.95 * width
    assert "Ankle boot" in figure.get_suptitle()


@settings(deadline=None)
@given(labels=st.lists(st.integers(0, 4), max_size=60), per_class=st.integers(1, 5))
def test_sample_rows_are_the_first_of_each_class(labels, per_class):
    rows = plots.sample_rows(np.array(labels, dtype=int), 5, per_class)
    for label, found in enumerate(rows):
        assert list(found) == [row for row, other in enumerate(labels) if other == label][:per_class]


def test_samples_stand_in_the_row_of_their_class(images):
    labels = np.array([2, 0, 2, 1])
    canvas = np.asarray(plots.samples_figure(images, labels, ["a", "b", "c"], 2).axes[0].images[0].get_array())
    assert (canvas[60:88, :28] == images[0]).all()
    assert (canvas[60:88, 30:58] == images[2]).all()
    assert (canvas[:28, :28] == images[1]).all()
    assert np.ma.getmaskarray(plots.samples_figure(images, labels, ["a", "b", "c"], 2).axes[0].images[0].get_array())[
        :28, 30:
    ].all()


def test_curves_show_history_and_stop():
    figure = plots.curves_figure(HISTORY, STOPPED)
    assert [(axes.get_xlabel(), axes.get_ylabel()) for axes in figure.axes] == [
        ("Epoch", "Cross-entropy loss"),
        ("Epoch", "Accuracy"),
    ]
    for axes, metric in zip(figure.axes, ("loss", "accuracy"), strict=True):
        lines = {line.get_label(): line for line in axes.lines}
        assert list(lines["training"].get_ydata()) == list(HISTORY[metric])
        assert list(lines["validation"].get_ydata()) == list(HISTORY[f"val_{metric}"])
        assert list(lines["stop after epoch 3"].get_xdata()) == [3, 3]
        assert ("threshold 0.98 of accuracy" in lines) == (metric == "accuracy")
    assert STOPPED["reason"] in figure.get_suptitle()


def test_curves_without_a_stop_mark_none():
    figure = plots.curves_figure(HISTORY.head(1), ENDED)
    assert overhang(figure) <= 0
    assert not any("stop" in text for text in texts(figure))
    assert "threshold 0.01 of val_loss" in texts(figure)
    assert ENDED["reason"] in figure.get_suptitle()


def test_confusion_counts_agree_with_scikit_learn(predictions):
    actual, predicted = predictions["actual"].to_numpy(), predictions["predicted"].to_numpy()
    figure = plots.confusion_figure(actual, predicted, FASHION)
    expected = confusion_matrix(actual, predicted)
    shown = np.zeros_like(expected)
    for text in figure.axes[0].texts:
        column, row = text.get_position()
        shown[row, column] = int(text.get_text().split("\n")[0].replace(",", ""))
    assert (shown == expected).all()
    right = np.trace(expected)
    assert f"{right:,} of 3,000 right, {3000 - right:,} wrong" in figure.get_suptitle()
    assert [label.get_text() for label in figure.axes[0].get_xticklabels()] == FASHION


def test_confusion_one_in_a_thousand_stands_out():
    # 999 right, 1 wrong, and beside it 990 right, 10 wrong.
    actual = np.repeat([0, 1], 1000)
    predicted = np.concatenate([np.repeat([0, 1], [999, 1]), np.repeat([1, 0], [990, 10])])
    image = plots.confusion_figure(actual, predicted, ["a", "b"]).axes[0].images[0]
    rare, common, none = (
        np.array(image.cmap(image.norm(np.ma.masked_equal([share], 0))))[0, :3] for share in (0.001, 0.01, 0)
    )
    assert np.linalg.norm(rare - 1) > 0.5
    assert np.linalg.norm(rare - common) > 0.5
    assert np.allclose(none, 0) or np.allclose(none, 1)


@settings(deadline=None)
@given(
    rows=st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 3), st.sampled_from([0.3, 0.5, 0.9, 1.0])), min_size=1, max_size=40
    ),
    count=st.integers(1, 20),
)
def test_confident_mistakes_are_the_surest_wrong_ones(rows, count):
    frame = pd.DataFrame(rows, columns=["actual", "predicted", "probability"])
    frame.insert(0, "image", range(len(frame)))
    found = plots.confident_mistakes(frame, count)
    wrong = [(-p, i) for i, (a, b, p) in enumerate(rows) if a != b]
    assert list(found["image"]) == [i for _, i in sorted(wrong)[:count]]


def test_mistakes_are_labelled(images, predictions):
    figure = plots.mistakes_figure(images, predictions, FASHION, 7)
    expected = plots.confident_mistakes(predictions, 7)
    shown = [axes for axes in figure.axes if axes.images]
    assert len(shown) == 7
    for axes, row in zip(shown, expected.itertuples(), strict=True):
        assert (np.asarray(axes.images[0].get_array()) == images[row.image]).all()
        assert axes.get_title() == f"true {FASHION[row.actual]}\npredicted {FASHION[row.predicted]}"
        assert axes.get_xlabel() == f"{100 * row.probability:.2f} %\nimage {row.image}"


@pytest.mark.parametrize("wrong", [0, 1, 3])
def test_fewer_mistakes_than_asked_for(images, wrong):
    frame = pd.DataFrame({"image": range(5), "actual": 0, "predicted": [1] * wrong + [0] * (5 - wrong)})
    frame["probability"] = 0.7
    figure = plots.mistakes_figure(images, frame, ["a", "b"], 25)
    assert overhang(figure) <= 0
    assert sum(bool(axes.images) for axes in figure.axes) == wrong
    assert any("None: all 5 test images" in text for text in texts(figure)) == (wrong == 0)


def test_per_class_scores_are_all_on_the_axis(predictions):
    scores = per_class(predictions, FASHION)
    figure = plots.per_class_figure(scores, 0.9712)
    png(figure)
    axes = figure.axes[0]
    lines = {line.get_label(): line for line in axes.lines}
    left, right = axes.get_xlim()
    for key, label in (("precision", "precision"), ("recall", "recall"), ("f1", "F1")):
        values = list(lines[label].get_xdata())
        assert values == [row[key] for row in scores.values()]
        assert left < min(values) <= max(values) < right
    assert f"starts at {left:.3f}, not at 0" in axes.get_xlabel()
    assert "macro F1 0.9712" in lines
    assert [label.get_text() for label in axes.get_yticklabels()] == FASHION
    numbers = [text.get_text() for text in axes.child_axes[0].get_yticklabels()]
    assert numbers == [f"{row['f1']:.4f}  ({row['support']:,.0f})" for row in scores.values()]


PROBABILITIES = st.lists(
    st.tuples(st.floats(0.125, 1, width=32) | st.integers(1, 20).map(lambda k: k / 20), st.booleans()),
    min_size=1,
    max_size=60,
)


@settings(deadline=None)
@given(sample=PROBABILITIES, bins=st.integers(2, 100))
def test_reliability_bins_lose_nothing(sample, bins):
    probability, correct = (np.array(column) for column in zip(*sample, strict=True))
    table = plots.reliability(probability, correct, bins)
    assert len(table) == bins
    assert table["count"].sum() == len(sample)
    assert table["right"].sum() == correct.sum()
    for row in table.itertuples():
        inside = (probability > row.low) & (probability <= row.high)
        assert row.count == inside.sum()
        if row.count:
            assert row.confidence == pytest.approx(probability[inside].mean())
            assert row.accuracy == pytest.approx(correct[inside].mean())


def test_reliability_states_the_calibration_error():
    # Bin (0.4, 0.6]: 4 images at 0.5, 1 right: gap 0.25. Bin (0.8, 1]: 6 at 0.9, all right: gap 0.1.
    probability = np.array([0.5] * 4 + [0.9] * 6)
    correct = np.array([True] + [False] * 3 + [True] * 6)
    figure = plots.reliability_figure(probability, correct, 5)
    assert "0.1600, 10 test images" in figure.get_suptitle()
    assert [text.get_text() for text in figure.axes[1].texts] == ["4", "6"]
    assert "5 bins" in figure.axes[1].get_xlabel()
    assert overhang(figure) <= 0


# The style.


@settings(deadline=None)
@given(st.tuples(*[st.floats(0, 1)] * 3))
def test_text_contrast_is_at_least_that_of_the_guidelines(colour):
    def luminance(rgb):
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in rgb]
        return float(np.dot([0.2126, 0.7152, 0.0722], linear))

    low, high = sorted([luminance(colour), luminance(to_rgb(style.text_colour(colour)))])
    # 4.5:1 is level AA for normal text.
    assert (high + 0.05) / (low + 0.05) >= 4.5


def test_png_carries_no_software_and_no_date(tmp_path):
    with style.style():
        figure = plots.Figure(figsize=(2, 1))
    style.save_figure(figure, tmp_path / "new" / "a.png", 100)
    with Image.open(tmp_path / "new" / "a.png") as image:
        assert image.size == (200, 100)
        assert set(image.info) == {"dpi"}
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["a.png"]


# The stage.


@pytest.fixture
def project(tmp_path, images, predictions):
    """A working copy as evaluate leaves it, with 3 classes and 60 images."""
    shutil.copy(ROOT / "params.yaml", tmp_path)
    names = ["T-shirt/top", "Trouser", "Ankle boot"]
    data, reports = tmp_path / "data/processed", tmp_path / "reports"
    data.mkdir(parents=True)
    reports.mkdir()
    labels = np.arange(60) % 3
    # Row 0 of the raw file is in the validation split.
    rows = {"train": np.arange(60)[np.arange(60) % 4 != 0], "validation": np.arange(0, 60, 4)}
    for split, chosen in (rows | {"test": np.arange(20)}).items():
        np.save(data / f"x_{split}.npy", images[chosen])
        np.save(data / f"y_{split}.npy", np.eye(3, dtype=np.float32)[labels[chosen]])
    for split, chosen in rows.items():
        np.save(data / f"{split}_rows.npy", chosen)
    (data / "dataset.json").write_text(json.dumps({"class_names": names}))
    frame = predictions.head(20).copy()
    frame["actual"], frame["predicted"] = labels[:20], np.roll(labels[:20], 5)
    frame.to_csv(reports / "predictions.csv", index=False)
    HISTORY.to_csv(reports / "history.csv", index=False)
    (reports / "training.json").write_text(json.dumps(STOPPED))
    test = {"per_class": per_class(frame, names), "macro_f1": 0.3}
    (reports / "metrics.json").write_text(json.dumps({"test": test}))
    rows = [("none", 0, 0.9), ("shift", 1, 0.8), ("shift", 2, 0.6), ("picture", 0, 0.9), ("load_digits", 0, 0.7)]
    table = pd.DataFrame(rows, columns=["perturbation", "strength", "accuracy"])
    table.assign(n=20, low=table["accuracy"] - 0.1, high=table["accuracy"] + 0.1, drop=0.9 - table["accuracy"]).to_csv(
        reports / "robustness.csv", index=False
    )
    return tmp_path


# The stage without its last step, which needs a trained model and a tracking store.
DRAW = ("-c", "from digits.params import load_params; from stages.plot import draw; draw(load_params())")


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


@pytest.mark.slow
def test_stage_writes_all_pictures_the_same_for_every_user(project, images):
    folder = project / "reports/plots"
    assert (done := run(project, *DRAW)).returncode == 0, done.stderr
    first = contents(folder)
    assert set(first) == {
        *("first_image.png", "samples.png", "curves.png", "confusion.png"),
        *("mistakes.png", "weak_classes.png", "per_class.png", "reliability.png", "robustness.png"),
    }
    style.save_figure(plots.first_image_figure(images[0], "T-shirt/top"), project / "expected.png", 120)
    assert first["first_image.png"] == (project / "expected.png").read_bytes()

    # Somebody's own settings, and a file left over from an older version.
    (project / "matplotlibrc").write_text("font.size: 30\nsavefig.bbox: tight\nfigure.facecolor: red\n")
    (folder / "old.png").write_bytes(b"")
    assert (done := run(project, *DRAW, MATPLOTLIBRC=str(project))).returncode == 0, done.stderr
    assert contents(folder) == first
    assert sorted(path.name for path in (project / "reports").iterdir() if path.name.startswith(".")) == []


@pytest.mark.parametrize(
    ("name", "damage", "words"),
    [
        ("reports/predictions.csv", None, "is missing: run `dvc repro` first"),
        ("data/processed/x_train.npy", b"\x93NUMPY", "is damaged"),
    ],
)
def test_stage_refuses_missing_or_damaged_deps_in_one_line(project, name, damage, words):
    (project / "reports/plots").mkdir()
    (project / "reports/plots/kept.png").write_bytes(b"kept")
    if damage is None:
        (project / name).unlink()
    else:
        (project / name).write_bytes(damage)
    done = run(project, "-m", "stages.plot")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith(f"plot: {name} ")
    assert words in done.stderr
    assert contents(project / "reports/plots") == {"kept.png": b"kept"}
