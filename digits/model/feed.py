"""Feeding arrays to a training, batch by batch: what stays in a file is read when its turn comes.

Keras takes whole arrays too, but copies them into memory first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from digits.arrays import Rows

if TYPE_CHECKING:
    import tensorflow as tf


def shuffled_rows(count: int, batch_size: int) -> tf.data.Dataset:
    """Row numbers 0 … count-1 in batches, int64 (batch,), shuffled.

    Keras 3 takes the rows of an array in this order: its `ArrayDataAdapter` shuffles with the same operations, so the
    same global seed gives the same numbers. With a global seed every walk has the same order, and so has every epoch
    of `fit`, which walks anew in each.
    """
    import tensorflow as tf

    def order(_: tf.Tensor) -> tf.Tensor:
        return tf.random.shuffle(tf.range(count, dtype=tf.int64))

    def cut(rows: tf.Tensor) -> tf.data.Dataset:
        whole = count // batch_size * batch_size
        batches = tf.data.Dataset.from_tensor_slices(tf.reshape(rows[:whole], (-1, batch_size)))
        return batches.concatenate(tf.data.Dataset.from_tensors(rows[whole:])) if whole < count else batches

    return tf.data.Dataset.range(1).map(order).prefetch(1).flat_map(cut)


def rows_in_order(count: int, batch_size: int) -> tf.data.Dataset:
    """Row numbers 0 … count-1 in batches, int64 (batch,)."""
    import tensorflow as tf

    return tf.data.Dataset.range(count).batch(batch_size)


def read(rows: tf.Tensor, images: Rows, labels: Rows) -> tuple[tf.Tensor, tf.Tensor]:
    """Within a graph: the images and labels with these row numbers.

    Args:
        rows: int64 (batch,).
        images: uint8 (n, side, side).
        labels: float32 (n, classes).

    Returns:
        uint8 (batch, side, side) and float32 (batch, classes).
    """
    import tensorflow as tf

    def take(numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return images[numbers], labels[numbers]

    pixels, answers = tf.numpy_function(take, [rows], (tf.uint8, tf.float32))
    return tf.ensure_shape(pixels, (None, *images.shape[1:])), tf.ensure_shape(answers, (None, labels.shape[1]))


def batches(rows: tf.data.Dataset, images: Rows, labels: Rows, steps: int) -> tf.data.Dataset:
    """Images and labels of batches of row numbers, as Keras' `fit` takes them.

    Args:
        rows: of `shuffled_rows` or `rows_in_order`.
        images: uint8 (n, side, side).
        labels: float32 (n, classes).
        steps: how many batches there are.
    """
    import tensorflow as tf

    found = rows.map(lambda numbers: read(numbers, images, labels))
    return ready(found.apply(tf.data.experimental.assert_cardinality(steps)))


def ready(found: tf.data.Dataset) -> tf.data.Dataset:
    """The same batches, some of them made before they are asked for.

    Without tf.data's autotuning: now and then the end of an epoch waits for its thread, which sleeps twice as long each
    time, so that an epoch of 11 seconds takes 20.
    """
    import tensorflow as tf

    options = tf.data.Options()
    options.autotune.enabled = False
    return found.prefetch(4).with_options(options)
