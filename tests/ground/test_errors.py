import pytest

from digits.errors import DigitsError, Terminated


def test_a_handler_of_ordinary_exceptions_does_not_stop_a_termination():
    tidied = []
    with pytest.raises(Terminated):
        try:
            raise Terminated
        except Exception:  # noqa: BLE001 - such a handler is what the test is about
            tidied.append("not here")
        finally:
            tidied.append("here")
    assert tidied == ["here"]


def test_a_message_is_all_that_an_error_says():
    assert issubclass(DigitsError, Exception)
    assert str(DigitsError("a.txt is wrong: mend it")) == "a.txt is wrong: mend it"
