"""Ratios of two times that are measured in turn on one machine: `python -m benchmarks check` compares them with limits.

A ratio hardly depends on how fast the machine is. Each of `RATIOS` is a function that gives the fastest time of ours
over the fastest of what it is compared with, both without the time that they waited for a processor. So other load on
the machine hardly shows. A slower build makes the ratio larger. They run in one process, in which nothing else has
started TensorFlow.
"""

from __future__ import annotations

import io
import sys
import tempfile
from collections.abc import Callable
from contextlib import redirect_stdout
from functools import cache, partial
from itertools import pairwise
from pathlib import Path

import numpy as np

from benchmarks.clock import Mark, seconds
from benchmarks.process import Usage, in_turn, run
from digits.evaluation.changes import CHANGES
from digits.evaluation.perturbation import enlarged, find_single, on_canvas, other_digits
from digits.model.classifier import KerasClassifier, TwinClassifier
from digits.model.runtime import use_tensorflow
from digits.params import Params, load_params
from digits.pictures.mnist import BOX, SIDE

# An epoch of 1,024 images in 128 steps.
_STEPS, _BATCH = 128, 8
_EPOCHS = 6
_FEW = 40


def twin_over_keras() -> float:
    """One image in the twin, over the same in Keras' traced function."""
    twin, keras = _classifiers()
    image = _digits()[:1]
    return _fastest(lambda: twin(image), lambda: keras(image), 300)


def batch_over_keras() -> float:
    """40 images in the twin, over the same in Keras' traced function."""
    twin, keras = _classifiers()
    images = _digits()[:_FEW]
    return _fastest(lambda: twin(images), lambda: keras(images), 50)


def steps_over_single_steps() -> float:
    """An epoch of `digits.model.fit.fit`, over an epoch of Keras with the same steps one at a time."""
    _start()
    import keras

    from digits.model.fit import fit
    from digits.model.network import build_model

    params = _params().train
    # The network is small, so that what lies between two steps counts.
    tiny = {"filters": [2], "strides": 3, "dense_units": 0, "conv_dropout": 0.0}
    shape = params.model.model_copy(update=tiny)
    stop = params.stop.model_copy(update={"threshold": 2.0})
    params = params.model_copy(update={"model": shape, "epochs": _EPOCHS, "batch_size": _BATCH, "stop": stop})
    images, labels = _digits(), np.eye(10, dtype=np.float32)[np.arange(_STEPS * _BATCH) % 10]
    few = (images[:_BATCH], labels[:_BATCH])

    def ours() -> None:
        # It prints a line an epoch.
        with redirect_stdout(io.StringIO()):
            fit(build_model(shape, 10), (images, labels), few, params, lambda *_: marks.append(Mark()))

    def plain() -> None:
        model = build_model(shape, 10)
        model.compile(keras.optimizers.Adam(), "categorical_crossentropy", metrics=["accuracy"])
        watch = keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: marks.append(Mark()))
        options = {"batch_size": _BATCH, "epochs": _EPOCHS, "validation_data": few, "callbacks": [watch], "verbose": 0}
        model.fit(images, labels, **options)

    def fastest(train: Callable[[], None]) -> float:
        marks.clear()
        train()
        # The first epoch has the tracing in it, and ends before the first mark.
        return min(later - earlier for earlier, later in pairwise(marks))

    marks: list[Mark] = []
    return _of(in_turn({"ours": partial(fastest, ours), "plain": partial(fastest, plain)}, 3))


def changes_over_classification() -> float:
    """Every change of the robustness table on 40 images, over their classification by Keras, once for each change."""
    _, keras = _classifiers()
    images, rng = _digits()[:_FEW], np.random.default_rng(0)
    changes = [(CHANGES[name], one) for name, strengths in _params().evaluate.robustness.changes for one in strengths]

    def changed() -> None:
        for change, strength in changes:
            change(images, strength, rng)

    def classified() -> None:
        for _ in changes:
            keras(images)

    return _fastest(changed, classified, 10)


def pictures_over_classification() -> float:
    """Finding the digits of four pictures, over 40 images in Keras' traced function."""
    _, keras = _classifiers()
    images = _digits()[:_FEW]
    canvases = on_canvas(images[:4], np.random.default_rng(0))
    return _fastest(lambda: find_single(canvases, SIDE), lambda: keras(images), 20)


def commands_over_python() -> float:
    """The import of all commands, over the start of Python."""
    return _over_python("import digits.cli.__main__", 20)


def predict_over_python() -> float:
    """What `digits predict` imports for a model with a twin, over the start of Python."""
    needed = "digits.model.classifier, digits.pictures.batch, ai_edge_litert.interpreter"
    return _over_python(f"import {needed}", 10)


RATIOS: dict[str, Callable[[], float]] = {
    ratio.__name__: ratio
    for ratio in (
        commands_over_python,
        predict_over_python,
        twin_over_keras,
        batch_over_keras,
        changes_over_classification,
        pictures_over_classification,
        steps_over_single_steps,
    )
}


@cache
def _params() -> Params:
    return load_params()


@cache
def _start() -> None:
    use_tensorflow(threads=1)


@cache
def _classifiers() -> tuple[TwinClassifier, KerasClassifier]:
    """The network of params.yaml with random weights, as twin and in TensorFlow. Times do not depend on weights."""
    _start()
    from digits.model.network import build_model
    from digits.model.twin import save_twin

    model = build_model(_params().train.model, 10)
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch, "model.tflite")
        save_twin(model, path, "")
        return TwinClassifier(path), KerasClassifier(model)


@cache
def _digits() -> np.ndarray:
    """Handwritten digits, uint8 (1024, 28, 28)."""
    return enlarged(other_digits()[0][: _STEPS * _BATCH], BOX, SIDE)


def _fastest(ours: Callable[[], object], other: Callable[[], object], rounds: int) -> float:
    """The ratio of two functions, after one round that does not count."""
    timed = {"ours": lambda: seconds(ours), "other": lambda: seconds(other)}
    in_turn(timed, 1)
    return _of(in_turn(timed, rounds))


def _over_python(code: str, rounds: int) -> float:
    """The ratio of a process that runs a line of code and one that runs none."""
    ours, bare = (partial(run, [sys.executable, "-c", line]) for line in (code, "pass"))

    def own(used: Usage) -> float:
        return used.seconds - used.waited

    return _of(in_turn({"ours": lambda: own(ours()), "bare": lambda: own(bare())}, rounds))


def _of(times: dict[str, list[float]]) -> float:
    """The fastest of the first series over the fastest of the second."""
    first, second = times.values()
    return min(first) / min(second)
