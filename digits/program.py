"""What every program of this project does at its edges: signals, streams, a bar, and one line for an error."""

import atexit
import errno
import functools
import gc
import importlib
import io
import multiprocessing
import os
import signal
import sys
import threading
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import NoReturn, TypeVar

from digits.errors import DigitsError, Terminated, one_line
from digits.surroundings import shield

T = TypeVar("T")

_FREE_SOME = "free some, then run the same command again"


def _terminate(signum: int, frame: FrameType | None) -> NoReturn:
    raise Terminated


def _open_closed_streams() -> None:
    """Stand in for streams that were closed (`2>&-`, some services), as `2>/dev/null` would.

    The next file that is opened would get their number, and libraries would print into it.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.dup(number), "r" if number == 0 else "w"))


@functools.cache
def _collect_seldom() -> None:
    """Start Python's garbage collector less often: large libraries make many objects at import, and no garbage."""
    gc.set_threshold(10_000)
    # The collections at the end would go through them all, and the system takes the memory back anyway.
    atexit.register(gc.freeze)


@contextmanager
def one_line_errors(name: str) -> Iterator[None]:
    """Turn errors that a user can act on into one line on standard error and exit code 1.

    Anything else is a bug of ours and keeps its traceback.

    Args:
        name: what the line starts with, usually the stage's or command's name.
    """
    _open_closed_streams()
    _collect_seldom()
    # Matplotlib would refuse to be imported with a backend that it does not know.
    shield("MPLBACKEND|MATPLOTLIBRC", "(?!)", {"MPLBACKEND": "agg"}, {})
    # `PYTHONWARNINGS=error` would make libraries fail. What a user should know, this project says itself.
    warnings.resetwarnings()
    warnings.simplefilter("ignore")
    signal.signal(signal.SIGTERM, _terminate)
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show an arrow shows a question mark. Not every stream that tools put there can.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        yield
    except DigitsError as error:
        message = str(error)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            message = f"no space left on the disk{_at(error)}: {_FREE_SOME}"
        elif error.errno == errno.EPIPE:
            # `digits history | head` has read enough. Nothing more can be said there.
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            sys.exit(0)
        elif error.filename is not None:
            message = f"{error.filename}: {error.strerror}"
        elif type(error).__module__.startswith("requests."):
            message = f"the MLflow server: {error}"
        else:
            raise
    except Terminated:
        print(f"{name}: terminated", file=sys.stderr)
        sys.exit(128 + signal.SIGTERM)
    except KeyboardInterrupt:
        print(f"{name}: interrupted", file=sys.stderr)
        sys.exit(128 + signal.SIGINT)
    except Exception as error:
        if not _is_mlflows(error):
            raise
        message = _of_mlflow(error)
    else:
        return
    print(f"{name}: {one_line(message)}", file=sys.stderr)
    sys.exit(1)


def import_ahead(*modules: str) -> None:
    """Import modules in the background, while this process waits for something else, such as a server."""
    threading.Thread(target=lambda: [importlib.import_module(module) for module in modules]).start()


def end_with_parent() -> None:
    """Prepare a worker process: Ctrl+C is for the process that started it, and it ends with that process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()

    def wait() -> None:
        parent.join() if parent else None
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def refuse_twin(*words: str) -> None:
    """Refuse to run beside an earlier process of the same command in the same folder: both write the same files.

    A `dvc` that was killed leaves its stage running, and the next `dvc repro` would start a second one.

    Args:
        words: the last ones of the command, such as -m, stages, train.

    Raises:
        DigitsError: there is such a process; the message names it.
    """
    import psutil

    own = psutil.Process()
    # `timeout 60 python -m stages train` ends in the same words.
    mine = {own.pid, *(parent.pid for parent in own.parents())}
    for other in psutil.process_iter():
        with suppress(psutil.Error):
            same = tuple(other.cmdline()[-len(words) :]) == words and Path(other.cwd()) == Path.cwd()
            if same and other.pid not in mine and other.create_time() < own.create_time():
                raise DigitsError(
                    f"process {other.pid} is still at it in this folder, perhaps left by a dvc that was killed: wait "
                    f"for its end, or `kill {other.pid}`"
                )


def _is_mlflows(error: Exception) -> bool:
    """Whether MLflow refused something: its store is changed by others, in its own interface, or not reached."""
    # Not imported here: whoever raised the error has done so.
    mlflow = sys.modules.get("mlflow.exceptions")
    return mlflow is not None and isinstance(error, mlflow.MlflowException)


def _of_mlflow(error: Exception) -> str:
    reason = one_line(error)[:300]
    if "disk is full" in reason or "No space left" in reason:
        return f"no space left on the disk: {_FREE_SOME}"
    if getattr(error, "error_code", "") == "PERMISSION_DENIED":
        user = os.environ.get("MLFLOW_TRACKING_USERNAME") or "(none)"
        return f"the MLflow server does not allow user {user} to do this: ask its administrator ({reason})"
    return f"MLflow: {reason}"


def _at(error: OSError) -> str:
    return f" while writing {error.filename}" if error.filename else ""


def progress(items: Iterable[T], what: str, total: int | None = None) -> Iterable[T]:
    """The items, one by one. A terminal shows how many are done; a log stays as it is.

    Args:
        items: to go through once.
        what: what is being done, in a word or two.
        total: how many there are, where `items` does not say.
    """
    from tqdm import tqdm

    # None: no bar where standard error is no terminal.
    return tqdm(items, desc=what, total=total, disable=None, leave=False)
