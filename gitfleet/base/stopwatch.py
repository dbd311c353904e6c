"""A limit on how long something may take, whatever it waits for. For the main thread of a program of ours."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def limit(seconds: float, late: Callable[[], Exception]) -> Iterator[None]:
    """Raise what `late` answers in the body once it has taken `seconds`, unless `stop` was called before."""

    def ring(*_: object) -> None:
        raise late()

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        stop()
        signal.signal(signal.SIGALRM, before)


def stop() -> None:
    """Let the rest take as long as it takes."""
    signal.setitimer(signal.ITIMER_REAL, 0)
