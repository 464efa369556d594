"""A network so small that it trains in a second, and the parameters to do so."""

from pathlib import Path
from typing import Any

from support.params import default_params

from digits.params import TrainParams

TRAIN = default_params().train
TINY = TRAIN.model.model_copy(update={"filters": [4], "dense_units": 8, "conv_dropout": 0.2, "dense_dropout": 0.2})


def tiny_params(monitor: str = "accuracy", threshold: float = 2.0, mode: str = "max", **changes: object) -> TrainParams:
    """Section `train` for three epochs, with the given changes. The threshold is never reached by default."""
    stop = TRAIN.stop.model_copy(update={"monitor": monitor, "threshold": threshold, "mode": mode})
    tiny = {"model": TINY, "epochs": 3, "batch_size": 50, "learning_rate": 0.01, "stop": stop}
    return TRAIN.model_copy(update=tiny | changes)


def fit_tiny(data: list, *args: Any, backup: Path | None = None, **kwargs: Any) -> tuple:
    """Train on `[(images, one-hot labels), validation likewise]`; other arguments are those of `tiny_params`.

    Returns the model, the `Training`, and (epoch, metrics) of each epoch.
    """
    import keras

    from digits.model.fit import fit
    from digits.model.network import build_model

    keras.utils.set_random_seed(1)
    epochs, params = [], tiny_params(*args, **kwargs)
    model = build_model(params.model, 10)
    training = fit(model, *data, params, lambda epoch, logs: epochs.append((epoch, dict(logs))), backup=backup)
    return model, training, epochs


def write_model(model: Any, folder: Path) -> Path:
    """Write model.keras, and its twin beside it, as stage train does. Returns the path of the first."""
    from digits.files import sha256_file
    from digits.model.keras_file import save_model
    from digits.model.twin import save_twin

    file = folder / "model.keras"
    save_model(model, file)
    save_twin(model, folder / "model.tflite", sha256_file(file))
    return file
