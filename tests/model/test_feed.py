"""Batches of arrays in memory or in a file: the rows that Keras would take, in the same order."""

import keras
import numpy as np
import pytest
from support.tiny import fit_tiny, tiny_params

from digits.arrays import open_npy
from digits.model import fit
from digits.model.feed import batches, rows_in_order, shuffled_rows

pytestmark = pytest.mark.slow


def walk(rows):
    return [batch.numpy().tolist() for batch in rows]


@pytest.mark.parametrize(("count", "batch_size"), [(1, 1), (7, 3), (12, 4), (5, 9)])
def test_the_order_is_that_of_keras(count, batch_size):
    from keras.src.trainers.data_adapters.array_data_adapter import ArrayDataAdapter

    keras.utils.set_random_seed(3)
    ours = shuffled_rows(count, batch_size)
    found = [walk(ours), walk(ours)]
    keras.utils.set_random_seed(3)
    theirs = ArrayDataAdapter(np.arange(count), batch_size=batch_size, shuffle=True).get_tf_dataset()
    assert found == [walk(theirs), walk(theirs)]
    assert sorted(row for batch in found[0] for row in batch) == list(range(count))


def test_another_seed_gives_another_order():
    orders = []
    for seed in (3, 4):
        keras.utils.set_random_seed(seed)
        orders.append(walk(shuffled_rows(50, 8)))
    assert orders[0] != orders[1]
    assert [len(batch) for batch in orders[0]] == [8] * 6 + [2]


def test_rows_in_order():
    assert walk(rows_in_order(7, 3)) == [[0, 1, 2], [3, 4, 5], [6]]


def stored(folder, name, array):
    np.save(folder / f"{name}.npy", array)
    return open_npy(folder / f"{name}.npy")


def test_a_batch_has_the_images_and_labels_of_its_rows(data, tmp_path):
    images, labels = data[0]
    feed = batches(rows_in_order(len(images), 30), stored(tmp_path, "x", images), labels, 7)
    assert int(feed.cardinality()) == 7
    assert [tuple(spec.shape) for spec in feed.element_spec] == [(None, 28, 28), (None, 10)]
    pixels, answers = (np.concatenate(parts) for parts in zip(*feed.as_numpy_iterator(), strict=True))
    np.testing.assert_array_equal(pixels, images)
    np.testing.assert_array_equal(answers, labels)


@pytest.mark.parametrize("rotation", [0.0, 10.0])
def test_images_that_stay_in_their_file_train_the_same_model(data, tmp_path, monkeypatch, rotation):
    changes = {"augment": tiny_params().augment.model_copy(update={"rotation": rotation})}
    model, training, _ = fit_tiny(data, **changes)
    monkeypatch.setattr(fit, "_MOST_IN_MEMORY", 0)
    files = [
        tuple(stored(tmp_path, f"{split}{name}", array) for name, array in zip("xy", arrays, strict=True))
        for split, arrays in zip(("train", "validation"), data, strict=True)
    ]
    other, other_training, _ = fit_tiny(files, **changes)
    # Threads may add in another order. Another order of images would change the third digit.
    for ours, its in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(ours, its, atol=1e-5)
    np.testing.assert_allclose(training.history, other_training.history, atol=1e-5)
