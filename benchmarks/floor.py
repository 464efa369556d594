"""The least time that a training can take: its multiplications and additions over the rate of a plain matrix product.

`python -m benchmarks.floor` in a project after `dvc repro` prints both as JSON.
"""

from __future__ import annotations

import json
import math
import time
from typing import TYPE_CHECKING, Any

from benchmarks.summary import Summary, spread
from digits import paths
from digits.data.dataset import Dataset
from digits.files import read_json
from digits.params import load_params

if TYPE_CHECKING:
    import keras

# Large enough for a library to reach its best rate.
_SIDE = 2048
_PRODUCTS = 15


def multiplications(model: keras.Model) -> list[int]:
    """Multiplications with weights that one image takes, for each layer that convolves or is dense, in order."""
    counts = []
    for layer in model.layers:
        if (kernel := getattr(layer, "kernel", None)) is not None:
            # A convolution uses its kernel once for each place of its result.
            places = math.prod(layer.output.shape[1:-1]) if len(kernel.shape) == 4 else 1
            counts.append(places * math.prod(kernel.shape))
    return counts


def training_flop(counts: list[int], trained: int, validated: int) -> int:
    """Floating-point operations of a training.

    A multiplication comes with an addition. Forward takes each product once; backward takes it twice, for the gradients
    of weights and of inputs. The first layer's inputs are pixels, which have none.

    Args:
        counts: from `multiplications`.
        trained: images trained on, each counted once an epoch.
        validated: images that were only classified, likewise.
    """
    forward = 2 * sum(counts)
    return trained * (3 * forward - 2 * counts[0]) + validated * forward


def product_rates() -> list[float]:
    """Operations a second of square matrix products in TensorFlow, float32, with its present settings."""
    import tensorflow as tf

    product = tf.function(tf.linalg.matmul)
    left, right = (tf.random.stateless_uniform((_SIDE, _SIDE), (seed, 0)) for seed in (1, 2))
    product(left, right)
    rates = []
    for _ in range(_PRODUCTS):
        started = time.perf_counter()
        product(left, right).numpy()
        rates.append(2 * _SIDE**3 / (time.perf_counter() - started))
    return rates


def measure() -> dict[str, Any]:
    """`tflop` of the project's last training, and the `rate` in GFLOP/s with the settings of that training."""
    from digits.model.keras_file import load_model
    from digits.model.runtime import use_tensorflow

    train = load_params().train
    use_tensorflow(train.threads, native=train.cpu == "native")
    facts, epochs = Dataset(paths.PROCESSED).facts, read_json(paths.TRAINING)["epochs"]
    flop = training_flop(
        multiplications(load_model(paths.MODEL)), epochs * facts["train"], epochs * facts["validation"]
    )
    rate: Summary = spread([value / 1e9 for value in product_rates()])
    return {"tflop": flop / 1e12, "rate": rate, "epochs": epochs, "cpu": train.cpu, "threads": train.threads}


if __name__ == "__main__":
    print(json.dumps(measure()))
