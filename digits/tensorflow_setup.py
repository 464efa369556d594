"""How TensorFlow is set up wherever it is used: quiet, fast on a CPU, and the same bits for the same seed."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager


def use_tensorflow(threads: int | None = None, seed: int | None = None) -> None:
    """Import TensorFlow with the project's settings. Call before anything else imports it.

    Args:
        threads: intra-op threads; the number changes the order of sums and so the last bits of a result. None leaves
            TensorFlow's choice, for use outside the pipeline.
        seed: of Python, NumPy and the backend, with deterministic kernels; None for inference.
    """
    # Levels 0 to 2 let through pages of notes on graphs.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # Off by default on CPUs without AVX-512 VNNI, where it still makes training 1.4 times as fast.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    # With wider registers, sums come in another order: a processor with AVX-512 trained another model than one without.
    os.environ.setdefault("ONEDNN_MAX_CPU_ISA", "AVX2")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")

    with _quiet_unless_it_fails():
        import keras
        import tensorflow as tf

        if threads is not None:
            tf.config.threading.set_intra_op_parallelism_threads(threads)
            tf.config.threading.set_inter_op_parallelism_threads(1)
        # The first tensor starts the runtime, which greets as well.
        tf.constant(0)
    if seed is not None:
        keras.utils.set_random_seed(seed)
        tf.config.experimental.enable_op_determinism()


@contextmanager
def _quiet_unless_it_fails() -> Iterator[None]:
    """Hold back what native code writes to standard error: TensorFlow greets before its log level counts."""
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
