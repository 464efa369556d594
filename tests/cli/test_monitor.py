"""`digits monitor` on a log of a registered version, healthy and not."""

import json
import shutil

import numpy as np
import pytest
from support.decisions import assert_refused
from support.project import change

from digits.data.dataset import Dataset
from digits.model.classifier import load_classifier
from digits.monitoring import monitor
from digits.monitoring.probation import outcomes
from digits.registry.aliases import make_champion
from digits.registry.resolve import resolve
from digits.serving.labels import read_labels
from digits.serving.log import ServedLog
from digits.tracking.store import MONITORING

pytestmark = pytest.mark.slow


@pytest.fixture
def serve(store, monkeypatch):
    """A function that logs images as answered by version 3, whose data lie in data/processed."""
    monkeypatch.setattr(monitor, "ROUNDS", 100)
    model = resolve("3", lambda: store.registry)
    classify = load_classifier(model.file())

    def log(images, folder="served"):
        opened = ServedLog(store.folder / folder, "serve")
        answers = classify(images)
        ids = opened.add(model.sha256, "3", images, answers, [True] * len(images), 1.0)
        for row, label in zip(ids[:50], Dataset(store.folder / "data" / "processed").labels("test"), strict=False):
            opened.label(row, None, "eve")
            opened.label(row, int(label), "eve")
        opened.close()
        return answers.argmax(axis=1)

    return log


def test_healthy_images_raise_no_alarm(store, serve, digits):
    dataset = Dataset(store.folder / "data" / "processed")
    read = serve(np.asarray(dataset.arrays("test")[0]))
    code, out, err = digits("monitor", "served", "--model", "3")
    assert code == 0, out
    experiment = store.client.get_experiment_by_name(MONITORING)
    (run,) = store.client.search_runs([experiment.experiment_id])
    assert err == f"digits: recorded as run {run.info.run_id} of MLflow's experiment {MONITORING}\n"
    assert run.data.tags["served_version"] == "3" and run.data.metrics["images"] == 400
    assert run.data.tags["served_sha256"] == store.registry.version("3").tags["model_sha256"]
    assert out.startswith("400 images that digits version 3 read, against its validation images\n")
    assert "\nno alarm (an adjusted p of at most " in out and max(map(len, out.splitlines()[:-1])) <= 80
    code, out, _ = digits("monitor", "--model", "3", "--json", "--no-record")
    assert len(store.client.search_runs([experiment.experiment_id])) == 1
    assert run.info.run_id not in digits("compare", "--json")[1]
    found = json.loads(out)
    right = float((read == dataset.labels("test"))[:50].mean())
    assert code == 0 and found["alarms"] == [] and found["labelled"] == 50
    assert found["labelled_accuracy"]["value"] == pytest.approx(right)
    assert found["labelled_accuracy"]["low"] < right
    accuracy = float((read == dataset.labels("test")).mean())
    assert found["estimated_accuracy"]["value"] == pytest.approx(accuracy, abs=0.1)
    assert sum(found["class_shares"]) == pytest.approx(1) and len(found["classes"]) == len(found["class_shares"])
    # Of each image; and on average, as far as 400 images say.
    assert len(found["expectations"]) >= 8 and found["tests"]["inside"]["found"] == 1
    # Five of them are asked for again, because they belong to a random sample.
    again = ServedLog(store.folder / "served", "label")
    for row in list(read_labels(store.folder / "served"))[:5]:
        again.label_at_once(row, None, "eve", "random")
    again.close()
    found = json.loads(digits("monitor", "--model", "3", "--json", "--no-record")[1])
    assert (found["labelled"], found["labelled_at_random"]) == (5, True) and found["labelled_accuracy"]["value"] == 0


def test_thicker_strokes_raise_one(store, serve, digits):
    images = np.asarray(Dataset(store.folder / "data" / "processed").arrays("test")[0][:200])
    serve(np.maximum(images, np.roll(images, 1, axis=2)))
    code, out, err = digits("monitor", "served", "--model", "3", "--html", "page.html", "--no-record")
    assert code == 1 and err == "digits: wrote page.html\n" and out.splitlines()[-1].startswith("alarm: ")
    assert "ink area" in out.splitlines()[-1] and "ALARM" in out
    assert 'class="verdict alarm"' in (store.folder / "page.html").read_text(encoding="utf-8")
    code, out, _ = digits("monitor", "served", "--model", "3", "--json", "--no-record")
    assert code == 1 and {"mean", "area"} <= set(json.loads(out)["alarms"])


def test_what_cannot_be_compared_is_one_line(store, serve, digits):
    assert_refused(
        digits("monitor", "nowhere", "--model", "3"), "nowhere: there is no such folder; `digits serve --log"
    )
    images = np.asarray(Dataset(store.folder / "data" / "processed").arrays("test")[0][:3])
    serve(images)
    sha256 = store.registry.version("3").tags["model_sha256"]
    refused = digits("monitor", "served", "--model", "2")
    assert_refused(refused, f"no answer of digits version 2; there are answers of models {sha256[:12]}… (3): name one")
    change(store.folder / "params.yaml", {"preprocess.validation_split": 0.1})
    refused = digits("monitor", "served", "--model", "3")
    assert_refused(refused, "than digits version 3 had (preprocess.validation_split=0.3): set that in params.yaml")
    change(store.folder / "params.yaml", {"preprocess.validation_split": 0.3})
    shutil.rmtree("data/processed")
    shutil.copytree(store.first_processed, "data/processed")
    assert_refused(digits("monitor", "served", "--model", "3"), "the images are not those that digits version 3 was")
    shutil.rmtree("data/processed")
    assert_refused(digits("monitor", "served", "--model", "3"), "data/processed/dataset.json is missing")


def test_a_probation_is_decided_where_the_champion_served_nothing(store, digits):
    make_champion(store.registry, "3", "1", "promote", "a test", [], "1rows")
    log = ServedLog(store.folder / "served", "serve")
    image = np.asarray(Dataset(store.folder / "data" / "processed").arrays("test")[0][:1])
    (row,) = log.add("ab" * 32, None, image, np.float32([[1] + 9 * [0]]), [True], 1.0)
    log.label(row, 0, "eve")
    log.close()
    code, out, err = digits("monitor")
    assert code == 1 and out.startswith("digits: probation of version 3 is over, it stays") and "no answer of" in err
    assert len(outcomes(store.registry)) == 1
