import hashlib

import numpy as np
import pandas as pd
import pytest
from support.advice import refusal

from digits.data.feedback import COLUMNS, Feedback, pixels_sha256, read_feedback, side_of, write_feedback
from digits.data.raw import read_raw


def feedback(count, seed=0):
    images = np.random.default_rng(seed).integers(0, 256, (count, 4, 4), np.uint8)
    table = pd.DataFrame(
        {
            "sha256": [pixels_sha256(image) for image in images],
            "label": [number % 10 for number in range(count)],
            "who": "Zoë, of “the” team",
            "labelled": "2026-11-28T13:00:00.000001+00:00",
            "id": [f"a-{number}" for number in range(count)],
            "model_sha256": "ab" * 32,
            "read": 3,
            "probability": 0.25,
        },
        columns=COLUMNS[2:],
    )
    return Feedback(images, table)


def test_what_is_written_is_read_again(tmp_path):
    written = feedback(40)
    write_feedback(tmp_path / "images", written)
    found = read_feedback(tmp_path / "images", 4)
    order = found.table["id"].str.removeprefix("a-").astype(int)
    assert sorted(order) == list(range(40))
    assert np.array_equal(found.images, written.images[order])
    assert found.table.equals(written.table.iloc[order].reset_index(drop=True))
    assert found.counts() == written.counts()
    splits = read_raw(tmp_path / "images")
    assert {name: len(one.labels) for name, one in splits.items()} == written.counts()


def test_the_order_of_the_images_makes_no_difference(tmp_path):
    written = feedback(12)
    order = np.random.default_rng(1).permutation(12)
    other = Feedback(written.images[order], written.table.iloc[order].reset_index(drop=True))
    for name, one in (("a", written), ("b", other)):
        write_feedback(tmp_path / name, one)
    files = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert len(files) == 5
    assert all((tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes() for name in files)


def test_an_image_has_its_side_for_good_and_a_third_is_tested_on():
    names = [hashlib.sha256(bytes([number % 256, number // 256])).hexdigest() for number in range(3000)]
    sides = [side_of(name) for name in names]
    # Binomial with a third of 3,000: six standard deviations.
    assert abs(sides.count("test") - 1000) < 155
    assert side_of(names[0]) == sides[0]


@pytest.mark.parametrize("count", [0, 1])
def test_few_images_make_a_data_set_as_well(tmp_path, count):
    write_feedback(tmp_path / "images", feedback(count))
    assert len(read_feedback(tmp_path / "images", 4)) == count
    assert len(read_feedback(tmp_path / "never", 4)) == 0


def test_a_damaged_data_set_names_the_way_out(tmp_path):
    folder = tmp_path / "images"
    write_feedback(folder, feedback(5))
    way_out = f"`dvc checkout {folder}.dvc` brings back what was collected last"
    assert refusal(read_feedback, folder, 28).endswith("has images of 4 pixels, the raw data of 28: collect elsewhere")
    (folder / "images.csv").write_text("split,row\n")
    assert refusal(read_feedback, folder, 4) == f"{folder}/images.csv does not describe the images beside it; {way_out}"
    (folder / "images.csv").unlink()
    assert refusal(read_feedback, folder, 4).endswith(way_out)
    (folder / "train-images-idx3-ubyte").write_bytes(b"torn")
    assert refusal(read_feedback, folder, 4).endswith(way_out)
