"""Stage train: fit the network, live in MLflow, and write the model and its history."""

import functools
import os
import time

from digits import paths
from digits.data.dataset import Dataset
from digits.files import atomic_path, sha256_file, write_json
from digits.model.jax_runtime import require_jax
from digits.model.runtime import use_tensorflow
from digits.params import Params
from digits.tracking import store
from digits.workers.cluster import ADDRESS_VARIABLE


def main(params: Params) -> None:
    """Read section `train` and data/processed, write models/ and the history."""
    dataset = Dataset(paths.PROCESSED)
    train, validation = dataset.arrays("train"), dataset.arrays("validation")
    if params.train.workers > 1:
        require_jax()
    # A store that does not answer is known here, before the minutes of training.
    client = store.connect()
    use_tensorflow(params.train.threads, params.train.seed, native=params.train.cpu == "native")
    from digits.model.classifier import KerasClassifier, TwinClassifier
    from digits.model.ensemble import train_model
    from digits.model.keras_file import save_model
    from digits.model.parallel import train_together
    from digits.model.twin import agreement, save_twin
    from digits.tracking.training import live_run

    with live_run(client, params) as run:
        started = time.monotonic()
        together = functools.partial(train_together, address=os.environ.get(ADDRESS_VARIABLE, ""))
        trainer = together if params.train.workers > 1 else train_model
        model, training = trainer(params.train, train, validation, on_epoch=run.log_epoch)
        save_model(model, paths.MODEL)
        save_twin(model, paths.TWIN, sha256_file(paths.MODEL))
        with atomic_path(paths.HISTORY) as part:
            training.history.to_csv(part, index=False)
        stop = params.train.stop
        facts = {
            "epochs": len(training.history),
            "stopped": training.stopped,
            "reason": training.reason,
            "monitor": stop.monitor,
            "threshold": stop.threshold,
            **training.last,
            "weights": model.count_params(),
        }
        write_json(paths.TRAINING, facts)
        # Of the test images, the pixels alone: no label is read, and nothing is chosen.
        images = [dataset.arrays(split)[0] for split in ("validation", "test")]
        twin = TwinClassifier(paths.TWIN, threads=params.train.threads)
        write_json(paths.TWIN_CHECK, agreement(KerasClassifier(model), twin, images))
        run.finish(time.monotonic() - started)
    print(f"train: {training.reason}; validation accuracy {training.last['val_accuracy']:.4f}")
