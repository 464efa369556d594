"""Fixtures that several rooms' tests share, and the order of the tests."""

import gc
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import hypothesis
import pytest
from filelock import FileLock
from support.browser import headless_chromium
from support.clothes import write_clothes_model
from support.repository import make_repository
from support.sample import read_sample, train_small_model
from support.servers import Server
from support.tiny import write_model

# Results are the same to the last bit only with one thread, and TensorFlow takes the number only before its first use.
# A worker runs many tests, so the number is set here. It also suits two workers on two cores.
os.environ |= {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}
# The settings of digits.model.runtime, which would come too late where a test lets MLflow import TensorFlow first.
os.environ |= {"TF_ENABLE_ONEDNN_OPTS": "1", "ONEDNN_MAX_CPU_ISA": "AVX2"}

# An example may take as long as it likes: the machine may be busy.
hypothesis.settings.register_profile("digits", deadline=None)
hypothesis.settings.load_profile("digits")

pytest_plugins = ["support.stores", "support.decisions", "support.pipeline"]

TESTS = Path(__file__).parent
# How many modules were imported when the garbage was last spared.
_modules = 0
# Paths from this folder. The longest come first: as the last of all, such a file would leave the other worker idle.
LONGEST = (
    "journeys/test_walkthrough.py",
    "journeys/test_interruptions.py",
    "pipeline/test_experiments.py",
    "journeys/test_names.py",
    "pipeline/test_validate.py",
    "report/test_figures.py",
)
# Tests that may run in different workers, because they share what they need on disk.
SCATTERED = tuple(
    f"{name}.py"
    for name in (
        "journeys/test_interruptions",
        "journeys/test_mlflow_run",
        "pipeline/test_experiments",
        "pipeline/test_repro",
        "pipeline/test_run_cache",
    )
)


@pytest.fixture(scope="session")
def mnist_sample() -> SimpleNamespace:
    """`x_train`, `y_train` (1,000 images), `x_test`, `y_test` (400): uint8."""
    return read_sample()


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory) -> Path:
    """A folder that all workers of pytest-xdist have in common."""
    here = tmp_path_factory.getbasetemp()
    return here.parent if "PYTEST_XDIST_WORKER" in os.environ else here


@pytest.fixture(scope="session")
def small_model(shared_folder) -> Path:
    """A `.keras` file trained on the sample, with its twin: right on about 95 % of its test images."""
    path = shared_folder / "small_model" / "model.keras"
    with FileLock(f"{path.parent}.lock"):
        if not path.is_file():
            path.parent.mkdir()
            train_small_model(path.parent)
    return path


@pytest.fixture(scope="session")
def other_model(small_model, tmp_path_factory) -> Path:
    """The same network with halved weights, which takes 0 for 1 and 1 for 0, with its twin."""
    import keras

    model = keras.saving.load_model(small_model)
    weights = [0.5 * each for each in model.get_weights()]
    for last in weights[-2:]:
        last[..., :2] = last[..., 1::-1].copy()
    model.set_weights(weights)
    return write_model(model, tmp_path_factory.mktemp("other"))


@pytest.fixture(scope="session")
def clothes_model(tmp_path_factory) -> Path:
    """A folder with an untrained network for images of 32×32, and the names of its three classes beside it."""
    return write_clothes_model(tmp_path_factory.mktemp("clothes"))


@pytest.fixture(scope="module")
def start(tmp_path_factory) -> Iterator[Callable[..., Server]]:
    """A function that starts a server. Those still running are stopped at the end."""
    servers = []

    def begin(*arguments: str) -> Server:
        server = Server(*arguments, log=tmp_path_factory.mktemp("server") / "stderr")
        servers.append(server)
        return server

    yield begin
    for server in servers:
        if server.process.poll() is None:
            server.process.kill()
            server.wait()


@pytest.fixture(scope="session")
def browser() -> Iterator[object]:
    """A headless Chromium; the tests that need it are skipped where there is none."""
    with headless_chromium() as chromium:
        yield chromium


@pytest.fixture
def repository(tmp_path, monkeypatch) -> Path:
    """A committed project, which is the current folder."""
    make_repository(tmp_path, monkeypatch)
    return tmp_path


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort the files, and keep the tests of a file in one worker, because they share fixtures."""
    items.sort(key=lambda item: LONGEST.index(_name(item)) if _name(item) in LONGEST else len(LONGEST))
    for item in items:
        if _name(item) not in SCATTERED:
            item.add_marker(pytest.mark.xdist_group(_name(item)))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Spare what is imported by now from the search for garbage.

    Keras and statsmodels search for it themselves, and each time that takes a second in a process with all libraries.
    """
    global _modules
    if len(sys.modules) > _modules + 100:
        gc.freeze()
        _modules = len(sys.modules)


def _name(item: pytest.Item) -> str:
    return item.path.relative_to(TESTS).as_posix()
