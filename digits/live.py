"""A model in memory that follows its registry alias: when the champion changes, so does what answers."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, TypeVar

from digits.errors import DigitsError

if TYPE_CHECKING:
    from digits.registry import ResolvedModel

T = TypeVar("T")


class Live(Generic[T]):
    """What was built from a model, and is built anew when the URI comes to mean another model.

    Requests take `current` once and keep it: a swap is the assignment of one reference, so those under way finish on
    the model they began with and none is dropped.
    """

    def __init__(self, resolve: Callable[[], ResolvedModel], build: Callable[[ResolvedModel], T]) -> None:
        """Resolve and build for the first time.

        Args:
            resolve: finds the model that the URI means now; called from the watching thread, too.
            build: loads it and warms it up, so that the first request is as fast as the others.

        Raises:
            DigitsError: as `resolve` and `build`.
        """
        self._resolve = resolve
        self._build = build
        self.model = resolve()
        self.current = build(self.model)

    def refresh(self) -> bool:
        """Swap if the URI means another model now. True if it did.

        Raises:
            DigitsError: as `resolve` and `build`; `current` stays.
        """
        found = self._resolve()
        if (found.sha256, found.name, found.version) == (self.model.sha256, self.model.name, self.model.version):
            return False
        self.current = self._build(found)
        self.model = found
        return True

    def watch(self, seconds: float) -> None:
        """Refresh every so many seconds, in a thread that ends with the process.

        A registry out of reach or a broken model is reported once on standard error; the present model goes on.
        """
        threading.Thread(target=self._watch, args=(seconds,), daemon=True, name="champion").start()

    def _watch(self, seconds: float) -> None:
        reported = ""
        pause = threading.Event()
        while not pause.wait(seconds):
            try:
                changed = self.refresh()
            # Whatever a registry's client may raise, the server must go on with the model it has, and say why.
            except Exception as error:  # noqa: BLE001
                message = str(error) if isinstance(error, DigitsError) else f"{type(error).__name__}: {error}"
                if message != reported:
                    print(f"digits: still answering with {describe(self.model)}: {message}", file=sys.stderr)
                reported = message
            else:
                reported = ""
                if changed:
                    print(f"digits: now answering with {describe(self.model)}", file=sys.stderr)


def describe(model: ResolvedModel, accuracy: bool = True) -> str:
    """One phrase for a person: `digits version 3 (test accuracy 99.07 %)`, or a file's name."""
    name = f"{model.name} version {model.version}" if model.version else model.path.name
    share = test_accuracy(model) if accuracy else None
    return name if share is None else f"{name} (test accuracy {100 * share:.2f} %)"


def test_accuracy(model: ResolvedModel) -> float | None:
    """Accuracy on the test images, 0 to 1, if it was recorded with the model."""
    return float(model.metrics["accuracy"]) if model.metrics else None
