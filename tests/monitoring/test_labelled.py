import datetime

import numpy as np
from support.served import SIDE, images

from digits.data.feedback import pixels_sha256, side_of
from digits.monitoring.labelled import labelled_images
from digits.serving import log as module
from digits.serving.log import ServedLog


def test_named_images_in_the_order_in_which_they_were_served(tmp_path, monkeypatch):
    now = module.time.time()
    chances = np.tile(np.float32([0.2, 0.7, 0.1]), (2, 1))
    logs = [ServedLog(tmp_path, command) for command in ("serve", "draw")]
    ids = []
    for log, at, seed in ((logs[1], now + 5, 1), (logs[0], now, 0)):
        monkeypatch.setattr(module.time, "time", lambda at=at: at)
        ids += log.add("ab" * 32, "7", images(2, seed), chances, [True] * 2, 1.0)
    for row, label in zip(ids, (2, None, 0, 1), strict=True):
        logs[0].label(row, label, "ada")
    # A class that the models do not know.
    logs[0].label(ids[3], 9, "ada")
    for log in logs:
        log.close()
    found = labelled_images(tmp_path, SIDE, 3)
    assert found.labels.tolist() == [0, 2] and found.times == sorted(found.times)
    assert np.array_equal(found.images, np.stack([images(2, 0)[0], images(2, 1)[0]]))
    since = datetime.datetime.fromtimestamp(now + 1, datetime.UTC)
    assert labelled_images(tmp_path, SIDE, 3, since).labels.tolist() == [2]
    assert len(labelled_images(tmp_path, 28, 3)) == 0 and len(found.first(1)) == 1
    later = found.unknown(datetime.datetime.fromtimestamp(now + 10, datetime.UTC))
    sides = [side_of(pixels_sha256(image)) for image in found.images]
    assert [side_of(pixels_sha256(image)) for image in later.images] == [side for side in sides if side == "test"]
    assert len(found.unknown(found.times[0])) == 2
    assert found.right(lambda pixels: np.float32([[1, 0, 0], [0, 1, 0]])).tolist() == [True, False]
