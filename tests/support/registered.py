"""A registered model `served` in an MLflow store of a test's own."""

import json
import shutil
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from support.reports import TEST

from digits.files import sha256_file


def register_files(folder: Path, files: list[Path]):
    """Register a version of each file with its twin, the first as champion, in the store of MLFLOW_TRACKING_URI.

    Returns:
        The client.
    """
    from digits.tracking.store import connect

    client = connect()
    experiment = client.create_experiment("served", (folder / "artifacts").as_uri())
    client.create_registered_model("served")
    test = {**TEST, "per_class": dict.fromkeys("0123456789", TEST["per_class"]["cat"])}
    for path in files:
        run_id = client.create_run(experiment).info.run_id
        logged = client.create_logged_model(experiment, "model", run_id)
        place = Path(url2pathname(urlsplit(logged.artifact_location).path))
        place.mkdir(parents=True, exist_ok=True)
        twin = path.with_name("model.tflite")
        for file in (path, twin):
            shutil.copy(file, place)
        client.set_tag(run_id, "model_id", logged.model_id)
        client.set_tag(run_id, "model_sha256", sha256_file(path))
        client.log_text(run_id, json.dumps({"test": test}), "evaluation/metrics.json")
        tags = {"model_sha256": sha256_file(path), "twin_sha256": sha256_file(twin)}
        client.create_model_version("served", f"models:/{logged.model_id}", run_id, tags, model_id=logged.model_id)
    client.set_registered_model_alias("served", "champion", "1")
    return client
