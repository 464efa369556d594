import json

import numpy as np
import pytest
from support.params import default_params

from digits.audit import audit as module
from digits.audit.audit import audit, upright
from digits.data.raw import Split
from digits.errors import DigitsError

RNG = np.random.default_rng(4)


def split(count):
    return Split(RNG.integers(0, 256, (count, 2, 2), np.uint8), (np.arange(count) % 10).astype(np.uint8))


def test_images_are_shown_upright():
    splits = {"train": split(20), "test": split(10)}
    assert (upright(splits, False)["train"].images == splits["train"].images).all()
    turned = upright(splits, True)["test"]
    assert (turned.images[3] == splits["test"].images[3].T).all() and (turned.labels == splits["test"].labels).all()


def test_a_label_without_a_name_is_refused_before_any_training():
    splits = {"train": split(20), "test": Split(split(1).images, np.array([10], np.uint8))}
    with pytest.raises(DigitsError, match=r"^label 10 in the data, but preprocess.class_names has 10 names"):
        audit(default_params(), splits, 2, None, lambda *_: None)


def test_accuracies_are_with_and_without_the_doubtful_test_labels(monkeypatch):
    splits = {"train": split(40), "test": split(20)}
    seen, unseen = (np.eye(10, dtype=np.float32)[one.labels] * 0.9 + 0.01 for one in splits.values())
    unseen[4] = np.roll(unseen[4], 1)
    monkeypatch.setattr(module, "cross_fit", lambda *_: (seen, unseen))
    # The model errs on two others.
    answers = np.eye(10)[(splits["test"].labels + np.isin(np.arange(20), [5, 6])) % 10]
    found = audit(default_params(), splits, 2, lambda pixels: answers, lambda *_: None)
    assert found.doubts["train"].empty and found.doubts["test"]["row"].tolist() == [4]
    assert found.accuracies["networks"]["all"]["accuracy"] == 0.95
    assert found.accuracies["networks"]["doubtful"]["accuracy"] == 1
    assert found.accuracies["model"]["all"]["accuracy"] == 0.9
    assert found.accuracies["model"]["doubtful"]["accuracy"] == 17 / 19
    assert json.loads(json.dumps(found.as_dict()))["doubts"]["test"][0]["row"] == 4
    assert "model" not in audit(default_params(), splits, 2, None, lambda *_: None).accuracies
