"""Stage train: fit the network, live in MLflow, and write the model and its history.

Run by DVC as `python -m stages.train`.
"""

import time

from digits import layout, tracking
from digits.errors import one_line_errors
from digits.files import atomic_path, write_json
from digits.params import load_params
from digits.split import Dataset
from digits.tensorflow_setup import use_tensorflow


def main() -> None:
    """Read section `train` of params.yaml and data/processed, write models/ and the history."""
    with one_line_errors("train"):
        params = load_params()
        dataset = Dataset(layout.PROCESSED)
        train, validation = dataset.arrays("train"), dataset.arrays("validation")
        # A store that does not answer is known here, before the minutes of training.
        client = tracking.connect()
        use_tensorflow(threads=params.train.threads, seed=params.train.seed)
        from digits.model import build_model, save_model
        from digits.training import fit

        with tracking.live_run(client, params) as run:
            started = time.monotonic()
            model = build_model(params.train.model, len(dataset.class_names), side=train[0].shape[1])
            training = fit(model, train, validation, params.train, on_epoch=run.log_epoch)
            save_model(model, layout.MODEL)
            with atomic_path(layout.HISTORY) as part:
                training.history.to_csv(part, index=False)
            last = training.history.iloc[-1].drop("epoch").to_dict()
            stop = params.train.stop
            facts = {
                "epochs": len(training.history),
                "stopped": training.stopped,
                "reason": training.reason,
                "monitor": stop.monitor,
                "threshold": stop.threshold,
                **last,
                "weights": model.count_params(),
            }
            write_json(layout.TRAINING, facts)
            run.finish(time.monotonic() - started)
        print(f"train: {training.reason}; validation accuracy {last['val_accuracy']:.4f}")


if __name__ == "__main__":
    main()
