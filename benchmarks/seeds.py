"""Train a recipe once for each seed in one process: what benchmark `recipes` starts for each recipe.

`python -m benchmarks.seeds --params FILE.json --data MNIST.NPZ --seeds N --keep FOLDER [--pictures FOLDER]` prints a
line of JSON for each seed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.labelled import Pictures
from digits.data.split import split_rows, to_categorical
from digits.evaluation.perturbation import enlarged, other_digits
from digits.evaluation.scores import score
from digits.files import write_json
from digits.model.runtime import use_tensorflow
from digits.params import Params, TrainParams, parse_params
from digits.pictures.mnist import box_of

if TYPE_CHECKING:
    import keras

    from digits.model.classifier import Classifier

Pair = tuple[np.ndarray, np.ndarray]


def split(params: Params, images: np.ndarray, labels: np.ndarray) -> tuple[Pair, Pair]:
    """Training and validation images with one-hot labels, as stage preprocess makes them."""
    options = params.preprocess
    one_hot = to_categorical(labels, len(options.class_names))
    train, validation = split_rows(labels, options.validation_split, options.split, options.seed)
    return (images[train], one_hot[train]), (images[validation], one_hot[validation])


def measure(classify: Classifier, test: Pair, params: Params) -> dict[str, float]:
    """`accuracy`, `loss` and `calibration_error` on the test images, and the accuracy on `load_digits`."""
    options = params.evaluate
    scores = score(
        test[1],
        classify(test[0], options.batch_size),
        params.preprocess.class_names,
        options.confidence,
        options.calibration_bins,
    )
    others, labels = other_digits()
    side = test[0].shape[1]
    read = classify(enlarged(others, box_of(side), side)).argmax(axis=1)
    return {key: scores[key] for key in ("accuracy", "loss", "calibration_error")} | {
        "load_digits": float((read == labels).mean())
    }


def train(params: Params, seed: int, data: tuple[Pair, Pair], keep: Path) -> tuple[Classifier, dict[str, Any]]:
    """Train a recipe once as stage train does, and say how many `images_seen` and `seconds` it took.

    Args:
        params: all of them.
        seed: of the first network.
        data: training and validation images with one-hot labels.
        keep: a folder for the networks. Those that are there already are not trained again.
    """
    from digits.model.classifier import KerasClassifier
    from digits.model.ensemble import average

    options = params.train.model_copy(update={"seed": seed})
    trained = [_network(params, options, number, data, keep) for number in range(options.members)]
    model = average([network for network, _ in trained])
    if options.student.epochs:
        model, facts = _network(params, options, options.members, data, keep, teacher=model)
        trained.append((model, facts))
    sums = {key: sum(facts[key] for _, facts in trained) for key in ("seconds", "images_seen")}
    return KerasClassifier(model), {**sums, "weights": model.count_params()}


def _network(
    params: Params,
    train_params: TrainParams,
    number: int,
    data: tuple[Pair, Pair],
    keep: Path,
    teacher: keras.Model | None = None,
) -> tuple[keras.Model, dict[str, Any]]:
    """One network of a recipe, trained now or before, and the `seconds` and `images_seen` of its training."""
    from digits.model.ensemble import one_network, train_network
    from digits.model.keras_file import load_model, save_model

    shape, options = one_network(train_params, number)
    # All that its weights depend on. The teachers of a student have the seeds before its own.
    settled = options.model_dump_json(exclude={"model", "members", "student"} if teacher is None else None)
    described = "".join((shape.model_dump_json(), settled, params.preprocess.model_dump_json(), str(len(data[0][0]))))
    name = hashlib.sha256(described.encode()).hexdigest()[:16]
    file, notes = keep / f"{name}.keras", keep / f"{name}.json"
    if notes.is_file():
        return load_model(file), json.loads(notes.read_text())
    started = time.perf_counter()
    model, training = train_network(shape, options, *data, lambda epoch, logs: None, teacher)
    facts = {"seconds": time.perf_counter() - started, "images_seen": len(training.history) * len(data[0][0])}
    save_model(model, file)
    write_json(notes, facts)
    return model, facts


def main(arguments: Sequence[str] | None = None) -> None:
    """Train and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--params", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seeds", type=int, required=True)
    parser.add_argument("--keep", type=Path, required=True)
    parser.add_argument("--pictures", type=Path)
    chosen = parser.parse_args(arguments)
    params = parse_params(json.loads(chosen.params.read_text()), str(chosen.params))
    with np.load(chosen.data) as archive:
        x_train, y_train, x_test, y_test = (archive[name] for name in ("x_train", "y_train", "x_test", "y_test"))
    data, test = split(params, x_train, y_train), (x_test, y_test.astype(np.int64))
    pictures = Pictures(chosen.pictures, x_test.shape[1]) if chosen.pictures else None
    use_tensorflow(params.train.threads, params.train.seed, native=params.train.cpu == "native")
    for number in range(chosen.seeds):
        # Networks of two trainings never have the same seed.
        seed = 1 + number * (params.train.members + bool(params.train.student.epochs))
        classify, facts = train(params, seed, data, chosen.keep)
        found = measure(classify, test, params) | (pictures.shares(classify) if pictures else {})
        print(json.dumps({"seed": seed, **facts, **found}), flush=True)


if __name__ == "__main__":
    main()
