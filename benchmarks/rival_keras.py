"""Two published recipes for MNIST in Keras: `python rival_keras.py NAME MNIST.NPZ EPOCHS SEED...`.

It knows nothing of this project. For each seed it prints a line of JSON: `seconds` of the fit and test `accuracy` after
the last epoch. No image is held back, and no epoch is chosen.
"""

import json
import math
import os
import sys
import time
from collections.abc import Callable

# TensorFlow turns oneDNN off on CPUs without AVX-512 VNNI, where it is as useful.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from keras import initializers, layers

Arrays = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def mnist_convnet(data: Arrays, epochs: int) -> keras.Model:
    """F. Chollet, "Simple MNIST convnet", keras.io/examples/vision/mnist_convnet: about 99 % after 15 epochs."""
    x_train, y_train, _, _ = data
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(loss="sparse_categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
    model.fit(x_train, y_train, batch_size=128, epochs=epochs, validation_split=0.1, verbose=0)
    return model


def one_epoch(data: Arrays, epochs: int) -> keras.Model:
    """T. Oikarinen, github.com/tuomaso/train_mnist_fast: 99.04 ± 0.07 % after one epoch of all 60,000 images, n = 30.

    As there: pooling before ReLU, PyTorch's initial weights, images in the order of the file, one cycle of the learning
    rate. Keras' Adam has its epsilon at another place of the formula.
    """
    x_train, y_train, _, _ = data
    batch = 256
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Rescaling(1 / 255 / 0.3081, offset=-0.1307 / 0.3081),
            layers.Conv2D(24, 5, **_torch_weights(25)),
            layers.MaxPooling2D(2),
            layers.ReLU(),
            layers.Conv2D(32, 3, **_torch_weights(24 * 9)),
            layers.MaxPooling2D(2),
            layers.ReLU(),
            layers.Flatten(),
            layers.Dense(256, activation="relu", **_torch_weights(800)),
            layers.Dense(10, **_torch_weights(256)),
        ]
    )
    rate = OneCycle(0.01, epochs * math.ceil(len(x_train) / batch))
    model.compile(
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        optimizer=keras.optimizers.Adam(rate, beta_1=0.7, beta_2=0.9, epsilon=1e-8),
        metrics=["accuracy"],
        steps_per_execution=min(64, rate.steps),
    )
    model.fit(x_train, y_train, batch_size=batch, epochs=epochs, shuffle=False, verbose=0)
    return model


def _torch_weights(inputs: int) -> dict[str, initializers.Initializer]:
    """PyTorch's initial weights and biases of a layer whose units have so many inputs."""
    reach = 1 / math.sqrt(inputs)
    return {
        "kernel_initializer": initializers.RandomUniform(-reach, reach),
        "bias_initializer": initializers.RandomUniform(-reach, reach),
    }


class OneCycle(keras.optimizers.schedules.LearningRateSchedule):
    """PyTorch's OneCycleLR: up along a cosine for 30 % of the steps from a 25th of the highest rate, then down to 0."""

    def __init__(self, highest: float, steps: int) -> None:
        self.highest, self.steps = highest, steps

    def __call__(self, step: int) -> float:
        """The rate of a step."""
        ops = keras.ops
        rise, last = 0.3 * self.steps - 1, self.steps - 1.0
        step = ops.cast(step, "float32")
        up = _cosine(self.highest / 25, self.highest, ops.clip(step / max(rise, 1.0), 0, 1))
        down = _cosine(self.highest, self.highest / 25e4, ops.clip((step - rise) / max(last - rise, 1.0), 0, 1))
        return ops.where(step < rise, up, down)

    def get_config(self) -> dict[str, float]:
        """For saving."""
        return {"highest": self.highest, "steps": self.steps}


def _cosine(start: float, end: float, share: float) -> float:
    return end + (start - end) / 2 * (1 + keras.ops.cos(math.pi * share))


RECIPES: dict[str, Callable[[Arrays, int], keras.Model]] = {
    "mnist_convnet": mnist_convnet,
    "one_epoch": one_epoch,
}


def main() -> None:
    """Train once for each seed."""
    name, archive, epochs, *seeds = sys.argv[1:]
    with np.load(archive) as file:
        data = tuple(file[key] for key in ("x_train", "y_train", "x_test", "y_test"))
    x_test, y_test = data[2:]
    for seed in map(int, seeds):
        keras.utils.set_random_seed(seed)
        started = time.perf_counter()
        model = RECIPES[name](data, int(epochs))
        seconds = time.perf_counter() - started
        accuracy = model.evaluate(x_test, y_test, batch_size=1000, verbose=0)[1]
        print(json.dumps({"seconds": seconds, "accuracy": accuracy, "weights": model.count_params()}), flush=True)


if __name__ == "__main__":
    main()
