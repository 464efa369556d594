"""What several tests share: the sample of MNIST, a model trained on it in seconds, real servers, a real browser."""

import gzip
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from filelock import FileLock

# Answers to the last bit need one thread, and TensorFlow takes a number only before its first use: a worker runs many
# tests, and the two have two cores between them.
os.environ |= {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}
# As digits.tensorflow_setup has them, which comes too late where a test lets MLflow import TensorFlow first.
os.environ |= {"TF_ENABLE_ONEDNN_OPTS": "1", "ONEDNN_MAX_CPU_ISA": "AVX2"}

LONGEST = ("test_walkthrough.py", "test_end_to_end.py", "test_validate.py", "test_plots.py")
MNIST = Path(__file__).parent / "data" / "mnist"


@pytest.fixture(scope="session")
def mnist_sample() -> SimpleNamespace:
    """`x_train`, `y_train` (1,000 images), `x_test`, `y_test` (400): uint8."""
    from digits.idx import parse_idx

    def read(name: str) -> np.ndarray:
        return parse_idx(gzip.decompress((MNIST / f"{name}.gz").read_bytes()), name)

    return SimpleNamespace(
        x_train=read("train-images-idx3-ubyte"),
        y_train=read("train-labels-idx1-ubyte"),
        x_test=read("t10k-images-idx3-ubyte"),
        y_test=read("t10k-labels-idx1-ubyte"),
    )


# In a process of its own: here, another test may have fixed the number of TensorFlow's threads already.
TRAIN_SMALL = """
import sys
import numpy as np
from digits.model import build_model, save_model
from digits.params import ModelParams
from digits.tensorflow_setup import use_tensorflow

use_tensorflow(threads=1)
import keras

keras.utils.set_random_seed(7)
sample = np.load(sys.argv[1])
params = ModelParams(
    filters=[16, 32], kernel_size=3, pool_size=2, conv_dropout=0.3, dense_units=64, dense_dropout=0.2
)
model = build_model(params, classes=10)
model.compile("adam", "sparse_categorical_crossentropy")
model.fit(sample["x"], sample["y"], batch_size=20, epochs=12, verbose=0)
save_model(model, sys.argv[2])
"""


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory) -> Path:
    """A folder that all workers of pytest-xdist have in common."""
    here = tmp_path_factory.getbasetemp()
    return here.parent if "PYTEST_XDIST_WORKER" in os.environ else here


@pytest.fixture(scope="session")
def small_model(mnist_sample, shared_folder) -> Path:
    """A `.keras` file trained on the sample: right on about 95 % of its test images."""
    folder = shared_folder / "small_model"
    with FileLock(f"{folder}.lock"):
        if not (folder / "model.keras").is_file():
            folder.mkdir(exist_ok=True)
            np.savez(folder / "sample.npz", x=mnist_sample.x_train, y=mnist_sample.y_train)
            command = [sys.executable, "-c", TRAIN_SMALL, str(folder / "sample.npz"), str(folder / "model.keras")]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
    return folder / "model.keras"


class Server:
    """A `digits` command that serves, as a process of its own."""

    def __init__(self, *arguments: str, log: Path) -> None:
        self.log = log
        self._errors = log.open("wb")
        command = [sys.executable, "-m", "digits.cli", *arguments, "--port", "0"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self._errors, text=True)
        self.ready = ""
        for line in self.process.stdout:
            self.ready += line
            if "Ctrl-C" in line:
                break
        words = [word.rstrip(",") for word in self.ready.split() if word.startswith("http://127.0.0.1:")]
        assert words, f"no address in {self.ready!r}; standard error: {log.read_text()}"
        self.url = words[0]
        self.port = int(self.url.rsplit(":", 1)[1])

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and wait for the end; gives the exit code."""
        self.process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        self.rest = self.process.communicate(timeout=60)[0]
        self._errors.close()
        return self.process.returncode


@pytest.fixture(scope="module")
def start(tmp_path_factory) -> Iterator[Callable[..., Server]]:
    """Starts servers, and stops at the end those that still run."""
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
    """Headless Chromium: $CHROMIUM, the one on PATH, or the one that Playwright installed."""
    from playwright.sync_api import sync_playwright

    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    path = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)
    with sync_playwright() as playwright:
        path = path or playwright.chromium.executable_path
        if not Path(path).exists():
            pytest.skip(
                "no Chromium to draw in: install it (Debian: apt-get install chromium; elsewhere: "
                "python -m playwright install chromium) or name it in CHROMIUM"
            )
        # Root, as in a container, has no sandbox.
        arguments = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
        chromium = playwright.chromium.launch(executable_path=path, args=arguments)
        yield chromium
        chromium.close()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep a file's tests in one worker, whose fixtures they share; the end-to-end ones share theirs on disk.

    The longest come first, or one worker would be at them long after the other has nothing left to do.
    """
    items.sort(key=lambda item: LONGEST.index(item.path.name) if item.path.name in LONGEST else len(LONGEST))
    for item in items:
        if item.path.name != "test_end_to_end.py":
            item.add_marker(pytest.mark.xdist_group(item.path.name))
