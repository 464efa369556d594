import itertools

import numpy as np
import pytest
from support.params import raw_params

from benchmarks import growth
from benchmarks.growth import _angles, linear, refuse_full, turned, write_copies
from benchmarks.growth_figure import draw
from benchmarks.record import Record
from digits.data.raw import FILES, Split, read_raw
from digits.errors import DigitsError


def test_copies_are_read_as_raw_data_and_none_is_like_another(tmp_path, mnist_sample):
    train = Split(mnist_sample.x_train[:100], mnist_sample.y_train[:100])
    for name, array in zip(FILES["test"], (mnist_sample.x_test, mnist_sample.y_test), strict=True):
        (tmp_path / name).write_bytes(growth.format_idx(array))
    write_copies(tmp_path, train, copies=16)
    images, labels = map(np.asarray, read_raw(tmp_path)["train"])
    assert images.shape == (1600, 28, 28)
    np.testing.assert_array_equal(images[:100], train.images)
    np.testing.assert_array_equal(labels, np.tile(train.labels, 16))
    alike = 1600 - len(np.unique(images.reshape(1600, -1), axis=0))
    assert alike / 1600 <= growth._BOUNDS["max_duplicates"]


def test_the_angles_of_copies_lie_apart():
    for copies in (2, 4, 16, 64):
        ranges = sorted(_angles(number, copies) for number in range(1, copies))
        assert all(before[1] < after[0] for before, after in itertools.pairwise(ranges))
        assert all(1 <= abs(end) <= 12 for both in ranges for end in both)


def test_an_image_turns_about_its_middle():
    image = np.zeros((1, 29, 29), np.uint8)
    image[0, 14, 14:] = 255
    quarter = turned(image, 90, 90, np.random.default_rng(0))[0]
    assert {tuple(at) for at in np.argwhere(quarter > 128)} in (
        {(row, 14) for row in range(14, 29)},
        {(row, 14) for row in range(15)},
    )


def test_the_distance_from_a_straight_line():
    rows = [
        {"stage": "train", "images": images, "seconds": seconds} for images, seconds in ((4, 12), (16, 24), (64, 90))
    ]
    (found,) = linear(rows)
    assert found["on the line, seconds"] == 72
    assert found["beyond it, %"] == pytest.approx(25)
    assert linear(rows[:2]) == []


def test_bounds_that_are_widened_are_parameters():
    validate = raw_params()["validate"]
    for key in growth._BOUNDS:
        section, _, name = key.rpartition(".")
        assert name in (validate[section] if section else validate)


def test_a_disk_without_room_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(growth, "free_gb", lambda folder: 3.0)
    with pytest.raises(DigitsError, match=r"3,840,000 images need 12 GB and .* has 3 free: .*--scratch"):
        refuse_full(tmp_path, 3_840_000)
    refuse_full(tmp_path, 60_000)


def test_the_picture_has_a_line_for_each_stage(tmp_path):
    rows = [
        {"stage": stage, "images": images, "seconds": images / 1000, "peak memory, MB": 500.0}
        for stage in growth.STAGES
        for images in (60_000, 240_000)
    ]
    record = Record(
        benchmark="growth", command="", date="", commit="", machine={}, versions={}, tables={"stages": rows}
    )
    draw(record, tmp_path / "growth.png")
    assert (tmp_path / "growth.png").read_bytes().startswith(b"\x89PNG")
