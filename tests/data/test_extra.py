import numpy as np
import pytest
from support.advice import refusal

from digits.data.extra import parts_of, read_extra
from digits.data.idx import format_idx
from digits.data.raw import FILES


@pytest.fixture
def folder(tmp_path):
    """Three images to train on, none to test on."""
    for split, count in (("train", 3), ("test", 0)):
        images, labels = FILES[split]
        (tmp_path / images).write_bytes(format_idx(np.full((count, 4, 4), 7, np.uint8)))
        (tmp_path / labels).write_bytes(format_idx(np.arange(count, dtype=np.uint8)))
    return tmp_path


def test_a_split_may_be_empty(folder):
    (found,) = read_extra([str(folder)], 4, 3)
    assert [len(found[split].labels) for split in ("train", "test")] == [3, 0]
    assert np.asarray(found["train"].images).shape == (3, 4, 4)


def test_images_stand_several_times(folder):
    parts = parts_of(read_extra([str(folder)] * 2, 4, 3), "train", 5)
    assert (
        len(parts) == 10 and sum(len(part.rows) for part in parts) == 30 and not any(part.transpose for part in parts)
    )


def test_what_does_not_fit_is_refused_by_name(folder, tmp_path):
    assert refusal(read_extra, [str(folder)], 28, 3) == (
        f"preprocess.extra names {folder}: its images are 4 pixels wide, those of the raw data 28: leave it out, or "
        "scale it"
    )
    assert refusal(read_extra, [str(folder)], 4, 2) == (
        f"preprocess.extra names {folder}: it has label 2, but preprocess.class_names has 2 names"
    )
    missing = tmp_path / "missing"
    message = refusal(read_extra, [str(missing)], 4, 2)
    assert message.startswith(f"preprocess.extra names {missing}: {missing}/train-images-idx3-ubyte is missing")
