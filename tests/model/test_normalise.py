"""Batch normalisation by one operation does what Keras' own does."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from digits.model.fit import fit
from digits.model.network import build_model
from digits.model.normalise import fuse_normalisation
from digits.params import parse_params, read_params


@pytest.fixture
def twins() -> tuple[keras.Model, keras.Model]:
    """A network as Keras trains it, and the same one with its batch normalisation in one operation."""
    plain, fused = (
        keras.Sequential(
            [
                keras.Input((6, 5, 3)),
                keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5),
                keras.layers.Flatten(),
                keras.layers.Dense(2),
            ]
        )
        for _ in range(2)
    )
    rng = np.random.default_rng(0)
    weights = [rng.uniform(0.5, 1.5, weight.shape) for weight in plain.get_weights()]
    for model in (plain, fused):
        model.set_weights(weights)
    fuse_normalisation(fused)
    return plain, fused


def test_a_step_is_that_of_keras(twins):
    images = np.random.default_rng(1).normal(3, 2, (16, 6, 5, 3)).astype("float32")
    outputs, gradients = [], []
    for model in twins:
        with tf.GradientTape() as tape:
            outputs.append(model(images, training=True))
            loss = tf.reduce_sum(outputs[-1] ** 2)
        gradients.append(tape.gradient(loss, model.trainable_variables))
    np.testing.assert_allclose(*outputs, rtol=1e-4, atol=1e-5)
    for plain, fused in zip(*gradients, strict=True):
        np.testing.assert_allclose(plain, fused, rtol=1e-3, atol=1e-3)
    # The variance that is kept is that of the population behind the batch: n / (n - 1) of the batch's own.
    for plain, fused in zip(*(model.get_weights() for model in twins), strict=True):
        np.testing.assert_allclose(plain, fused, rtol=1 / (16 * 6 * 5 - 1))


def test_answers_and_the_saved_network_stay_those_of_keras(twins, tmp_path):
    images = np.random.default_rng(1).normal(size=(4, 6, 5, 3)).astype("float32")
    plain, fused = twins
    assert np.array_equal(plain(images, training=False), fused(images, training=False))
    fused.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert type(loaded.layers[0]) is keras.layers.BatchNormalization and "call" not in vars(loaded.layers[0])
    assert np.array_equal(plain(images, training=False), loaded(images, training=False))


def test_a_frozen_layer_does_not_learn(twins):
    _, fused = twins
    fused.layers[0].trainable = False
    before = fused.layers[0].get_weights()
    fused(np.ones((4, 6, 5, 3), "float32"), training=True)
    assert all(map(np.array_equal, before, fused.layers[0].get_weights()))


def test_a_seed_gives_the_same_weights_again(mnist_sample):
    raw = read_params()
    raw["train"] |= {"epochs": 1, "batch_size": 64}
    raw["train"]["model"] |= {"batch_norm": True, "residual": 1, "padding": "same"}
    params = parse_params(raw, "test").train
    data = (mnist_sample.x_train[:512], np.eye(10, dtype="float32")[mnist_sample.y_train[:512]])
    found = []
    for _ in range(2):
        keras.utils.set_random_seed(1)
        model = build_model(params.model, 10)
        fit(model, data, data, params, lambda epoch, logs: None)
        found.append(model.get_weights())
    assert all(map(np.array_equal, *found))
