"""A loaded model as a fast function from raw pixels to probabilities, and how long it takes."""

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from digits.errors import DigitsError
from digits.model.runtime import use_tensorflow


class Classifier:
    """A model that classifies raw pixels.

    `side` is the height and width of its images, `classes` the number of probabilities that it gives.

    It calls a traced function, which takes 1 ms for an image; `Model.predict` takes 70 ms.
    """

    def __init__(self, path: Path | str, threads: int | None = None) -> None:
        """Load a `.keras` file in safe mode.

        Args:
            path: the file.
            threads: number of TensorFlow's threads, see `use_tensorflow`.

        Raises:
            DigitsError: the file is missing or not a Keras model.
        """
        use_tensorflow(threads)
        import tensorflow as tf

        from digits.model.keras_file import load_model

        self.model = load_model(path)
        self.side = int(self.model.input_shape[1])
        self.classes = int(self.model.output_shape[-1])
        signature = [tf.TensorSpec((None, self.side, self.side), tf.uint8)]
        traced = tf.function(lambda pixels: self.model(pixels, training=False), input_signature=signature)
        # One trace serves all batch sizes. Calling it directly saves 0.2 ms a call.
        self._call = traced.get_concrete_function()
        self._tensor = tf.constant

    def __call__(self, pixels: np.ndarray, batch_size: int = 500) -> np.ndarray:
        """Classify images.

        Args:
            pixels: uint8 (n, side, side), 0 to 255, light ink on a dark background as in MNIST.
            batch_size: images per step; it limits the memory for activations.

        Returns:
            float32 (n, classes); each row sums to 1.

        Raises:
            DigitsError: another dtype or shape.
        """
        if pixels.dtype != np.uint8 or pixels.shape[1:] != (self.side, self.side):
            raise DigitsError(
                f"raw pixels must be uint8 (n, {self.side}, {self.side}), not {pixels.dtype} {pixels.shape}"
            )
        if len(pixels) == 0:
            # TensorFlow cannot convolve an empty batch.
            return np.zeros((0, self.classes), np.float32)
        starts = range(0, len(pixels), batch_size)
        steps = (self._tensor(pixels[start : start + batch_size]) for start in starts)
        return np.concatenate([self._call(step).numpy() for step in steps])


def median_latency_ms(classifiers: Sequence[Classifier], rounds: int = 200) -> list[float]:
    """The median time that each classifier takes for one image, in milliseconds.

    The classifiers take turns, so that other load on the machine slows all of them alike. Each gets images of its own
    side.
    """
    times = np.empty((rounds, len(classifiers)))
    images = [np.zeros((1, classifier.side, classifier.side), dtype=np.uint8) for classifier in classifiers]
    for classifier, image in zip(classifiers, images, strict=True):
        classifier(image)
    for row in times:
        for at, (classifier, image) in enumerate(zip(classifiers, images, strict=True)):
            started = time.perf_counter()
            classifier(image)
            row[at] = (time.perf_counter() - started) * 1000
    return [float(median) for median in np.median(times, axis=0)]
