"""Joining a Ray cluster: one line where that is not possible."""

import re
import sys

import pytest
from support.servers import free_port

from digits.errors import DigitsError
from digits.workers.cluster import cluster, code_digest, refuse_other_code


def test_without_ray_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(DigitsError, match=r"`pip install 'digits\[ray\]'`"), cluster("127.0.0.1:6379"):
        pass


@pytest.mark.scale
@pytest.mark.parametrize(("address", "message"), [("nowhere", "HOST:PORT is expected"), ("host:", "HOST:PORT")])
def test_an_address_has_host_and_port(address, message):
    with pytest.raises(DigitsError, match=message), cluster(address):
        pass


@pytest.mark.scale
def test_an_address_where_nothing_listens_is_refused_at_once():
    port = free_port()
    with (
        pytest.raises(DigitsError, match=f"no Ray cluster answers there .*--port={port}"),
        cluster(f"127.0.0.1:{port}"),
    ):
        pass


def test_a_node_with_other_code_refuses_to_work():
    refuse_other_code(code_digest())
    assert re.fullmatch("[0-9a-f]{64}", code_digest())
    with pytest.raises(DigitsError, match="has another version of digits: install the same commit on all nodes"):
        refuse_other_code("0" * 64)
