"""What hardware and which versions a measurement belongs to."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil

# What changes the speed of a network on a CPU, by its name in /proc/cpuinfo.
_FLAGS = {
    "avx2": "AVX2",
    "avx512f": "AVX-512",
    "avx512_vnni": "AVX-512 VNNI",
    "avx512_bf16": "AVX-512 BF16",
    "amx_tile": "AMX",
}
_PACKAGES = (
    "tensorflow-cpu", "tensorflow", "keras", "jax", "ai-edge-litert", "mlflow", "dvc", "great-expectations", "numpy",
)  # fmt: skip


def machine() -> dict[str, Any]:
    """The model of the CPU, its cores and flags, the memory in GiB, the system, and the load at this moment."""
    model, flags = _cpu()
    return {
        "cpu": model,
        "cores": psutil.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "flags": [name for flag, name in _FLAGS.items() if flag in flags],
        "system": f"{platform.system()} {platform.release()}",
        "load": round(os.getloadavg()[0], 2),
    }


def versions() -> dict[str, str]:
    """Python and the packages that the measurements depend on, as far as they are installed."""
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _cpu() -> tuple[str, set[str]]:
    """The model and its flags. Only Linux tells the flags."""
    file = Path("/proc/cpuinfo")
    lines = file.read_text().splitlines() if file.exists() else []
    facts = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    return facts.get("model name") or platform.processor() or platform.machine(), set(facts.get("flags", "").split())
