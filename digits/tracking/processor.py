"""The processor that trains, and which of its instructions TensorFlow may use."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import NamedTuple

from digits.tracking import artifacts

_INFO = Path("/proc/cpuinfo")
# What tells processors apart for oneDNN (its enum `cpu_isa`), as Linux writes it, in the order in which it appeared.
_TELLING = (
    "avx", "avx2", "avx512f", "avx512_vnni", "avx512_bf16", "avx_vnni", "avx512_fp16", "amx_tile", "amx_int8",
    "amx_bf16", "amx_fp16",
)  # fmt: skip
# What `digits.model.runtime` allows.
_PORTABLE = _TELLING[:2]


class Processor(NamedTuple):
    """A processor, as a run's tags name it.

    Attributes:
        model: its maker's name.
        instructions: names as /proc/cpuinfo has them, with spaces between them; where it has none that matters, the
            architecture.
    """

    model: str
    instructions: str

    def __str__(self) -> str:
        """For a person."""
        return f"{self.model} with {self.instructions}"

    def tags(self) -> dict[str, str]:
        """As tags of a run."""
        return {artifacts.PROCESSOR: self.model, artifacts.INSTRUCTIONS: self.instructions}


def processor(cpu: str, info: Path = _INFO) -> Processor:
    """This machine's processor.

    Args:
        cpu: parameter `train.cpu`: portable for instructions up to AVX2, native for all.
        info: the file in which Linux describes it.
    """
    try:
        lines = info.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    pairs = (line.partition(":") for line in reversed(lines))
    # The first of several cores wins.
    facts = {key.strip(): value.strip() for key, _, value in pairs}
    has = facts.get("flags", "").split()
    allowed = [name for name in (_PORTABLE if cpu == "portable" else _TELLING) if name in has]
    model = facts.get("model name") or platform.processor() or platform.machine()
    return Processor(model, " ".join(allowed) or platform.machine())
