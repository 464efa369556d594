"""Where the time of a training step goes, by TensorFlow's profiler: convolutions, normalisation and the rest.

The batches are the training images as they are, without changes. `python -m benchmarks operations [RECIPE...]`
"""

from __future__ import annotations

import multiprocessing
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.floor import multiplications, product_rates, training_flop
from benchmarks.project import raw_data, sample_splits
from benchmarks.record import Session, parser
from benchmarks.summary import spread
from digits.data.raw import read_raw
from digits.data.split import to_categorical
from digits.params import Params, override, parse_params, read_params, recipe_settings, setting

_STEPS = 64
_ROUNDS = 5
# Beginnings of the names that TensorFlow and oneDNN give their operations.
_KINDS = {
    "convolutions": ("_MklNativeConv2D", "_MklNativeFusedConv2D", "Conv2D"),
    "products": ("_MklMatMul", "_MklNativeFusedMatMul", "MatMul"),
    "pooling": ("_MklNativeMaxPool", "MaxPool"),
    "normalisation": ("_MklNativeFusedBatchNorm", "_FusedBatchNorm", "FusedBatchNorm"),
}
# Events that hold others.
_OUTER = ("multi_step", "Eager", "Run", "TFE_", "Process", "__inference", " __inference", "ParallelFor", "Done")


def main(arguments: Sequence[str]) -> None:
    """Measure and write the record."""
    options = parser("operations", __doc__)
    options.add_argument("recipes", nargs="*", metavar="RECIPE", default=["seed", "fast", "mid", "best"])
    chosen = options.parse_args(arguments)
    session = Session("operations", arguments, chosen)
    rows = []
    for recipe in chosen.recipes:
        raw = read_params()
        for key, value in recipe_settings(recipe, raw).items():
            override(raw, setting(key, value))
        params = parse_params(raw, f"recipe {recipe}")
        # TensorFlow takes its settings once in a process.
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
            rows.append({"recipe": recipe, **process.submit(_row, params, chosen.quick).result()})
    session.finish(step=rows)


def _row(params: Params, quick: bool) -> dict[str, Any]:
    """How long a step of a recipe takes, the shares of its kinds of operations, and the rate of its arithmetic."""
    from digits.model.runtime import use_tensorflow

    use_tensorflow(params.train.threads, params.train.seed, params.train.cpu == "native")
    import tensorflow as tf

    from digits.model.fit import compile_model
    from digits.model.network import build_model

    split = (sample_splits() if quick else read_raw(raw_data()))["train"]
    size = params.train.batch_size
    count = min(len(split.images), _STEPS * size) // size * size
    one_hot = to_categorical(split.labels[:count], len(params.preprocess.class_names))
    data = tf.data.Dataset.from_tensor_slices((split.images[:count], one_hot)).batch(size)
    model = build_model(params.train.model, one_hot.shape[1])
    compile_model(model, params.train, count // size)
    model.fit(data, verbose=0, shuffle=False)  # traces the graph
    seconds = []
    for _ in range(_ROUNDS):
        started = time.perf_counter()
        model.fit(data, verbose=0, shuffle=False)
        seconds.append(1000 * (time.perf_counter() - started) * size / count)
    with tempfile.TemporaryDirectory() as folder:
        with tf.profiler.experimental.Profile(folder):
            model.fit(data, verbose=0, shuffle=False)
        shares = _shares(_operations(Path(folder)))
    step = spread(seconds)
    rate = training_flop(multiplications(model), size, 0) / 1e6 / step["median"]
    product = spread([value / 1e9 for value in product_rates()])
    return {
        "batch": size,
        "a step, ms": step,
        **{f"{kind}, %": 100 * share for kind, share in shares.items()},
        "arithmetic, GFLOP/s": rate,
        "matrix product, GFLOP/s": product,
        "threads": params.train.threads,
        "instructions": params.train.cpu,
    }


def _operations(folder: Path) -> Counter[str]:
    """Seconds of each operation in a trace of TensorFlow's profiler, without those that hold others."""
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    space = xplane_pb2.XSpace()
    space.ParseFromString(next(folder.rglob("*.xplane.pb")).read_bytes())
    seconds: Counter[str] = Counter()
    for plane in space.planes:
        for line in plane.lines:
            for event in line.events:
                name = plane.event_metadata[event.metadata_id].name.rpartition(":")[2]
                if not name.startswith(_OUTER):
                    seconds[name] += event.duration_ps / 1e12
    return seconds


def _shares(seconds: Counter[str]) -> dict[str, float]:
    """The share of each of `_KINDS` in all seconds, and of what is `other`."""
    total = sum(seconds.values())
    shares = {
        kind: sum(value for name, value in seconds.items() if name.startswith(names)) / total
        for kind, names in _KINDS.items()
    }
    return {**shares, "other": 1 - sum(shares.values())}
