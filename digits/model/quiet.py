"""Standard error without the greetings of native libraries."""

import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager

# Threads share the descriptor. One that begins meanwhile would restore the other's file, and nothing be seen again.
_LOCK = threading.RLock()


@contextmanager
def quiet_unless_it_fails() -> Iterator[None]:
    """Discard what native code writes to standard error, unless the block fails.

    TensorFlow prints a greeting before it reads its log level, LiteRT one that no setting takes away.
    """
    sys.stderr.flush()
    with _LOCK, tempfile.TemporaryFile() as held:
        saved = os.dup(2)
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            held.seek(0)
            os.write(saved, held.read())
            raise
        finally:
            os.dup2(saved, 2)
            os.close(saved)
