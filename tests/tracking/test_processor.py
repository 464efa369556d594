"""What /proc/cpuinfo says of a processor, and what TensorFlow may use of it."""

import platform

import pytest
from support.project import ROOT

from digits.tracking.processor import processor

CORE = "processor\t: {number}\nmodel name\t: {name}\nflags\t\t: fpu sse4_1 {flags}\n\n"


@pytest.fixture
def described(tmp_path):
    """Writes a file as Linux does, of several cores."""

    def write(name, flags, cores=2):
        path = tmp_path / "cpuinfo"
        path.write_text("".join(CORE.format(number=number, name=name, flags=flags) for number in range(cores)))
        return path

    return write


def test_portable_ends_at_avx2_and_native_has_all(described):
    info = described("AMD EPYC 9755", "avx avx2 avx512bw avx512f avx512_bf16 avx512_vnni")
    assert processor("portable", info) == ("AMD EPYC 9755", "avx avx2")
    assert processor("native", info) == ("AMD EPYC 9755", "avx avx2 avx512f avx512_vnni avx512_bf16")
    assert str(processor("portable", info)) == "AMD EPYC 9755 with avx avx2"


def test_an_old_processor_has_no_more_than_it_has(described):
    info = described("Intel Core i7-2600", "avx")
    assert processor("portable", info) == processor("native", info) == ("Intel Core i7-2600", "avx")


def test_of_unlike_cores_the_first_one_counts(tmp_path):
    path = tmp_path / "cpuinfo"
    path.write_text(CORE.format(number=0, name="big", flags="avx2") + CORE.format(number=1, name="small", flags=""))
    assert processor("native", path) == ("big", "avx2")


@pytest.mark.parametrize("text", [None, "", "Features\t: fp asimd sve\nCPU part\t: 0xd40\n", "\x00\xff"])
def test_another_architecture_or_system_is_named_by_itself(tmp_path, text):
    path = tmp_path / "cpuinfo"
    if text is not None:
        path.write_bytes(text.encode("latin-1"))
    model, instructions = processor("native", path)
    assert model == (platform.processor() or platform.machine()) and instructions == platform.machine()


def test_what_portable_means_here_is_what_tensorflow_is_told():
    """oneDNN's names for the same: see digits/model/runtime.py."""
    assert 'ONEDNN_MAX_CPU_ISA": "AVX2"' in (ROOT / "digits" / "model" / "runtime.py").read_text()
    assert processor("portable").instructions.split()[-1] in ("avx2", "avx", platform.machine())
