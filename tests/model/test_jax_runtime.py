"""JAX: one line where it is not installed, and nothing that others than this machine reach."""

import importlib.util
import json
import os
import socket
import subprocess
import sys

import pytest

from digits.errors import DigitsError
from digits.model.crew import LOOPBACK, Here
from digits.model.jax_runtime import refuse_other_addresses, require_jax

# Prints what a process that trains alone has set.
SET_UP = """
import json, sys
from digits.model.jax_runtime import use_jax
from digits.model.share import Share
use_jax(Share(), sys.argv[1], "127.0.0.1", 1, 7, native=sys.argv[2] == "native")
import os, jax, keras
print(json.dumps([keras.backend.backend(), jax.process_count(), os.environ.get("XLA_FLAGS"), os.environ["NPROC"],
                  os.environ.get("http_proxy"), keras.distribution.distribution().auto_shard_dataset]))
"""


def test_without_jax_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(DigitsError, match=r"JAX, which is not installed: `pip install 'digits\[jax\]'`"):
        require_jax()


def test_an_address_that_others_reach_is_refused():
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        refuse_other_addresses(LOOPBACK)
    with socket.socket() as listening:
        listening.bind(("0.0.0.0", 0))
        listening.listen()
        with pytest.raises(DigitsError, match=r"JAX listens on 0\.0\.0\.0, not on 127\.0\.0\.1 alone"):
            refuse_other_addresses(LOOPBACK)
        # Of a worker on a node, its own address is the one at which the others reach it.
        refuse_other_addresses("0.0.0.0")


@pytest.mark.scale
@pytest.mark.parametrize(("cpu", "flags"), [("portable", "--xla_cpu_max_isa=AVX2"), ("native", None)])
def test_the_settings_are_ours_whatever_the_shell_says(cpu, flags):
    shell = {"XLA_FLAGS": "--xla_cpu_max_isa=SSE4_2", "JAX_PLATFORMS": "tpu", "http_proxy": "http://127.0.0.1:9"}
    command = [sys.executable, "-c", SET_UP, Here(1).coordinator, cpu]
    done = subprocess.run(command, env={**os.environ, **shell}, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout.splitlines()[-1]) == ["jax", 1, flags, "1", None, False]
