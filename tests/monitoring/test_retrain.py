"""`digits retrain` where nothing is trained. tests/journeys/test_after_release.py trains."""

import numpy as np
import pytest
from filelock import FileLock
from support.advice import refusal

from digits import paths
from digits.data.dataset import Dataset
from digits.model.classifier import load_classifier
from digits.monitoring.retrain import retrain, settings_of
from digits.registry.resolve import resolve
from digits.serving.log import ServedLog

pytestmark = pytest.mark.slow


@pytest.fixture
def champion(store):
    return resolve("models:/digits@champion", lambda: store.registry)


@pytest.fixture
def live(store, champion):
    """Twenty new images, of which people say what the champion read."""
    images = np.asarray(Dataset(store.folder / "data" / "processed").arrays("test")[0][:20]).copy()
    images[:, 14, 14] ^= 1
    read = load_classifier(champion.file())(images)
    log = ServedLog(store.folder / "served", "draw")
    ids = log.add(champion.sha256, "1", images, read, [True] * 20, 1.0)
    for row, label in zip(ids, read.argmax(axis=1), strict=True):
        log.label(row, int(label), "eve")
    log.close()
    return log.folder


def test_too_few_images_and_a_champion_that_is_no_worse_train_nothing(store, live):
    collected, outcome = retrain(store.registry, live, store.params, 30, 5)
    count = collected.added
    assert 0 < count <= 20 and outcome.challenger is None and outcome.images == outcome.right == count
    assert str(outcome) == (f"nothing trained: {count} labelled images that the champion does not know, 30 are needed")
    collected, outcome = retrain(store.registry, live, store.params, 5, 5)
    assert collected.added == 0 and outcome.p == 1
    assert str(outcome).startswith(
        f"nothing trained: version 1 read {count} of {count} labelled images right, no evidence that it is worse than "
    )
    assert len(store.registry.changes.records("retrain-")) == 2
    assert (store.folder / "data" / "feedback" / "images.dvc").is_file()


def test_the_champions_own_recipe_is_trained(store, champion):
    changed = store.params.train.model_copy(update={"epochs": 9, "optimizer": "sgd"})
    settings = settings_of(champion, store.params.model_copy(update={"train": changed}), 5)
    trained = champion.results.params
    assert f"train.epochs={trained['train.epochs']}" in settings and "train.optimizer=adam" in settings
    assert settings[-2:] == [f"preprocess.extra=['{paths.FEEDBACK}']", "preprocess.extra_times=5"]


def test_one_call_at_a_time(store, live):
    with FileLock(paths.state() / "retrain.lock"):
        assert refusal(retrain, store.registry, live, store.params, 5, 5) == "another `digits retrain` is under way"
