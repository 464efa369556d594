"""What a version consists of besides its model: files of its own, kept with the logged model.

A run can be changed, deleted or registered a second time. The version keeps what was true when it was registered.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from digits import paths
from digits.files import read_json, write_bytes, write_json, write_text
from digits.results import Results
from digits.tracking import artifacts
from digits.tracking.store import local_path

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

# The folder of all versions within the logged model.
VERSIONS = "versions"
# The folder of what training and evaluation left, within a version's. It is not pulled.
RESULTS = "results"
# The pictures that the model card shows.
PICTURES = ("robustness", "reliability", "weak_classes")
_GATES = "gates.json"
_PULLED = (paths.METRICS, paths.CALIBRATION, paths.PROTOTYPES)


def keep(client: MlflowClient, version: ModelVersion, results: Results, card: str, gates: list[dict[str, Any]]) -> None:
    """Give a version its files.

    Args:
        client: of the store.
        version: just made.
        results: of the run that it is made from.
        card: the model card.
        gates: what they said, for `gates_of`.
    """
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        write_text(folder / artifacts.MODEL_CARD, card)
        write_json(folder / RESULTS / _GATES, gates)
        for path in artifacts.RESULT_FILES:
            if file := results.find(path):
                write_bytes(folder / RESULTS / path.name, file.read_bytes())
                if path in _PULLED:
                    write_bytes(folder / path.name, file.read_bytes())
        for name in PICTURES:
            picture = f"{artifacts.PLOTS}/{name}.png"
            if file := artifacts.download(client, results.run_id, picture):
                write_bytes(folder / picture, file.read_bytes())
        client.log_model_artifacts(model_id_of(version), scratch, place_of(version))


def gates_of(client: MlflowClient, version: ModelVersion) -> list[dict[str, Any]]:
    """What the gates said of a version when it was registered; empty where nobody knows."""
    file = find_of(client, version)(Path(_GATES))
    return read_json(file) if file else []


def find_of(client: MlflowClient, version: ModelVersion) -> Callable[[Path], Path | None]:
    """`find` for the results that a version keeps. It finds nothing for a version from before versions kept any."""
    from mlflow.exceptions import MlflowException

    @cache
    def fetch() -> Callable[[str], Path | None]:
        model = client.get_logged_model(model_id_of(version))
        here = local_path(model.artifact_location)
        if here is not None:
            # Not a copy: `digits predict` remembers where they are.
            return lambda path: here / path if (here / path).is_file() else None
        return artifacts.downloader(model.artifact_location, model.model_id)

    @cache
    def find(path: Path) -> Path | None:
        try:
            return fetch()(f"{place_of(version)}/{RESULTS}/{path.name}")
        except (MlflowException, OSError):
            # What is missing is said by whoever needs it.
            return None

    return find


def model_id_of(version: ModelVersion) -> str:
    """The id of the logged model that a version is made from. A promoted candidate has it as a tag."""
    return str(version.model_id or version.tags.get(artifacts.MODEL_ID) or version.source.removeprefix("models:/"))


def copied_from(version: ModelVersion) -> tuple[str, str] | None:
    """Name and number of the version that another one is a copy of, or None."""
    source = re.fullmatch(r"models:/([^/@]+)/(\d+)", version.source or "")
    return (source[1], source[2]) if source else None


def place_of(version: ModelVersion) -> str:
    """The folder of a version's files within the logged model."""
    # A promoted candidate has the files that it was registered with.
    name, number = copied_from(version) or (version.name, version.version)
    return f"{VERSIONS}/{name}/{number}"
