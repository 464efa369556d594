"""`digits label` where it cannot start. The page itself is tested in tests/serving/test_label.py."""

import socket

import pytest
from support.decisions import assert_refused
from support.served import add

from digits.serving.log import ServedLog


def test_a_port_that_is_taken_is_one_line(digits, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        outcome = digits("label", str(tmp_path), "--port", str(port), "--no-browser")
    assert_refused(outcome, f"digits: port {port} of 127.0.0.1 is taken: ")


@pytest.mark.parametrize("option", [["--port", "-1"], ["--order", "best"], ["--refresh", "3"]])
def test_an_option_that_is_not_known_is_wrong_usage(digits, option):
    code, out, err = digits("label", *option)
    assert code == 2 and out == "" and option[0] in err


def test_a_folder_without_a_log_is_one_line(digits, tmp_path):
    start = ("label", str(tmp_path / "none"), "--port", "0", "--no-browser")
    assert_refused(digits(*start), f"{tmp_path / 'none'}: there is no such folder; `digits serve --log")
    assert not (tmp_path / "none").exists()
    (tmp_path / "none").mkdir()
    assert_refused(digits(*start), f"{tmp_path / 'none'}: no image is logged there; `digits draw --log {tmp_path}")
    assert list((tmp_path / "none").iterdir()) == []


def test_a_torn_file_is_one_line(digits, tmp_path):
    log = ServedLog(tmp_path, "serve")
    add(log)
    log.close()
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:-20])
    assert_refused(digits("label", str(tmp_path), "--port", "0", "--no-browser"), f"{path} is damaged (")
    assert list(tmp_path.iterdir()) == [path]
