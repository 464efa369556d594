"""The predictions of one shard."""

import numpy as np
import pyarrow.parquet as pq
import pytest
from support.drawings import page

from digits.batch.predict import BATCH, BatchModel, Shard, load_reader, made_of, process
from digits.batch.source import open_source
from digits.errors import DigitsError
from digits.files import sha256_file
from digits.pictures.read import Reader

NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


@pytest.fixture(scope="module")
def model(small_model) -> BatchModel:
    return BatchModel(small_model, sha256_file(small_model), "digits version 1", NAMES, 0.6, None)


def shard(path, file, model, start=0, stop=None) -> Shard:
    source = open_source(path)
    return Shard(source, start, len(source) if stop is None else stop, model, file)


def test_images_get_what_the_model_answers(tmp_path, mnist_sample, model):
    np.save(tmp_path / "images.npy", mnist_sample.x_train)
    done = process(shard(tmp_path / "images.npy", tmp_path / "part.parquet", model, 100, 900))
    frame = pq.read_table(tmp_path / "part.parquet").to_pandas()
    classify = load_reader(model).classify
    wanted = classify(mnist_sample.x_train[100:900], BATCH)
    assert frame["row"].tolist() == list(range(100, 900))
    assert frame["digit"].tolist() == wanted.argmax(axis=1).tolist()
    assert frame["class"].tolist() == [NAMES[digit] for digit in frame["digit"]]
    np.testing.assert_array_equal(frame["probability"].to_numpy(), wanted.max(axis=1))
    assert frame["sure"].tolist() == (wanted.max(axis=1) >= 0.6).tolist()
    assert 0 < done.sure == frame["sure"].sum() < done.rows == 800
    assert set(frame["model_version"]) == {"digits version 1"}
    assert set(frame["model_sha256"]) == {model.sha256}


def test_what_is_there_is_not_made_again_unless_the_images_changed(tmp_path, mnist_sample, model):
    source, file = tmp_path / "images.npy", tmp_path / "part.parquet"
    np.save(source, mnist_sample.x_test)
    first = process(shard(source, file, model))
    written = file.stat().st_mtime_ns
    again = process(shard(source, file, model))
    assert (first.was_there, again.was_there) == (False, True)
    assert again._replace(was_there=False) == first
    assert file.stat().st_mtime_ns == written
    np.save(source, mnist_sample.x_test[::-1])
    changed = process(shard(source, file, model))
    assert not changed.was_there
    assert changed.input_sha256 != first.input_sha256


def test_pictures_have_a_row_for_each_digit_and_one_for_none(tmp_path, model):
    folder = tmp_path / "pictures"
    folder.mkdir()
    page(folder / "a.png")
    (folder / "b.png").write_bytes((folder / "a.png").read_bytes()[:200])
    from PIL import Image

    Image.new("L", (40, 40), 255).save(folder / "c.png")
    done = process(shard(folder, tmp_path / "part.parquet", model))
    frame = pq.read_table(tmp_path / "part.parquet").to_pandas()
    assert frame["file"].tolist() == ["a.png", "a.png", "b.png", "c.png"]
    assert (done.rows, done.unread) == (2, 1)
    assert frame["digit"].isna().tolist() == [False, False, True, True]
    assert "damaged or truncated" in frame["note"][2]
    assert frame["note"][3] == "no digit found"
    assert len(frame["box"][0]) == 4


def test_images_of_another_size_are_refused(tmp_path, model):
    np.save(tmp_path / "images.npy", np.zeros((3, 20, 20), np.uint8))
    with pytest.raises(DigitsError, match="images of 20×20 pixels, but digits version 1 takes 28×28"):
        process(shard(tmp_path / "images.npy", tmp_path / "part.parquet", model))
    assert not (tmp_path / "part.parquet").exists()


def test_another_parquet_file_is_left_alone(tmp_path):
    import pyarrow as pa

    pq.write_table(pa.table({"mine": [1]}), tmp_path / "part.parquet")
    with pytest.raises(DigitsError, match="is no file of predictions"):
        made_of(tmp_path / "part.parquet")
    assert made_of(tmp_path / "none.parquet") is None


def test_a_process_loads_a_model_once(model):
    assert isinstance(load_reader(model), Reader)
    assert load_reader(model) is load_reader(model)
