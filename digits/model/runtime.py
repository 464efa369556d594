"""The set-up of TensorFlow: quiet, fast on a CPU, and the same bits for the same seed."""

from pathlib import Path
from typing import Any

from digits.errors import DigitsError
from digits.model.quiet import quiet_unless_it_fails
from digits.surroundings import shield

_READ = "(KERAS|TF|ONEDNN|DNNL|XLA|AUTOGRAPH|NVIDIA_TF32)_.*"
# The number of threads is set by `use_tensorflow` where results have to be the same to the last bit.
_KEPT = "TF_CPP_.*|TF_NUM_(INTRA|INTER)OP_THREADS|(ONEDNN|DNNL)_VERBOSE.*"
_FIXED = {
    "KERAS_BACKEND": "tensorflow",
    # The folder of a keras.json. Keras would take the one in the home folder.
    "KERAS_HOME": str(Path(__file__).parent),
    # oneDNN makes training 1.4 times as fast. TensorFlow turns it off on CPUs without AVX-512 VNNI.
    "TF_ENABLE_ONEDNN_OPTS": "1",
}
# AVX-512 adds in another order than AVX2, so a processor that has it would train another model.
_PORTABLE = {"ONEDNN_MAX_CPU_ISA": "AVX2"}
# At levels 0 to 2, TensorFlow prints pages of notes on graphs.
_DEFAULT = {"TF_CPP_MIN_LOG_LEVEL": "3"}


def use_tensorflow(threads: int | None = None, seed: int | None = None, native: bool = False) -> None:
    """Import TensorFlow with the project's settings, whatever the shell and the home folder say.

    This must be its first import in the process: TensorFlow reads its variables then.

    Args:
        threads: number of intra-op threads. It changes the order of sums, and so the last bits of a result. None, for
            use outside the pipeline, leaves the number to TensorFlow.
        seed: for Python, NumPy and TensorFlow, with deterministic kernels. None for inference.
        native: use all instructions that the processor has, whatever others have.

    Raises:
        DigitsError: something else started Keras with another backend.
    """
    shield(_READ, _KEPT, _FIXED if native else _FIXED | _PORTABLE, _DEFAULT)
    with quiet_unless_it_fails():
        import keras
        import tensorflow as tf

        if threads is not None:
            tf.config.threading.set_intra_op_parallelism_threads(threads)
            tf.config.threading.set_inter_op_parallelism_threads(1)
        # The first tensor starts the runtime, which prints a greeting.
        tf.constant(0)
    _reset(keras)
    if seed is not None:
        keras.utils.set_random_seed(seed)
        tf.config.experimental.enable_op_determinism()


def _reset(keras: Any) -> None:
    """Undo what was set before, where something else imported Keras first.

    Raises:
        DigitsError: Keras runs on another backend, which cannot be changed any more.
    """
    if keras.config.backend() != "tensorflow":
        raise DigitsError(
            f"Keras was started with the backend {keras.config.backend()!r} in this process: unset KERAS_BACKEND, or "
            "import digits first"
        )
    keras.config.set_floatx("float32")
    keras.config.set_dtype_policy("float32")
    keras.config.set_epsilon(1e-7)
    keras.config.set_image_data_format("channels_last")
    keras.config.set_max_epochs(None)
    keras.config.set_max_steps_per_epoch(None)
