import keras
import numpy as np
import pytest
from support.tiny import TINY, TRAIN

from digits.model.network import build_model

pytestmark = pytest.mark.slow


def network(classes=10, side=28, **changes):
    return build_model(TINY.model_copy(update=changes), classes, side)


def kinds(model):
    return [type(layer).__name__ for layer in model.layers if not isinstance(layer, keras.layers.InputLayer)]


def layers_of(model, kind):
    return [layer for layer in model.layers if type(layer).__name__ == kind]


def test_the_network_of_the_seed():
    """Names and order of the layers are in the file: other ones would be other bytes."""
    keras.backend.clear_session()
    model = build_model(TRAIN.model, 10)
    assert isinstance(model, keras.Sequential) and model.name == "digits" and model.count_params() == 225_034
    assert [(type(layer).__name__, layer.name) for layer in model.layers] == [
        ("Rescaling", "rescaling"),
        ("Reshape", "reshape"),
        ("Conv2D", "conv2d"),
        ("MaxPooling2D", "max_pooling2d"),
        ("Conv2D", "conv2d_1"),
        ("MaxPooling2D", "max_pooling2d_1"),
        ("Flatten", "flatten"),
        ("Dropout", "dropout"),
        ("Dense", "dense"),
        ("Dropout", "dropout_1"),
        ("Dense", "probabilities"),
    ]
    first, second = layers_of(model, "Conv2D")
    for convolution, filters in ((first, 32), (second, 64)):
        config = convolution.get_config()
        assert (config["filters"], config["kernel_size"], config["strides"]) == (filters, (3, 3), (1, 1))
        assert (config["padding"], config["activation"], config["use_bias"]) == ("valid", "relu", True)
    assert [layer.rate for layer in layers_of(model, "Dropout")] == [0.5, 0.5]


def test_raw_pixels_in_probabilities_out(mnist_sample):
    model = build_model(TINY, 10)
    probabilities = np.asarray(model(mnist_sample.x_test[:50]))
    assert probabilities.shape == (50, 10) and probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    # The first layers are the seed's scaling and channel axis.
    inner = np.asarray(model.layers[1](model.layers[0](mnist_sample.x_test[:1])))
    np.testing.assert_allclose(inner, mnist_sample.x_test[:1, :, :, None] / 255, rtol=1e-6)


@pytest.mark.parametrize(("classes", "side", "filters"), [(26, 28, [4, 4]), (2, 14, [3]), (10, 64, [2, 2, 2])])
def test_other_classes_and_sizes(classes, side, filters):
    model = network(classes, side, filters=filters)
    assert np.asarray(model(np.zeros((2, side, side), np.uint8))).shape == (2, classes)


def test_each_block_has_its_own_values():
    model = network(
        filters=[3, 4, 5],
        kernel_size=[5, 3, 1],
        strides=[2, 1, 1],
        padding=["valid", "same", "same"],
        pool_size=[1, 2, 3],
        batch_norm=[False, True, False],
    )
    assert kinds(model)[2:-4] == [
        "Conv2D",
        *("Conv2D", "MaxPooling2D", "BatchNormalization", "ReLU"),
        *("Conv2D", "MaxPooling2D"),
        "Flatten",
    ]
    convolutions = layers_of(model, "Conv2D")
    # 28 → 12 → 12, pooled to 6 → 6, pooled to 2.
    assert [layer.output.shape[1:] for layer in convolutions] == [(12, 12, 3), (12, 12, 4), (6, 6, 5)]
    assert layers_of(model, "Flatten")[0].output.shape == (None, 2 * 2 * 5)
    # Normalising subtracts what a bias would add, and comes before the ReLU.
    assert [layer.use_bias for layer in convolutions] == [True, False, True]
    assert [layer.activation.__name__ for layer in convolutions] == ["relu", "linear", "relu"]


