"""A model as a fast function from raw pixels to probabilities, and how long it takes."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from digits import paths
from digits.arrays import Rows
from digits.errors import DigitsError
from digits.files import missing, sha256_file
from digits.model.quiet import quiet_unless_it_fails
from digits.model.twin import origin, twin_beside

if TYPE_CHECKING:
    import keras
    from ai_edge_litert.interpreter import Interpreter


class Classifier:
    """A model that classifies raw pixels.

    `side` is the height and width of its images, `classes` the number of probabilities that it gives.
    """

    side: int
    classes: int

    def __call__(self, pixels: Rows, batch_size: int = 500) -> np.ndarray:
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
            # Neither library can convolve an empty batch.
            return np.zeros((0, self.classes), np.float32)
        starts = range(0, len(pixels), batch_size)
        return np.concatenate([self._step(pixels[start : start + batch_size]) for start in starts])

    def _step(self, pixels: np.ndarray) -> np.ndarray:
        raise NotImplementedError


class TwinClassifier(Classifier):
    """The twin of a model in LiteRT: 0.05 ms for an image. TensorFlow takes 1 ms, and 4 s to start.

    Threads may call it at the same time: each gets an interpreter of its own.
    """

    def __init__(self, path: Path | str, threads: int = 1) -> None:
        """Load a `.tflite` file.

        Args:
            path: the file.
            threads: of a step. More than one is faster for many images, and slower for a single one.

        Raises:
            DigitsError: the file is missing or not such a model.
        """
        if not Path(path).is_file():
            raise missing(path)
        self._content, self._threads = Path(path).read_bytes(), threads
        self._own = threading.local()
        try:
            # LiteRT greets once a process.
            with quiet_unless_it_fails():
                interpreter = self._interpreter()
        except (ValueError, RuntimeError) as error:
            raise DigitsError(f"{path} is not a LiteRT model: {str(error).splitlines()[0]}") from None
        (taken,), (given,) = interpreter.get_input_details(), interpreter.get_output_details()
        self._input, self._output = taken["index"], given["index"]
        self.side, self.classes = int(taken["shape"][1]), int(given["shape"][1])

    def _interpreter(self) -> Interpreter:
        """The interpreter of this thread."""
        if not hasattr(self._own, "interpreter"):
            from ai_edge_litert.interpreter import Interpreter

            interpreter = Interpreter(model_content=self._content, num_threads=self._threads)
            interpreter.allocate_tensors()
            self._own.interpreter, self._own.images = interpreter, 1
        return self._own.interpreter

    def _step(self, pixels: np.ndarray) -> np.ndarray:
        interpreter = self._interpreter()
        if self._own.images != len(pixels):
            interpreter.resize_tensor_input(self._input, pixels.shape)
            interpreter.allocate_tensors()
            self._own.images = len(pixels)
        interpreter.set_tensor(self._input, pixels)
        interpreter.invoke()
        return interpreter.get_tensor(self._output)


class KerasClassifier(Classifier):
    """A model in TensorFlow. It calls a traced function: `Model.predict` takes 70 ms for an image."""

    def __init__(self, model: keras.Model) -> None:
        """Trace a loaded model, see `digits.model.runtime.use_tensorflow` and `digits.model.keras_file.load_model`."""
        import tensorflow as tf

        self.side = int(model.input_shape[1])
        self.classes = int(model.output_shape[-1])
        signature = [tf.TensorSpec((None, self.side, self.side), tf.uint8)]
        traced = tf.function(lambda pixels: model(pixels, training=False), input_signature=signature)
        # One trace serves all batch sizes. Calling it directly saves 0.2 ms a call.
        self._call = traced.get_concrete_function()
        self._tensor = tf.constant

    def _step(self, pixels: np.ndarray) -> np.ndarray:
        return self._call(self._tensor(pixels)).numpy()


def load_classifier(file: Path, threads: int | None = None, allow_twin: bool = True) -> Classifier:
    """The model of a `.keras` file: by the twin that lies beside it, else by TensorFlow.

    Args:
        file: of the model.
        threads: of a step; None for one with the twin, and for what TensorFlow chooses without.
        allow_twin: False for TensorFlow in any case.

    Raises:
        DigitsError: the file is missing or not a Keras model.
    """
    if allow_twin and file.is_file() and (twin := twin_beside(file)):
        return TwinClassifier(twin, threads or 1)
    from digits.model.keras_file import load_model
    from digits.model.runtime import use_tensorflow

    use_tensorflow(threads)
    return KerasClassifier(load_model(file))


def twin_classifier(file: Path, threads: int) -> TwinClassifier:
    """The twin of a `.keras` file, and nothing else.

    Args:
        file: of the model. Its twin lies beside it.
        threads: of a step.

    Raises:
        DigitsError: a file is missing, or the twin is another model's or no model.
    """
    twin = file.with_name(paths.TWIN.name)
    for needed in (file, twin):
        if not needed.is_file():
            raise missing(needed)
    classifier = TwinClassifier(twin, threads)
    if origin(twin) != sha256_file(file):
        raise DigitsError(f"{twin} is not the twin of {file}: run `dvc repro`, which makes both")
    return classifier


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
