"""How long one image takes in a process that has its model loaded: `python -m benchmarks.in_process MODEL ROUNDS`.

It prints milliseconds by way as JSON: the twin in LiteRT, the traced function of Keras, `Model.predict`, and a batch.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.process import in_turn
from digits.errors import DigitsError
from digits.model.classifier import KerasClassifier, TwinClassifier
from digits.model.keras_file import load_model
from digits.model.runtime import use_tensorflow
from digits.model.twin import twin_beside

_BATCH = 1000
_WARM_UP = 5
# `Model.predict` takes a hundred times as long as the others.
_FEWER = 10


def times(model: Path, rounds: int) -> dict[str, list[float]]:
    """Milliseconds of each call by way, the ways in turn, with one thread.

    Args:
        model: a `.keras` file with its twin beside it.
        rounds: how often each way is asked. `Model.predict` and the batches are asked less often.

    Raises:
        DigitsError: there is no twin.
    """
    beside = twin_beside(model)
    if beside is None:
        raise DigitsError(f"{model} has no twin beside it: run `dvc repro`")
    use_tensorflow(threads=1)
    keras_model = load_model(model)
    twin, keras = TwinClassifier(beside), KerasClassifier(keras_model)
    pixels = np.random.default_rng(0).integers(0, 256, (_BATCH, twin.side, twin.side), dtype=np.uint8)
    one = pixels[:1]
    images: dict[str, Callable[[], object]] = {
        "LiteRT, one image": lambda: twin(one),
        "Keras' traced function, one image": lambda: keras(one),
    }
    slow: dict[str, Callable[[], object]] = {
        "`Model.predict`, one image": lambda: keras_model.predict(one, verbose=0),
        f"LiteRT, {_BATCH:,} images": lambda: twin(pixels),
        f"Keras' traced function, {_BATCH:,} images": lambda: keras(pixels),
    }
    return _timed(images, rounds) | _timed(slow, max(2, rounds // _FEWER))


def _timed(calls: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    def milliseconds(call: Callable[[], object]) -> float:
        started = time.perf_counter()
        call()
        return (time.perf_counter() - started) * 1000

    timed = {name: lambda call=call: milliseconds(call) for name, call in calls.items()}
    return {name: values[_WARM_UP:] for name, values in in_turn(timed, _WARM_UP + rounds).items()}


if __name__ == "__main__":
    print(json.dumps(times(Path(sys.argv[1]), int(sys.argv[2]))))
