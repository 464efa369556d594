"""The set-up of JAX, in one of several processes that train a network. An extra: `pip install 'digits[jax]'`."""

from __future__ import annotations

import functools
import importlib.util
from pathlib import Path

from digits.errors import DigitsError
from digits.model.quiet import quiet_unless_it_fails
from digits.model.share import Share
from digits.surroundings import shield

_READ = "(KERAS|TF|ONEDNN|DNNL|XLA|AUTOGRAPH|NVIDIA_TF32|JAX|NPROC).*|.*_proxy|.*_PROXY"
_LOOPBACK = "127.0.0.1"
_FIXED = {
    "KERAS_BACKEND": "jax",
    "KERAS_HOME": str(Path(__file__).parent),
    "JAX_PLATFORMS": "cpu",
    "JAX_CPU_COLLECTIVES_IMPLEMENTATION": "gloo",
    "TF_CPP_MIN_LOG_LEVEL": "3",
}
# As for TensorFlow: other instructions add in another order.
_PORTABLE = "--xla_cpu_max_isa=AVX2"
# A worker that stands still for so long is given up. One that dies is seen at once.
_SECONDS_TO_ANSWER = 60


def require_jax() -> None:
    """Refuse to go on without JAX.

    Raises:
        DigitsError: it is not installed.
    """
    if importlib.util.find_spec("jax") is None:
        raise DigitsError(
            "train.workers needs JAX, which is not installed: `pip install 'digits[jax]'` in this environment"
        )


def use_jax(share: Share, port: int, threads: int, seed: int, native: bool) -> None:
    """Import Keras on JAX, and join the other processes.

    Args:
        share: which of the processes this is.
        port: of 127.0.0.1, where the first one listens.
        threads: of this process.
        seed: for Python, NumPy, TensorFlow (which makes the batches) and Keras; the same in all processes.
        native: use all instructions that the processor has.

    Raises:
        DigitsError: something of this process listens on another address than those of loopback.
    """
    flags = {} if native else {"XLA_FLAGS": _PORTABLE}
    # Without NPROC, XLA takes as many threads as there are processors.
    shield(_READ, "(?!)", _FIXED | flags | {"NPROC": str(threads)}, {})
    with quiet_unless_it_fails():
        import jax
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)
        _stay_on_loopback()
        jax.distributed.initialize(
            f"{_LOOPBACK}:{port}",
            share.workers,
            share.rank,
            # The default is every address of the machine.
            coordinator_bind_address=f"{_LOOPBACK}:{port}",
            heartbeat_timeout_seconds=_SECONDS_TO_ANSWER,
        )
        import keras

        # It starts the connections, and so do the first arrays.
        data_parallel = keras.distribution.DataParallel(auto_shard_dataset=False)
    keras.distribution.set_distribution(data_parallel)
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()
    refuse_other_addresses()


def refuse_other_addresses() -> None:
    """Refuse to go on if this process listens where others than this machine reach it.

    Raises:
        DigitsError: it does.
    """
    import psutil

    for one in psutil.Process().net_connections(kind="tcp"):
        if one.status == psutil.CONN_LISTEN and not _is_loopback(one.laddr.ip):
            raise DigitsError(f"JAX listens on {one.laddr.ip}, which others than this machine reach: train.workers = 1")


def _is_loopback(address: str) -> bool:
    return address.startswith(("127.", "::ffff:127.")) or address == "::1"


def _stay_on_loopback() -> None:
    """Make Gloo, which adds the gradients of all processes, listen on 127.0.0.1.

    It would take the address that the machine's name has, and JAX passes no other on.
    """
    from jaxlib import _jax

    _jax.make_gloo_tcp_collectives = functools.partial(_jax.make_gloo_tcp_collectives, hostname=_LOOPBACK)
