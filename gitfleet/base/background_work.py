"""One piece of work that goes on in a thread while its caller does something else, mostly because it waits for other programs."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

_Found = TypeVar("_Found")


class Meanwhile(Generic[_Found]):
    """`work` begins at once. Whoever made it asks for `result`, or nobody does: then what became of it is lost."""

    def __init__(self, work: Callable[[], _Found]) -> None:
        self._work = work
        self._found: list[_Found] = []
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="meanwhile", daemon=True)
        self._thread.start()

    def result(self) -> _Found:
        """What `work` answers, once it has. Raises what it raised."""
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self._found[0]

    def _run(self) -> None:
        try:
            self._found.append(self._work())
        except BaseException as error:  # noqa: BLE001 - raised where the result is asked for
            self._error = error
