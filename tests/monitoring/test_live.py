import datetime

import numpy as np
import pytest
from support.advice import refusal
from support.models import results
from support.params import default_params

from digits.monitoring.live import live_images
from digits.registry.model import Model
from digits.serving import journal
from digits.serving import log as module
from digits.serving.log import ServedLog

SHA256 = "ab" * 32
PARAMS = default_params()


def model(sha256=SHA256):
    return Model("7", "models:/digits/7", sha256, results("the model", not_sure_below=0.5), None, None, lambda: None)


def answers(count):
    return np.tile(np.float32([0.2, 0.7, 0.1]), (count, 1))


@pytest.fixture
def log(tmp_path):
    opened = ServedLog(tmp_path, "serve")
    yield opened
    opened.close()


def test_rows_of_the_model_alone_with_the_last_label_of_each(log, mnist_sample):
    ids = log.add(SHA256, "7", mnist_sample.x_test[:4], answers(4), [True] * 4, 1.0)
    log.add("cd" * 32, "8", mnist_sample.x_test[4:6], answers(2), [True] * 2, 1.0)
    for row, label in ((ids[0], 3), (ids[0], 1), (ids[1], None), (ids[2], 2)):
        log.label(row, label, "eve")
    log.close()
    live = live_images(log.folder, model(), PARAMS)
    assert len(live) == 4 and live.labels.tolist() == [1, -2, 2, -1]
    assert live.right.tolist() == [True, False, False, False]
    assert live.columns["mean"] == pytest.approx(mnist_sample.x_test[:4].mean(axis=(1, 2)))
    assert live.columns["sure"].all() and live.columns["digit"].tolist() == [1] * 4


def test_days_are_counted_back(log, mnist_sample, monkeypatch):
    log.add(SHA256, "7", mnist_sample.x_test[:2], answers(2), [True] * 2, 1.0)
    now = module.time.time()
    monkeypatch.setattr(module.time, "time", lambda: now - datetime.timedelta(days=3).total_seconds())
    log.add(SHA256, "7", mnist_sample.x_test[:3], answers(3), [True] * 3, 1.0)
    log.close()
    assert [len(live_images(log.folder, model(), PARAMS, days)) for days in (None, 2)] == [5, 2]
    message = refusal(live_images, log.folder, model(), PARAMS, 1e-9)
    assert message == f"{log.folder}: no answer of the model in the last 1e-09 days"


def test_other_models_are_named(log, mnist_sample):
    log.add("cd" * 32, "8", mnist_sample.x_test[:2], answers(2), [True] * 2, 1.0)
    log.close()
    assert refusal(live_images, log.folder, model(), PARAMS).endswith(
        "no answer of the model; there are answers of models cdcdcdcdcdcd… (2): name one of them with --model"
    )


def test_images_of_another_size_in_the_log_of_a_model_are_refused(log, mnist_sample):
    log.add(SHA256, "7", mnist_sample.x_test[:2], answers(2), [True] * 2, 1.0)
    log.add(SHA256, "7", mnist_sample.x_test[:2, :20, :20], answers(2), [True] * 2, 1.0)
    log.close()
    assert "are of different sizes: no server wrote that" in refusal(live_images, log.folder, model(), PARAMS)


def test_many_rows_are_read_some_at_a_time_and_few_images_are_kept(log, mnist_sample, monkeypatch):
    monkeypatch.setattr(journal, "_ROWS_AT_A_TIME", 100)
    probabilities = np.random.default_rng(0).dirichlet(np.ones(3), 400).astype(np.float32)
    ids = log.add(SHA256, "7", mnist_sample.x_test, probabilities, [True] * 400, 1.0)
    log.label(ids[350], 2, "eve")
    log.close()
    live = live_images(log.folder, model(), PARAMS)
    assert max(len(table) for table in journal.read_log(log.folder)) == 100
    np.testing.assert_array_equal(live.columns["digit"], probabilities.argmax(axis=1))
    assert np.flatnonzero(live.labels != -1).tolist() == [350] and live.labels[350] == 2
    assert live.first == live.last and len(live.extremes.pixels) < 400
