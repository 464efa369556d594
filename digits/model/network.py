"""The network: raw pixels in, probabilities out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import keras

    from digits.params import ModelParams

    # A list of layers is a residual unit: its result is added to what it takes.
    Step: TypeAlias = keras.Layer | list[keras.Layer]


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
    from keras import Input, Model, Sequential, layers

    pixels = Input((side, side), dtype="uint8", name="pixels")
    steps = [layers.Rescaling(1 / 255), layers.Reshape((side, side, 1)), *_blocks(params)]
    steps.append(layers.Flatten() if params.head == "flatten" else layers.GlobalAveragePooling2D())
    if params.conv_dropout or params.dense_units:
        steps.append(layers.Dropout(params.conv_dropout))
    if params.dense_units:
        steps.append(layers.Dense(params.dense_units, activation="relu"))
        steps.append(layers.Dropout(params.dense_dropout))
    steps.append(layers.Dense(classes, activation="softmax", name="probabilities"))
    if not any(isinstance(step, list) for step in steps):
        return Sequential([pixels, *steps], name="digits")
    return Model(pixels, _chain(pixels, steps), name="digits")


def _blocks(params: ModelParams) -> Iterator[Step]:
    """The layers of the blocks. A list of layers is added to what it takes."""
    from keras import layers

    for block, filters in enumerate(params.filters):
        kernel_size, strides, padding, pool_size, batch_norm, residual = (
            params.of_block(name, block)
            for name in ("kernel_size", "strides", "padding", "pool_size", "batch_norm", "residual")
        )
        # The maximum is the same before and after ReLU: pooling first leaves less to normalise.
        convolve = {"strides": strides, "padding": padding, "use_bias": not batch_norm}
        yield layers.Conv2D(filters, kernel_size, activation=None if batch_norm else "relu", **convolve)
        if pool_size > 1:
            yield layers.MaxPooling2D(pool_size)
        if batch_norm:
            yield from _normalised()
        for _ in range(residual):
            unit = [layers.Conv2D(filters, 3, padding="same", use_bias=not batch_norm)]
            yield [*unit, *(_normalised() if batch_norm else [layers.ReLU()])]


def _normalised() -> list[keras.Layer]:
    """Batch normalisation, then ReLU."""
    from keras import layers

    # Keras' momentum of 0.99 would leave the mean of a hundred steps unfinished.
    return [layers.BatchNormalization(momentum=0.9, epsilon=1e-5), layers.ReLU()]


def _chain(tensor: keras.KerasTensor, steps: Sequence[Step]) -> keras.KerasTensor:
    """The result of steps that follow each other."""
    from keras import layers

    for step in steps:
        tensor = layers.Add()([tensor, _chain(tensor, step)]) if isinstance(step, list) else step(tensor)
    return tensor
