"""The variables that libraries read, taken from their own sources, and values that would do harm."""

import re
from importlib.util import find_spec
from pathlib import Path

_NAME = re.compile(r"[\"']((?:KERAS|TF|ONEDNN|DNNL|XLA|AUTOGRAPH)_[A-Z0-9_]+)[\"']")
# Read by native code, so that no Python source names them (oneDNN's and TensorFlow's documentation).
_NATIVE = (
    "ONEDNN_MAX_CPU_ISA",
    "DNNL_MAX_CPU_ISA",
    "ONEDNN_CPU_ISA_HINTS",
    "ONEDNN_DEFAULT_FPMATH_MODE",
    "DNNL_DEFAULT_FPMATH_MODE",
    "ONEDNN_PRIMITIVE_CACHE_CAPACITY",
    "TF_ENABLE_ONEDNN_OPTS",
    "TF_XLA_FLAGS",
    "TF_DISABLE_MKL",
    "TF_ENABLE_AUTO_MIXED_PRECISION",
    "TF_SET_ONEDNN_FPMATH_MODE",
    "TF_CONFIG",
    "TF_DETERMINISTIC_OPS",
    "TF_CPU_ALLOCATOR_USE_BFC",
    "NVIDIA_TF32_OVERRIDE",
)
_HARMFUL = {
    "KERAS_BACKEND": "numpy",
    "KERAS_MAX_EPOCHS": "1",
    "KERAS_MAX_STEPS_PER_EPOCH": "5",
    "KERAS_HOME": "/nonexistent",
    "TF_ENABLE_ONEDNN_OPTS": "0",
    "ONEDNN_MAX_CPU_ISA": "SSE41",
    "DNNL_MAX_CPU_ISA": "SSE41",
    "ONEDNN_DEFAULT_FPMATH_MODE": "ANY",
    "DNNL_DEFAULT_FPMATH_MODE": "ANY",
    "TF_SET_ONEDNN_FPMATH_MODE": "BF16",
    "TF_XLA_FLAGS": "--tf_xla_auto_jit=2 --tf_xla_cpu_global_jit",
    "XLA_FLAGS": "--no_such_flag",
    "TF_CONFIG": "{not json",
    "TF_USE_LEGACY_KERAS": "1",
}


def of_keras_and_tensorflow() -> set[str]:
    """Every variable that Keras' sources and TensorFlow's Python read."""
    names = set(_NATIVE)
    for package, folders in (("keras", ["src"]), ("tensorflow", ["python/framework", "python/eager", "python/client"])):
        root = Path(find_spec(package).origin).parent
        for folder in folders:
            for file in (root / folder).rglob("*.py"):
                names |= set(_NAME.findall(file.read_text(encoding="utf-8", errors="replace")))
    return names


def of_mlflow() -> set[str]:
    """Every variable that MLflow declares."""
    source = Path(find_spec("mlflow").origin).with_name("environment_variables.py").read_text(encoding="utf-8")
    return set(re.findall(r"EnvironmentVariable\(\s*\"(_?MLFLOW_\w+)\"", source))


def hostile(names: set[str]) -> dict[str, str]:
    """A value for each that changes results, or stops the library."""
    return {name: _HARMFUL.get(name, "1") for name in names}
