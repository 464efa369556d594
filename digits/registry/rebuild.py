"""The proof of a lineage: the model is trained again in a temporary clone, and its bytes are compared."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from digits import dvc, paths
from digits.errors import DigitsError
from digits.files import sha256_file
from digits.registry.lineage import Lineage
from digits.tracking import artifacts

if TYPE_CHECKING:
    from mlflow import MlflowClient


def rebuild(client: MlflowClient, lineage: Lineage) -> str:
    """Train the model again in a temporary clone, from the raw data on. Returns the SHA-256 of what came out.

    Raises:
        DigitsError: the source is not known completely, or the pipeline failed.
    """
    root = paths.project_root()
    if lineage.commit is None or lineage.untracked_files:
        what = f"files that git did not track: {', '.join(lineage.untracked_files)}" if lineage.commit else "no commit"
        raise DigitsError(f"run {lineage.run_name} cannot be rebuilt: it was made from {what}")
    with tempfile.TemporaryDirectory(prefix="digits-lineage-") as scratch:
        clone = Path(scratch) / "clone"
        _call(["git", "clone", "--quiet", "--no-checkout", str(root), str(clone)], root)
        _call(["git", "checkout", "--quiet", lineage.commit], clone)
        if lineage.dirty:
            patch = artifacts.download(client, lineage.run_id, artifacts.PATCH)
            if patch is None:
                raise DigitsError(f"run {lineage.run_name} cannot be rebuilt: its uncommitted changes were not kept")
            _call(["git", "apply", str(patch)], clone)
        # The last source of params.yaml, checked against the same hashes as any other.
        if (root / paths.RAW).is_dir():
            shutil.copytree(root / paths.RAW, clone / "data" / "local")
        _call([sys.executable, "-m", "dvc", "repro", "train"], clone)
        return sha256_file(clone / paths.MODEL)


def _call(command: list[str], folder: Path) -> None:
    # A store of its own and no cache of DVC's: nothing of the first training can leak into the second.
    environment = {key: value for key, value in dvc.environment().items() if not key.startswith(("MLFLOW_", "DVC_"))}
    # What it prints on the way is not the answer: to standard error, file descriptor 2.
    done = subprocess.run(command, cwd=folder, env=environment, stdout=2, check=False)
    if done.returncode != 0:
        raise DigitsError(f"the rebuild failed at `{' '.join(command[:4])}`, see above")
