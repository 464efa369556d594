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


def use_jax(share: Share, coordinator: str, host: str, threads: int, seed: int, native: bool) -> None:
    """Import Keras on JAX, and join the other processes.

    Args:
        share: which of the processes this is.
        coordinator: HOST:PORT, where the first one listens.
        host: the address of this machine at which the others reach this one, and the only one on which it listens
            beside those of loopback.
        threads: of this process.
        seed: for Python, NumPy, TensorFlow (which makes the batches) and Keras; the same in all processes.
        native: use all instructions that the processor has.

    Raises:
        DigitsError: something of this process listens on another address.
    """
    flags = {} if native else {"XLA_FLAGS": _PORTABLE}
    # Without NPROC, XLA takes as many threads as there are processors.
    shield(_READ, "(?!)", _FIXED | flags | {"NPROC": str(threads)}, {})
    with quiet_unless_it_fails():
        import jax
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)
        _listen_on(host)
        jax.distributed.initialize(
            coordinator,
            share.workers,
            share.rank,
            # The default is every address of the machine.
            coordinator_bind_address=coordinator,
            heartbeat_timeout_seconds=_SECONDS_TO_ANSWER,
        )
        import keras

        # It starts the connections, and so do the first arrays.
        data_parallel = keras.distribution.DataParallel(auto_shard_dataset=False)
    keras.distribution.set_distribution(data_parallel)
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()
    refuse_other_addresses(host)


def refuse_other_addresses(host: str) -> None:
    """Refuse to go on if this process listens on another address than those of loopback and one more.

    Args:
        host: that one.

    Raises:
        DigitsError: it does.
    """
    import psutil

    for one in psutil.Process().net_connections(kind="tcp"):
        if one.status == psutil.CONN_LISTEN and not _is(one.laddr.ip, host):
            raise DigitsError(
                f"JAX listens on {one.laddr.ip}, not on {host} alone, so that others may reach it: train.workers = 1"
            )


def _is(address: str, host: str) -> bool:
    address = address.removeprefix("::ffff:")
    return address.startswith("127.") or address in ("::1", host)


def _listen_on(host: str) -> None:
    """Make Gloo, which adds the gradients of all processes, listen on this address.

    It would take the address that the machine's name has, and JAX passes no other on.
    """
    from jaxlib import _jax

    _jax.make_gloo_tcp_collectives = functools.partial(_jax.make_gloo_tcp_collectives, hostname=host)
