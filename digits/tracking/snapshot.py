"""An MLflow client that asks the store each question once: for commands that only look."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from mlflow import MlflowClient

_QUESTIONS = ("get_", "list_", "search_")


def snapshot(client: MlflowClient) -> MlflowClient:
    """A client that answers a question that was asked before from memory, until one of its calls changes the store.

    What other processes change meanwhile is not seen. A command that decides by the present state must not use it.

    Args:
        client: of the store.
    """
    return cast("MlflowClient", _Snapshot(client))


class _Snapshot:
    def __init__(self, client: MlflowClient) -> None:
        self._client = client
        self._answers: dict[str, Any] = {}

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._client, name)
        if not callable(value):
            return value
        return self._asked(name, value) if name.startswith(_QUESTIONS) else self._changing(value)

    def _asked(self, name: str, ask: Callable[..., Any]) -> Callable[..., Any]:
        def answer(*arguments: Any, **options: Any) -> Any:
            question = f"{name} {arguments!r} {sorted(options.items())!r}"
            if question not in self._answers:
                self._answers[question] = ask(*arguments, **options)
            return self._answers[question]

        return answer

    def _changing(self, change: Callable[..., Any]) -> Callable[..., Any]:
        def act(*arguments: Any, **options: Any) -> Any:
            # Also where it fails: then somebody else was first.
            self._answers.clear()
            return change(*arguments, **options)

        return act
