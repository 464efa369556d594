"""The model and its data sets in MLflow: the file byte for byte, with signature, input example and requirements."""

from __future__ import annotations

import json
import shutil
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

from digits import paths
from digits.data.dataset import Dataset
from digits.files import write_json
from digits.tracking import artifacts
from digits.tracking.bom import bill_of_materials

if TYPE_CHECKING:
    from mlflow import MlflowClient

# What the logged model and its file are called.
NAME = "digits"
FILE = "model.keras"


def log_model(client: MlflowClient, run_id: str, dataset: Dataset, model_sha256: str) -> str:
    """Log models/model.keras, byte for byte, the names of its classes, and the packages of this environment.

    Returns the id of the logged model.
    """
    from digits.model.runtime import use_tensorflow

    use_tensorflow()
    from mlflow.models import Model, ModelSignature
    from mlflow.types import Schema, TensorSpec

    images, labels = dataset.arrays("validation")
    signature = ModelSignature(
        inputs=Schema([TensorSpec(np.dtype("uint8"), (-1, *images.shape[1:]), "pixels")]),
        outputs=Schema([TensorSpec(np.dtype("float32"), (-1, labels.shape[1]))]),
    )
    run = client.get_run(run_id)
    logged = client.create_logged_model(
        run.info.experiment_id,
        name=NAME,
        source_run_id=run_id,
        tags={artifacts.MODEL_SHA256: model_sha256},
        params=run.data.params,
        model_type="classifier",
    )
    Model.log(
        artifact_path=None,
        flavor=SimpleNamespace(
            save_model=partial(_save, dataset.class_names, bill_of_materials(NAME, model_sha256)),
            __name__="mlflow.keras",
        ),
        run_id=run_id,
        model_id=logged.model_id,
        signature=signature,
        input_example=np.ascontiguousarray(images[:2]),
        validate_serving_input=False,
        pip_requirements=[f"{name}=={number}" for name, number in libraries().items()],
    )
    return logged.model_id


def log_datasets(client: MlflowClient, run_id: str, dataset: Dataset, digest: str) -> None:
    """Link the three splits to a run, under DVC's digest of data/processed."""
    from mlflow.entities import Dataset as DatasetEntity
    from mlflow.entities import DatasetInput, InputTag
    from mlflow.types import Schema, TensorSpec

    inputs = []
    for split, context in (("train", "training"), ("validation", "validation"), ("test", "testing")):
        images, labels = dataset.arrays(split)
        schema = {
            name: Schema([TensorSpec(array.dtype, (-1, *array.shape[1:]))]).to_json()
            for name, array in (("features", images), ("targets", labels))
        }
        entity = DatasetEntity(
            name=split,
            digest=digest,
            source_type="dvc",
            source=json.dumps({"path": str(paths.PROCESSED), "md5": digest}),
            schema=json.dumps({"mlflow_tensorspec": schema}),
            profile=json.dumps({"images": len(images)}),
        )
        inputs.append(DatasetInput(entity, [InputTag("mlflow.data.context", context)]))
    client.log_inputs(run_id, inputs)


def libraries_text(workers: int) -> str:
    """What the tag `libraries` says: versions of what a training by so many processes computes with."""
    found = libraries()
    if workers > 1:
        found |= {name: _version_or_none(name) for name in ("jax", "jaxlib")}
    return ", ".join(f"{name} {number}" for name, number in found.items())


def _version_or_none(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "none"


def libraries() -> dict[str, str]:
    """Versions of the packages that the model needs. The names are those that any machine can install."""
    try:
        tensorflow = version("tensorflow-cpu")
    except PackageNotFoundError:
        tensorflow = version("tensorflow")
    return {"tensorflow": tensorflow, "keras": version("keras"), "numpy": version("numpy")}


def _save(class_names: list[str], bom: dict[str, Any], path: str, validate_serving_input: bool, **options: Any) -> None:
    """MLflow's `save_model` for Keras, but with the file of models/ instead of a new one.

    Keras stamps each save with the time, and the logged file is to have the hash that the run carries.
    """
    import mlflow.keras

    from digits.model.keras_file import load_model

    # MLflow writes the input example before it makes the folder.
    Path(path).mkdir()
    mlflow.keras.save_model(load_model(paths.MODEL), path, **options)
    # The file lies at the top, where whoever pulls the folder looks. MLflow's loader finds it by the flavour's `data`.
    shutil.rmtree(Path(path) / "data")
    shutil.copyfile(paths.MODEL, Path(path) / FILE)
    shutil.copyfile(paths.TWIN, Path(path) / paths.TWIN.name)
    write_json(Path(path) / artifacts.CLASSES, class_names)
    write_json(Path(path) / artifacts.BOM, bom)
    mlflow_model = options["mlflow_model"]
    mlflow_model.flavors["keras"]["data"] = Path(FILE).stem
    mlflow_model.save(str(Path(path) / "MLmodel"))
