"""The sample of MNIST: 1,000 training and 400 test images, and a small model trained on them."""

import gzip
import hashlib
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

from support.tiny import TRAIN, write_model

from digits.data.idx import parse_idx
from digits.data.raw import RAW_NAMES

SAMPLE = Path(__file__).with_name("mnist")


def read_sample() -> SimpleNamespace:
    """`x_train`, `y_train` (1,000 images), `x_test`, `y_test` (400): uint8."""
    arrays = {key: parse_idx(_unpacked(name), name) for key, name in RAW_NAMES.items()}
    return SimpleNamespace(
        x_train=arrays["train_images"],
        y_train=arrays["train_labels"],
        x_test=arrays["test_images"],
        y_test=arrays["test_labels"],
    )


def sample_hashes() -> dict[str, str]:
    """SHA-256 of each decompressed file, by key of `fetch.files` in params.yaml."""
    return {key: hashlib.sha256(_unpacked(name)).hexdigest() for key, name in RAW_NAMES.items()}


def train_small_model(folder: Path) -> None:
    """Write model.keras, trained on the sample and right on about 95 % of its test images, and its twin.

    The training has a process of its own: in this one, another test may have set the number of TensorFlow's threads.
    """
    command = [sys.executable, "-m", "support.sample", str(folder)]
    done = subprocess.run(command, cwd=Path(__file__).parents[1], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def _unpacked(name: str) -> bytes:
    return gzip.decompress((SAMPLE / f"{name}.gz").read_bytes())


def _train(folder: str) -> None:
    from digits.model.network import build_model
    from digits.model.runtime import use_tensorflow

    use_tensorflow(threads=1)
    import keras

    keras.utils.set_random_seed(7)
    sample = read_sample()
    changes = {"filters": [16, 32], "conv_dropout": 0.3, "dense_units": 64, "dense_dropout": 0.2}
    model = build_model(TRAIN.model.model_copy(update=changes), classes=10)
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(sample.x_train, sample.y_train, batch_size=20, epochs=12, verbose=0)
    write_model(model, Path(folder))


if __name__ == "__main__":
    _train(sys.argv[1])
