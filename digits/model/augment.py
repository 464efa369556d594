"""Training images changed at random, anew in each epoch: one affine map an image, drawn from the seed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from digits.arrays import Rows
from digits.model.feed import read, ready
from digits.model.share import WHOLE, Share

if TYPE_CHECKING:
    import tensorflow as tf

    from digits.params import AugmentParams


def is_on(params: AugmentParams) -> bool:
    """Whether anything is to be changed."""
    return any(value for _, value in params)


def changed_batches(
    images: Rows, labels: Rows, params: AugmentParams, batch_size: int, seed: int, share: Share = WHOLE
) -> tf.data.Dataset:
    """Endless batches of changed images, shuffled anew in each epoch. The last, smaller batch of an epoch is kept.

    Args:
        images: uint8 (n, side, side).
        labels: float32 (n, classes).
        params: section `train.augment`.
        batch_size: images of a batch.
        seed: of the changes, and with TensorFlow's global seed of the order.
        share: of each batch; of all shares together, the images are those of whole batches.

    Returns:
        Batches of uint8 (batch, side, side) and float32 (batch, classes).
    """
    import tensorflow as tf

    def batch(step: tf.Tensor, rows: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        pixels, answers = read(share.of(rows), images, labels)
        chosen = tf.cast(pixels, tf.float32)[..., None]
        maps = _maps(tf.stack([tf.cast(seed, tf.int64), step]), tf.shape(rows)[0], images.shape[1], params)
        moved = tf.raw_ops.ImageProjectiveTransformV3(
            images=chosen,
            transforms=share.of(maps),
            output_shape=images.shape[1:],
            interpolation="BILINEAR",
            fill_mode="CONSTANT",
            fill_value=0.0,
        )
        return tf.cast(tf.round(moved[..., 0]), tf.uint8), answers

    rows = tf.data.Dataset.range(len(images)).shuffle(len(images), seed=seed).batch(batch_size)
    rows = (rows.take(share.steps(len(images), batch_size)) if share.workers > 1 else rows).repeat()
    # The changes depend on the number of the step alone, so the order in which threads draw them does not matter.
    return ready(rows.enumerate().map(batch, num_parallel_calls=2))


def _maps(seed: tf.Tensor, count: tf.Tensor, side: int, params: AugmentParams) -> tf.Tensor:
    """Affine maps from places of the result to places of the image, float32 (count, 8), about the image's middle."""
    import tensorflow as tf

    drawn = tf.unstack(tf.random.stateless_uniform((5, count), seed, -1.0, 1.0))
    angle, slant = (
        np.deg2rad(limit) * draw for limit, draw in zip((params.rotation, params.shear), drawn, strict=False)
    )
    size = 1 + params.zoom * drawn[2]
    across, down = params.shift * drawn[3], params.shift * drawn[4]
    cosine, sine = tf.cos(angle) / size, tf.sin(angle) / size
    a, b = cosine, -sine + cosine * tf.tan(slant)
    c, d = sine, cosine + sine * tf.tan(slant)
    middle = (side - 1) / 2
    x, y = middle + across, middle + down
    zero = tf.zeros_like(angle)
    return tf.stack([a, b, middle - a * x - b * y, c, d, middle - c * x - d * y, zero, zero], axis=1)
