"""A project for tests of the whole pipeline: the files of this working tree in a temporary folder, on the sample."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from ruamel.yaml import YAML
from support.params import FILE
from support.sample import SAMPLE, sample_hashes

ROOT = Path(__file__).parents[2]


def environment(**changes: str) -> dict[str, str]:
    """The environment of this process: its Python first on PATH, and no settings of MLflow, DVC and git."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("MLFLOW_", "DVC_", "GIT_"))}
    for key in ("PYTHONPATH", "PYTHONHOME"):
        kept.pop(key, None)
    kept["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), kept["PATH"]])
    # A temporary folder may have no identity of its own.
    for role in ("AUTHOR", "COMMITTER"):
        kept |= {f"GIT_{role}_NAME": "Test", f"GIT_{role}_EMAIL": "test@example.org"}
    return kept | changes


class Project:
    """A working copy in which tests run commands."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(self, *command: str, check: bool = True, **changes: str) -> subprocess.CompletedProcess[str]:
        """Run a command. `python`, `dvc` and `mlflow` are those of the test's own environment."""
        done = subprocess.run(
            command, cwd=self.folder, env=environment(**changes), capture_output=True, text=True, check=False
        )
        assert not check or done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def start(self, *command: str, log: Path, **changes: str) -> subprocess.Popen[bytes]:
        """Start a command in a process group of its own. A file takes its output."""
        with log.open("wb") as output:
            return subprocess.Popen(
                command,
                cwd=self.folder,
                env=environment(**changes),
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                # A shell that runs the tests in the background makes them ignore SIGINT, and a child inherits that.
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            )

    def read(self, path: str) -> str:
        return (self.folder / path).read_text(encoding="utf-8")

    def store(self) -> str:
        return f"sqlite:///{self.folder / 'mlflow.db'}"

    def stages_run(self, done: subprocess.CompletedProcess[str]) -> list[str]:
        """The stages that a `dvc repro` or `dvc exp run` really ran."""
        lines = done.stdout.splitlines()
        return [line.split("'")[1] for line in lines if line.startswith("Running stage")]


def kill(process: subprocess.Popen[bytes], number: int = signal.SIGKILL) -> None:
    """Send a signal to a whole process group, and wait."""
    os.killpg(process.pid, number)
    process.wait(timeout=60)


def make_project(folder: Path) -> Project:
    """Copy the working tree as git would commit it, with parameters for the sample, and commit the copy."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in filter(None, listed.stdout.split("\0")):
        # `.venv` may be a link, which git lists. It also lists files that were deleted.
        # A user may have collected feedback, which DVC has and git has not.
        if name != ".venv" and not name.startswith("data/feedback/images") and (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    # It belongs to the real data.
    (folder / "dvc.lock").unlink(missing_ok=True)
    # A user may have changed params.yaml.
    shutil.copy2(FILE, folder / "params.yaml")
    change(folder / "params.yaml", sample_params())
    project = Project(folder)
    project.run("git", "init", "-q", "-b", "main")
    project.run("git", "add", "-A")
    project.run("git", "commit", "-qm", "The project on a sample")
    return project


def copy_code(folder: Path) -> Project:
    """The code and parameters alone in a folder: stages run there, without git and DVC."""
    for name in ("digits", "stages"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy2(ROOT / "dvc.yaml", folder)
    shutil.copy2(FILE, folder / "params.yaml")
    (folder / "data").mkdir()
    return Project(folder)


def change(path: Path, values: Mapping[str, object]) -> None:
    """Set dotted keys of a YAML file, and keep its comments."""
    yaml = YAML()
    raw = yaml.load(path)
    for dotted, value in values.items():
        *sections, key = dotted.split(".")
        place = raw
        for section in sections:
            place = place[section]
        place[key] = value
    yaml.dump(raw, path)


def sample_params() -> dict[str, object]:
    """The settings with which the pipeline runs on the sample, in seconds.

    The model passes the gates by a wide margin with seeds 0 to 9, see test_end_to_end.py.
    """
    hashes = {f"fetch.files.{key}.sha256": sha256 for key, sha256 in sample_hashes().items()}
    return hashes | {
        "fetch.sources": [{"kind": "folder", "path": str(SAMPLE)}],
        "validate.images": {"train": 1000, "test": 400},
        "validate.class_shares": [0.1] * 10,
        "train.model.filters": [8, 16],
        "train.model.conv_dropout": 0.0,
        "train.model.dense_units": 32,
        "train.model.dense_dropout": 0.0,
        "train.learning_rate": 0.005,
        "train.epochs": 4,
        "train.threads": 1,
        # The full table would take half a minute; these few images run the same code.
        "evaluate.robustness.images": 20,
        "evaluate.robustness.pictures.images": 2,
        "evaluate.robustness.load_digits": False,
        "plot.dpi": 50,
        "plot.samples_per_class": 2,
        "register.gates.min_accuracy_low": 0.75,
        "register.gates.min_macro_f1": 0.75,
        "register.gates.max_calibration_error": 0.1,
        "register.gates.max_latency_ms": 5000.0,
    }
