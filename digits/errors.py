"""Errors that a person can act on: one line, no traceback, exit code 1."""


class DigitsError(Exception):
    """Something the user can mend. The message names the file or key, what was wrong and what to do."""


class Terminated(BaseException):
    """SIGTERM arrived. Raised as an exception so that `finally` blocks still tidy up."""
