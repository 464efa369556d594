"""A model in memory that follows its name: when the name comes to mean another model, that one is loaded."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, TypeVar

from digits.errors import DigitsError, one_line

if TYPE_CHECKING:
    from digits.registry.model import Model

T = TypeVar("T")


class Live(Generic[T]):
    """An object built from a model, and built anew when the name comes to mean another model.

    A request takes `current` once and keeps it. A swap assigns one reference, so requests under way finish on the
    model that they began with, and none is dropped.
    """

    def __init__(
        self, resolve: Callable[[], Model], build: Callable[[Model], T], doing: str = "answering with"
    ) -> None:
        """Resolve the name and build the first object.

        Args:
            resolve: finds the model that the name means now; the watching thread calls it as well.
            build: loads the model, and uses it once so that the first request is as fast as the others.
            doing: what is done with the model, for messages: "now answering with digits version 3".

        Raises:
            DigitsError: as `resolve` and `build`.
        """
        self._resolve = resolve
        self._build = build
        self._doing = doing
        self.model = resolve()
        self.current = build(self.model)

    def refresh(self) -> bool:
        """Swap if the name means another model now. Returns whether it does.

        Raises:
            DigitsError: as `resolve` and `build`; `current` stays.
        """
        found = self._resolve()
        if (found.sha256, found.title) == (self.model.sha256, self.model.title):
            return False
        self.current = self._build(found)
        self.model = found
        return True

    def watch(self, seconds: float) -> None:
        """Refresh at this interval, in a thread that ends with the process.

        A registry that cannot be reached or a broken model is reported once on standard error. The present model stays.
        """
        threading.Thread(target=self._watch, args=(seconds,), daemon=True, name="champion").start()

    def _watch(self, seconds: float) -> None:
        reported = ""
        pause = threading.Event()
        while not pause.wait(seconds):
            try:
                changed = self.refresh()
            # The client of a registry may raise anything. The server must keep the model that it has, and say why.
            except Exception as error:  # noqa: BLE001
                message = reason(error)
                if message != reported:
                    print(f"digits: still {self._doing} {describe(self.model)}: {message}", file=sys.stderr)
                reported = message
            else:
                reported = ""
                if changed:
                    print(f"digits: now {self._doing} {describe(self.model)}", file=sys.stderr)


def reason(error: Exception) -> str:
    """Why a model could not be found or loaded, in one line."""
    return one_line(error if isinstance(error, DigitsError) else f"{type(error).__name__}: {error}")


def describe(model: Model, accuracy: bool = True) -> str:
    """One phrase for a person: `digits version 3 (test accuracy 99.07 %)`, or a file's or run's name."""
    share = model.accuracy if accuracy else None
    return model.title if share is None else f"{model.title} (test accuracy {100 * share:.2f} %)"
