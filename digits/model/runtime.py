"""The set-up of TensorFlow: quiet, fast on a CPU, and the same bits for the same seed."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager


def use_tensorflow(threads: int | None = None, seed: int | None = None) -> None:
    """Import TensorFlow with the project's settings. This must be its first import in the process.

    Args:
        threads: number of intra-op threads. It changes the order of sums, and so the last bits of a result. None, for
            use outside the pipeline, leaves the number to TensorFlow.
        seed: for Python, NumPy and TensorFlow, with deterministic kernels. None for inference.
    """
    # At levels 0 to 2, TensorFlow prints pages of notes on graphs.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # oneDNN makes training 1.4 times as fast. TensorFlow turns it off on CPUs without AVX-512 VNNI.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    # AVX-512 adds in another order than AVX2, so a processor that has it would train another model.
    os.environ.setdefault("ONEDNN_MAX_CPU_ISA", "AVX2")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")

    with _quiet_unless_it_fails():
        import keras
        import tensorflow as tf

        if threads is not None:
            tf.config.threading.set_intra_op_parallelism_threads(threads)
            tf.config.threading.set_inter_op_parallelism_threads(1)
        # The first tensor starts the runtime, which prints a greeting.
        tf.constant(0)
    if seed is not None:
        keras.utils.set_random_seed(seed)
        tf.config.experimental.enable_op_determinism()


@contextmanager
def _quiet_unless_it_fails() -> Iterator[None]:
    """Discard what native code writes to standard error, unless the block fails.

    TensorFlow prints a greeting before it reads its log level.
    """
    sys.stderr.flush()
    with tempfile.TemporaryFile() as held:
        saved = os.dup(2)
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            held.seek(0)
            os.write(saved, held.read())
            raise
        finally:
            os.dup2(saved, 2)
            os.close(saved)
