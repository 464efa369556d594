"""The network of the seed, and `.keras` files that are the same bytes for the same weights."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from digits.errors import DigitsError
from digits.files import atomic_path

if TYPE_CHECKING:
    import keras

    from digits.params import ModelParams

# The oldest date that a zip entry can carry.
_EPOCH = (1980, 1, 1, 0, 0, 0)


def build_model(params: ModelParams, classes: int, side: int = 28) -> keras.Model:
    """The seed's convolutional network, taking raw pixels.

    Rescaling and the channel axis are layers of the model, so training and serving cannot disagree.

    Args:
        params: section `train.model`.
        classes: number of classes.
        side: height and width of an image in pixels.

    Returns:
        A model from uint8 (n, side, side) to float32 probabilities (n, classes). Dropout is seeded by the global seed
        (`keras.utils.set_random_seed`).
    """
    from keras import Input, Sequential, layers

    model = Sequential(name="digits")
    model.add(Input((side, side), dtype="uint8", name="pixels"))
    model.add(layers.Rescaling(1 / 255))
    model.add(layers.Reshape((side, side, 1)))
    for filters in params.filters:
        model.add(layers.Conv2D(filters, params.kernel_size, activation="relu"))
        model.add(layers.MaxPooling2D(params.pool_size))
    model.add(layers.Flatten())
    model.add(layers.Dropout(params.conv_dropout))
    model.add(layers.Dense(params.dense_units, activation="relu"))
    model.add(layers.Dropout(params.dense_dropout))
    model.add(layers.Dense(classes, activation="softmax", name="probabilities"))
    return model


def save_model(model: keras.Model, path: Path | str) -> None:
    """Save in Keras 3 format, atomically, with the same bytes for the same architecture and weights."""
    with atomic_path(path) as part:
        model.save(part)
        part.write_bytes(_canonical(part.read_bytes()))


def load_model(path: Path | str) -> keras.Model:
    """Load a `.keras` file in safe mode: no pickle, no code.

    Raises:
        DigitsError: the file is missing or not a Keras model.
    """
    import keras

    path = Path(path)
    if not path.is_file():
        raise DigitsError(f"{path} is missing: run `dvc repro` first")
    try:
        return keras.saving.load_model(path, safe_mode=True)
    except (ValueError, TypeError, KeyError, OSError, zipfile.BadZipFile) as error:
        raise DigitsError(f"{path} is not a Keras model that can be loaded in safe mode: {error}") from None


def _canonical(data: bytes) -> bytes:
    """Rewrite a `.keras` archive without what varies between saves of the same model.

    That is: the time of saving, the times of the zip entries, and the memory addresses that Keras writes as
    `shared_object_id`. Without this, `dvc repro -f` would change `dvc.lock`.
    """
    ids: dict[int, int] = {}
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(out, "w") as target:
        for name in sorted(source.namelist()):
            content = source.read(name)
            if name == "metadata.json":
                content = json.dumps({**json.loads(content), "date_saved": "1980-01-01@00:00:00"}).encode()
            elif name == "config.json":
                content = json.dumps(_renumber(json.loads(content), ids)).encode()
            target.writestr(zipfile.ZipInfo(name, _EPOCH), content, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def _renumber(value: Any, ids: dict[int, int]) -> Any:
    """Replace each `shared_object_id` by its rank of first appearance, so that references still agree."""
    if isinstance(value, list):
        return [_renumber(item, ids) for item in value]
    if isinstance(value, dict):
        return {
            key: ids.setdefault(item, len(ids)) if key == "shared_object_id" else _renumber(item, ids)
            for key, item in value.items()
        }
    return value