def test_one_value_is_the_same_as_a_list_of_it():
    values = {"kernel_size": 5, "strides": 2, "padding": "same", "pool_size": 1, "batch_norm": True, "residual": 1}
    keras.backend.clear_session()
    config = network(filters=[3, 4], **values).get_config()
    keras.backend.clear_session()
    assert network(filters=[3, 4], **{key: [value, value] for key, value in values.items()}).get_config() == config


def test_residual_convolutions_add_to_what_they_take(mnist_sample):
    model = network(filters=[4, 6], padding="same", residual=[2, 1])
    assert len(layers_of(model, "Add")) == 3
    assert [layer.filters for layer in layers_of(model, "Conv2D")] == [4, 4, 4, 6, 6]
    # With a kernel of zeros, a unit adds nothing: the network is the one without.
    plain = network(filters=[4, 6], padding="same")
    units = [layer for layer in layers_of(model, "Conv2D") if layer.activation.__name__ == "linear"]
    for layer in units:
        layer.set_weights([np.zeros_like(weights) for weights in layer.get_weights()])
    for kind in ("Conv2D", "Dense"):
        others = [layer for layer in layers_of(model, kind) if layer not in units]
        for ours, its in zip(layers_of(plain, kind), others, strict=True):
            ours.set_weights(its.get_weights())
    images = mnist_sample.x_test[:8]
    np.testing.assert_allclose(model(images), plain(images), atol=1e-6)


def test_a_residual_unit_is_its_input_and_the_relu_of_a_convolution(mnist_sample):
    model = network(filters=[4], padding="same", residual=1)
    block, add = layers_of(model, "MaxPooling2D")[0].output, layers_of(model, "Add")[0].output
    taken, given = keras.Model(model.inputs[0], [block, add])(mnist_sample.x_test[:3])
    convolution = layers_of(model, "Conv2D")[1]
    np.testing.assert_allclose(given, taken + np.maximum(convolution(taken), 0), atol=1e-6)


def test_a_normalised_residual_unit_is_normalised_before_its_relu():
    model = network(filters=[4], padding="same", residual=1, batch_norm=True)
    unit = ["Conv2D", "BatchNormalization", "ReLU"]
    assert kinds(model)[2:9] == ["Conv2D", "MaxPooling2D", *unit[1:], *unit]
    assert not any(layer.use_bias for layer in layers_of(model, "Conv2D"))


def test_the_head_sees_all_features_or_the_average_of_each_filter(mnist_sample):
    assert "Flatten" in kinds(network()) and "GlobalAveragePooling2D" not in kinds(network())
    model = network(head="average", filters=[4, 6])
    assert "Flatten" not in kinds(model)
    (average,) = layers_of(model, "GlobalAveragePooling2D")
    seen = keras.Model(model.inputs[0], [average.input, average.output])(mnist_sample.x_test[:3])
    np.testing.assert_allclose(np.asarray(seen[0]).mean(axis=(1, 2)), seen[1], atol=1e-6)
    assert np.asarray(seen[1]).shape == (3, 6)


@pytest.mark.parametrize("dropout", [0.0, 0.2])
def test_without_a_hidden_layer_the_features_meet_the_probabilities(dropout):
    model = network(dense_units=0, conv_dropout=dropout)
    assert kinds(model)[-3 if dropout else -2 :] == ["Flatten", *["Dropout"] * bool(dropout), "Dense"]
    assert [layer.units for layer in layers_of(model, "Dense")] == [10]


def test_training_alone_uses_the_batch(mnist_sample):
    """In a finished model, an answer does not depend on the images beside."""
    model = network(batch_norm=True, residual=1, padding="same", head="average")
    images = mnist_sample.x_test[:6]
    together = np.asarray(model(images, training=False))
    alone = np.concatenate([model(images[at : at + 1], training=False) for at in range(6)])
    np.testing.assert_allclose(together, alone, atol=1e-6)
    trained = np.asarray(model(images, training=True))
    assert np.abs(trained - together).max() > 1e-3
