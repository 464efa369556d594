"""Errors that a person can act on: one line, no traceback, exit code 1."""

import re


class DigitsError(Exception):
    """Something the user can mend. The message names the file or key, what was wrong and what to do."""


class Terminated(BaseException):
    """SIGTERM arrived. Raised as an exception so that `finally` blocks still tidy up."""


def one_line(text: object) -> str:
    """A text for a message: on one line, and without the passwords of addresses in it."""
    return re.sub(r"(//[^/@:\s]*):[^/\s]*@", r"\1:***@", " ".join(str(text).split()))
