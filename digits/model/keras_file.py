"""The file of a model, `.keras`: the same bytes for the same architecture and weights, and loaded in safe mode."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from digits.errors import DigitsError
from digits.files import atomic_path, missing

if TYPE_CHECKING:
    import keras

# The earliest date that a zip entry can have.
_EARLIEST = (1980, 1, 1, 0, 0, 0)


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
        raise missing(path)
    try:
        return keras.saving.load_model(path, safe_mode=True)
    except (ValueError, TypeError, KeyError, OSError, zipfile.BadZipFile) as error:
        raise DigitsError(f"{path} is not a Keras model that can be loaded in safe mode: {error}") from None


def _canonical(data: bytes) -> bytes:
    """Rewrite a `.keras` archive without the parts that differ between two saves of the same model.

    These are the time of saving, the times of the zip entries, and the memory addresses that Keras writes as
    `shared_object_id`. With them, `dvc repro -f` would change `dvc.lock`. How many steps ran at a time says nothing of
    the model either.
    """
    ids: dict[int, int] = {}
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(out, "w") as target:
        for name in sorted(source.namelist()):
            content = source.read(name)
            if name == "metadata.json":
                content = json.dumps({**json.loads(content), "date_saved": "1980-01-01@00:00:00"}).encode()
            elif name == "config.json":
                config = _renumber(json.loads(content), ids)
                if config.get("compile_config"):
                    config["compile_config"]["steps_per_execution"] = 1
                content = json.dumps(config).encode()
            target.writestr(zipfile.ZipInfo(name, _EARLIEST), content, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def _renumber(value: Any, ids: dict[int, int]) -> Any:
    """Replace each `shared_object_id` by a number in order of first appearance, the same id by the same number."""
    if isinstance(value, list):
        return [_renumber(item, ids) for item in value]
    if isinstance(value, dict):
        return {
            key: ids.setdefault(item, len(ids)) if key == "shared_object_id" else _renumber(item, ids)
            for key, item in value.items()
        }
    return value
