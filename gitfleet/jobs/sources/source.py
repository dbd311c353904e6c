"""What every work source can do, and how one is asked that may be slow, limited or away."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from gitfleet.base import clock
from gitfleet.codec import WHOLE, Struct, field
from gitfleet.errors import FleetError

_T = TypeVar("_T")
LONGEST_PAUSE = 3600.0
"""Seconds that a source which fails is left alone at most, unless it asks for more."""
_FIRST_PAUSE = 15.0
LONGEST_BODY = 65_536
"""Characters of a task that agents are told."""


class SourceAway(FleetError):
    """A work source cannot be asked now. `pause`: seconds for which it wants to be left alone; 0: it did not say."""

    exit_code = 30
    pause: int = field(WHOLE, default=0)


class FoundTask(Struct):
    """A task as its source has it. `ref` is its name there, `version` tells one text of it from another where that matters.

    All of it is somebody else's text.
    """

    ref: str
    type: str
    title: str
    body: str = ""
    url: str = ""
    path: str = ""
    version: str = ""
    priority: int | None = None


class TaskReport(Struct):
    """What became of a task (of this `version`): the job that did it, with what came of that."""

    job: str
    version: str = ""
    done: bool = False
    branch: str = ""
    commit: str = ""
    error: str = ""


class WorkSource(Protocol):
    """Each step may be done again, and blocks for at most some seconds. All of them raise SourceAway, or LocalStorage."""

    id: str
    """What it is, the same on every node."""
    words: str
    """What it is called in messages."""
    remembers: bool
    """Whether it holds what it was told, so that nobody else has to remember it."""

    def ready(self) -> Sequence[FoundTask]:
        """The tasks that are to be done, in their order."""

    def find(self, ref: str) -> FoundTask | None:
        """One of them, also while it is being done; None where it is not to be done (any more)."""

    def meant(self, place: str) -> str:
        """The name of the task at this address or path. Raises ValueError for one of another source."""

    def begun(self, task: str, report: TaskReport) -> None:
        """A job does it."""

    def ended(self, task: str, report: TaskReport) -> None:
        """It is done, or has failed."""

    def freed(self, task: str) -> None:
        """It is to be done, as before."""


class AskedSource:
    """A source that is asked by one thread at a time, and left alone after it failed: each time for longer, or for as long as it wants."""

    def __init__(self, source: WorkSource) -> None:
        self.source = source
        self._turn = threading.Lock()
        self._until, self._failures, self._why = 0.0, 0, ""

    @property
    def away(self) -> float:
        """Seconds for which it is left alone."""
        return max(0.0, self._until - clock.elapsed())

    def ask(self, question: Callable[[WorkSource], _T]) -> _T:
        """The answer. Raises SourceAway at once while it is left alone."""
        with self._turn:
            if left := self.away:
                words = f"{self._why} It is asked again in {left:.0f} s."
                raise SourceAway(words, hint="There is nothing to do but wait.", pause=int(left) + 1)
            try:
                answer = question(self.source)
            except SourceAway as error:
                self._failures += 1
                usual = min(_FIRST_PAUSE * 2 ** min(self._failures - 1, 10), LONGEST_PAUSE)
                self._until, self._why = clock.elapsed() + max(usual, error.pause), error.message
                raise
            self._failures = 0
            return answer
