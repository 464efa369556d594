"""What is held back of standard error. Native code writes to the descriptor, past Python."""

import os
import threading

import pytest

from digits.model.quiet import quiet_unless_it_fails


def test_a_greeting_is_discarded(capfd):
    with quiet_unless_it_fails():
        os.write(2, b"greeting\n")
    os.write(2, b"afterwards\n")
    assert capfd.readouterr().err == "afterwards\n"


@pytest.mark.parametrize("error", [SystemExit(3), ValueError(), KeyboardInterrupt()])
def test_a_failure_shows_what_was_held_back(capfd, error):
    with pytest.raises(type(error)), quiet_unless_it_fails():
        os.write(2, b"the reason\n")
        raise error
    assert capfd.readouterr().err == "the reason\n"


def test_threads_do_not_keep_each_others_standard_error(capfd):
    """The second begins within the first and ends after it."""
    entered, left = threading.Event(), threading.Event()

    def first():
        with quiet_unless_it_fails():
            entered.set()
            left.wait(timeout=0.5)

    def second():
        entered.wait(timeout=60)
        with quiet_unless_it_fails():
            left.set()
            one.join()

    one, other = threading.Thread(target=first), threading.Thread(target=second)
    for thread in (one, other):
        thread.start()
    other.join(timeout=60)
    assert not one.is_alive() and not other.is_alive()
    os.write(2, b"afterwards\n")
    assert capfd.readouterr().err == "afterwards\n"


def test_blocks_may_lie_within_each_other(capfd):
    with quiet_unless_it_fails(), quiet_unless_it_fails():
        os.write(2, b"greeting\n")
    os.write(2, b"afterwards\n")
    assert capfd.readouterr().err == "afterwards\n"
