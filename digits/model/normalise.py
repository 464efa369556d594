"""Batch normalisation as one operation of TensorFlow, while a network is trained.

Keras' layer computes it from single operations, which takes longer (docs/performance.md has the figures). The layers
stay those of Keras: a saved network knows nothing of it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING

import keras

if TYPE_CHECKING:
    import tensorflow as tf


def fuse_normalisation(model: keras.Model) -> None:
    """Let the batch normalisation of images be trained by TensorFlow's operation for it. Keras with JAX stays as it is.

    Args:
        model: is changed in place, for this process alone. It answers as before.
    """
    if keras.backend.backend() != "tensorflow":
        return
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization) and len(layer.input.shape) == 4:
            layer.call = functools.partial(_normalise, layer, layer.call)


def _normalise(
    layer: keras.layers.BatchNormalization,
    call: Callable[..., tf.Tensor],
    inputs: tf.Tensor,
    training: bool | None = None,
    mask: tf.Tensor | None = None,
) -> tf.Tensor:
    """What `BatchNormalization.call` does: normalise a batch and move the statistics, or normalise by these."""
    if not (training and layer.trainable):
        return call(inputs, training=training, mask=mask)
    import tensorflow as tf

    batch = tf.raw_ops.FusedBatchNormV3(
        x=inputs, scale=layer.gamma, offset=layer.beta, mean=[], variance=[], epsilon=layer.epsilon, is_training=True
    )
    new = 1 - layer.momentum
    layer.moving_mean.assign(layer.moving_mean * layer.momentum + batch.batch_mean * new)
    layer.moving_variance.assign(layer.moving_variance * layer.momentum + batch.batch_variance * new)
    return batch.y
