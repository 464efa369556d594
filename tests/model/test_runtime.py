import os
import platform
import subprocess
import sys

import pytest
from support.params import FILE
from support.project import ROOT

from digits.files import sha256_file

pytestmark = pytest.mark.slow


def run(code, *arguments, **environment):
    """Run code in a process of its own, where TensorFlow was not set up before."""
    env = {key: value for key, value in os.environ.items() if not key.startswith(("TF_", "ONEDNN_", "KERAS_"))}
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, env=env | environment, capture_output=True, text=True, check=False)


def test_the_same_seed_gives_the_same_bytes_in_another_process(tmp_path):
    """Random images will do: the seed decides on shuffling, dropout and weights."""
    code = """
import sys
import numpy as np
from digits.model.runtime import use_tensorflow
use_tensorflow(threads=1, seed=int(sys.argv[2]))
from digits.model.keras_file import save_model
from digits.model.network import build_model
from digits.params import load_params
from digits.model.fit import fit
params = load_params(sys.argv[3]).train
params = params.model_copy(update={"epochs": 1, "model": params.model.model_copy(update={"filters": [4]})})
rng = np.random.default_rng(0)
data = rng.integers(0, 256, (128, 28, 28), np.uint8), np.eye(10, dtype=np.float32)[rng.integers(0, 10, 128)]
model = build_model(params.model, 10)
fit(model, data, data, params, lambda *_: None)
save_model(model, sys.argv[1])
"""
    hashes = []
    for seed in (5, 5, 6):
        path = tmp_path / "model.keras"
        done = run(code, path, seed, FILE, PYTHONHASHSEED=str(seed), ONEDNN_VERBOSE="1")
        assert done.returncode == 0, done.stderr
        # All processors have these kernels, whatever this one has beyond them.
        assert platform.machine() != "x86_64" or "onednn_verbose" in done.stdout
        assert "avx512" not in done.stdout.lower()
        hashes.append(sha256_file(path))
    assert hashes[0] == hashes[1] != hashes[2]


def test_tensorflow_starts_without_a_word_and_with_the_given_threads():
    code = """
from digits.model.runtime import use_tensorflow
use_tensorflow(threads=3)
import keras, tensorflow as tf
print(keras.backend.backend(), tf.config.threading.get_intra_op_parallelism_threads())
"""
    done = run(code)
    assert (done.returncode, done.stdout, done.stderr) == (0, "tensorflow 3\n", "")


@pytest.mark.parametrize(("native", "isa"), [(False, "AVX2"), (True, None)])
def test_the_instructions_are_those_of_train_cpu_whatever_the_shell_says(native, isa):
    code = f"""
import os
from digits.model.runtime import use_tensorflow
use_tensorflow(native={native})
print({{name: os.environ.get(name) for name in ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA", "TF_ENABLE_ONEDNN_OPTS")}})
"""
    done = run(code, ONEDNN_MAX_CPU_ISA="SSE41", DNNL_MAX_CPU_ISA="SSE41", TF_ENABLE_ONEDNN_OPTS="0")
    assert (done.returncode, done.stderr) == (0, "")
    expected = {"ONEDNN_MAX_CPU_ISA": isa, "DNNL_MAX_CPU_ISA": None, "TF_ENABLE_ONEDNN_OPTS": "1"}
    assert done.stdout == f"{expected}\n"
