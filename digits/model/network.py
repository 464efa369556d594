"""The network: raw pixels in, probabilities out."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras

    from digits.params import ModelParams


def build_model(params: ModelParams, classes: int, side: int = 28) -> keras.Model:
    """Build the convolutional network, with random weights.

    Rescaling and the channel axis are layers of the model, so training and serving cannot treat pixels differently.

    Args:
        params: section `train.model`.
        classes: number of classes.
        side: height and width of an image in pixels.

    Returns:
        A model from uint8 (n, side, side) to float32 probabilities (n, classes). Its weights and dropout depend on the
        global seed (`keras.utils.set_random_seed`).
    """
    from keras import Input, Sequential, layers

    model = Sequential(name="digits")
    model.add(Input((side, side), dtype="uint8", name="pixels"))
    model.add(layers.Rescaling(1 / 255))
    model.add(layers.Reshape((side, side, 1)))
    for filters in params.filters:
        model.add(layers.Conv2D(filters, params.kernel_size, activation="relu"))
        model.add(layers.MaxPooling2D(params.pool_size))
    model.add(layers.Flatten())
    model.add(layers.Dropout(params.conv_dropout))
    model.add(layers.Dense(params.dense_units, activation="relu"))
    model.add(layers.Dropout(params.dense_dropout))
    model.add(layers.Dense(classes, activation="softmax", name="probabilities"))
    return model
