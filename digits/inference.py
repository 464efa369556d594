"""A loaded model as one fast function from raw pixels to probabilities."""

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from digits.errors import DigitsError
from digits.tensorflow_setup import use_tensorflow


class Classifier:
    """Raw pixels in, probabilities out, through a traced function: 1 ms a call where `Model.predict` costs 70."""

    def __init__(self, path: Path | str, threads: int | None = None) -> None:
        """Load a `.keras` file in safe mode.

        Args:
            path: the file.
            threads: of TensorFlow, where the last bits of the result matter; see `use_tensorflow`.

        Raises:
            DigitsError: the file is missing or not a Keras model.
        """
        use_tensorflow(threads)
        import tensorflow as tf

        from digits.model import load_model

        self.model = load_model(path)
        self.side = int(self.model.input_shape[1])
        signature = [tf.TensorSpec((None, self.side, self.side), tf.uint8)]
        traced = tf.function(lambda pixels: self.model(pixels, training=False), input_signature=signature)
        # One trace serves all batch sizes; calling it directly saves 0.2 ms of dispatch a call.
        self._call = traced.get_concrete_function()
        self._tensor = tf.constant

    def __call__(self, pixels: np.ndarray, batch_size: int = 500) -> np.ndarray:
        """Classify images.

        Args:
            pixels: uint8 (n, 28, 28), ink light on dark as in MNIST, 0 to 255.
            batch_size: images per step; bounds the memory that activations take.

        Returns:
            float32 (n, classes), each row sums to 1.

        Raises:
            DigitsError: another dtype or shape.
        """
        if pixels.dtype != np.uint8 or pixels.shape[1:] != (self.side, self.side):
            raise DigitsError(
                f"raw pixels must be uint8 (n, {self.side}, {self.side}), not {pixels.dtype} {pixels.shape}"
            )
        starts = range(0, max(len(pixels), 1), batch_size)
        steps = (self._tensor(pixels[start : start + batch_size]) for start in starts)
        return np.concatenate([self._call(step).numpy() for step in steps])


def median_latency_ms(classifiers: Sequence[Classifier], rounds: int = 200) -> list[float]:
    """Median time to classify one image, in milliseconds, of each classifier.

    They take turns, so that whatever else the machine does falls on all alike and their ratio is fair.
    """
    times = np.empty((rounds, len(classifiers)))
    image = np.zeros((1, classifiers[0].side, classifiers[0].side), dtype=np.uint8)
    for classifier in classifiers:
        classifier(image)
    for row in times:
        for at, classifier in enumerate(classifiers):
            started = time.perf_counter()
            classifier(image)
            row[at] = (time.perf_counter() - started) * 1000
    return [float(median) for median in np.median(times, axis=0)]
