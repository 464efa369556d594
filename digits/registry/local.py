"""Models on this disk: a .keras file, or a folder with model.keras, such as `digits pull` writes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from digits import paths
from digits.errors import DigitsError
from digits.files import read_json, sha256_file
from digits.registry.model import Model
from digits.results import Results
from digits.tracking import artifacts
from digits.tracking.logged_model import FILE


def local_model(name: str) -> Model:
    """The model of a .keras file, or of a folder with model.keras, such as `digits pull` writes.

    Raises:
        DigitsError: there is none.
    """
    path = Path(name).expanduser()
    file = model_file(name)
    if file is None:
        what = f"a folder without {FILE}" if path.is_dir() else "no such file or folder"
        raise DigitsError(f"{name}: {what}; give a .keras file, a folder with {FILE}, or models:/digits@champion")
    beside = file.parent

    def find_beside(wanted: Path) -> Path | None:
        return beside / wanted.name if (beside / wanted.name).is_file() else None

    sha256 = sha256_file(file)
    # The figures of models/model.keras lie in reports/.
    in_working_copy = file.resolve() == (paths.project_root() / paths.MODEL).resolve()
    found = _in_reports(sha256) if in_working_copy else find_beside
    uri = name if is_separated(name) or name.endswith(".keras") else f"./{name}"
    results = Results(file.name, found, sha256, way_out="" if in_working_copy else "`digits pull` brings all of them")
    return Model(name, uri, sha256, results, None, None, lambda: file)


def _in_reports(sha256: str) -> Callable[[Path], Path | None]:
    """Finds the files of the working copy that are of a model. What stage evaluate left may be of an earlier one."""
    root = paths.project_root()
    evaluation = root / paths.EVALUATION
    of_this = evaluation.is_file() and read_json(evaluation)["model_sha256"] == sha256

    def find(path: Path) -> Path | None:
        file = root / path
        return file if file.is_file() and (of_this or path not in artifacts.EVALUATION_FILES) else None

    return find


def model_file(name: str) -> Path | None:
    """The .keras file that a name means as a file or a folder, or None."""
    path = Path(name).expanduser()
    file = path / FILE if path.is_dir() else path
    return file if file.is_file() and (file.suffix == ".keras" or path.is_dir()) else None


def is_separated(name: str) -> bool:
    """Whether a name is a path by its form."""
    return "/" in name or "\\" in name
