"""Working copies of this project to run it in."""

from __future__ import annotations

import importlib
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

import numpy as np

from benchmarks.process import run
from digits import paths
from digits.data.raw import RAW_NAMES, Split
from digits.errors import DigitsError

ROOT = Path(__file__).parents[1]


def support(module: str) -> ModuleType:
    """A module of tests/support, which makes samples and photos."""
    if str(ROOT / "tests") not in sys.path:
        sys.path.insert(0, str(ROOT / "tests"))
    return importlib.import_module(f"support.{module}")


def sample() -> tuple[Path, dict[str, object]]:
    """The folder of the tests' sample of MNIST, and the parameters with which the pipeline takes seconds on it."""
    return support("sample").SAMPLE, support("project").sample_params()


def sample_splits() -> dict[str, Split]:
    """The images and labels of the sample, as `digits.data.raw.read_raw` gives them."""
    arrays = support("sample").read_sample()
    return {"train": Split(arrays.x_train, arrays.y_train), "test": Split(arrays.x_test, arrays.y_test)}


def clone(folder: Path, data: Path, params: Mapping[str, object]) -> None:
    """Clone the commit that is checked out, with its data fetched already: they come from a folder on this machine.

    Args:
        folder: of the clone. It is created.
        data: has the four raw files, gzipped or not.
        params: dotted keys of params.yaml and their values. They are committed.
    """
    run(["git", "clone", "-q", "--shared", str(Path.cwd()), str(folder)])
    source = {"fetch.sources": [{"kind": "folder", "path": str(data.resolve())}]}
    support("project").change(folder / paths.PARAMS, {**params, **source})
    run(["git", "commit", "-qam", "Take the data from a folder"], folder)
    # The first use of a store creates its tables.
    run([sys.executable, "-c", "from digits.tracking import store; store.connect()"], folder)


def raw_data() -> Path:
    """The folder of the raw data.

    Raises:
        DigitsError: they were not fetched.
    """
    absent = [name for name in RAW_NAMES.values() if not (paths.RAW / name).is_file()]
    if absent:
        raise DigitsError(f"{paths.RAW} lacks {', '.join(absent)}: run `dvc repro fetch` first")
    return paths.RAW


def write_npz(path: Path, splits: Mapping[str, Split]) -> None:
    """Write Keras' archive of MNIST, mnist.npz.

    Args:
        path: of the file.
        splits: from `digits.data.raw.read_raw`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    (x_train, y_train), (x_test, y_test) = splits["train"], splits["test"]
    np.savez(path, x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)


def free_gb(folder: Path) -> float:
    """Free space of the disk that a folder is on, in 10^9 bytes."""
    return shutil.disk_usage(folder).free / 1e9
