"""`digits collect` in a project with real DVC."""

import numpy as np
import pytest
from support.decisions import assert_refused

from digits.data.dataset import Dataset
from digits.serving.log import ServedLog

pytestmark = pytest.mark.slow


def log_of(store, labels):
    """New images with these labels."""
    images = np.asarray(Dataset(store.folder / "data" / "processed").arrays("test")[0][: len(labels)]).copy()
    images[:, 14, 14] ^= 1
    log = ServedLog(store.folder / "served", "draw")
    ids = log.add(
        "ab" * 32, "1", images, np.tile(np.float32([1] + 9 * [0]), (len(labels), 1)), [True] * len(labels), 1.0
    )
    for row, label in zip(ids, labels, strict=True):
        log.label(row, label, "eve")
    log.close()


def test_it_says_what_it_took_and_what_to_do_next(store, digits):
    log_of(store, [1, 2, None])
    code, out, err = digits("collect")
    assert (code, err) == (0, "")
    first, second, *rest = out.splitlines()
    assert first == "left out, no digit: 1"
    assert second.startswith("digits: data/feedback/images has ") and second.endswith(" to test on (2 new)")
    assert rest == [
        "keep it:     git add data/feedback/images.dvc && git commit -m 'Collect feedback'",
        'train on it: dvc exp run -S "preprocess.extra=[data/feedback/images]"',
    ]

    assert (store.folder / "data" / "feedback" / "images.dvc").is_file()
    assert digits("collect")[1].count("(0 new)") == 1


def test_nothing_labelled_is_said_and_no_log_is_refused(store, digits):
    ServedLog(store.folder / "served", "draw").close()
    code, out, _ = digits("collect", "served")
    assert code == 0 and out == "digits: data/feedback/images has 0 images to train on and 0 to test on (0 new)\n"
    assert_refused(digits("collect", "nowhere"), "nowhere: there is no such folder; `digits serve --log")
