"""Requests to stop (Ctrl-C, SIGTERM, a terminal that closes) while we have something to begin and to end in order.

Owns what such a request does: what was begun is taken back; then it is kept for a program that runs; in the end it
changes nothing. Leaves passing requests on to `relay`. Those that our caller had us ignore (`nohup`) stay ignored.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_held: list[list[int]] = []  # of each body of `held`, what came while it lasted
SignalHandler = Callable[[int, FrameType | None], object] | int | None
"""What was to be done about a signal, as `signal` answers it."""
_STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopRequests:
    """Within `with`. Starts with raising KeyboardInterrupt (SIGINT) or SystemExit, once. For the main thread."""

    def __init__(self) -> None:
        self.kept: list[int] = []
        """The signals that came, for whoever has to hear of them after `keep`."""
        self._before: dict[signal.Signals, SignalHandler] = {}
        self._raises = True

    def keep(self) -> None:
        """From now on they are only kept. Raises what one asked for before, should Python have lost it in a destructor."""
        self._raises = False
        if self.kept:
            raise _request(self.kept[0])

    def ignore(self) -> None:
        """From now on they do nothing, nor to the programs that we start from now on."""
        for number in self._before:
            signal.signal(number, signal.SIG_IGN)

    def __enter__(self) -> StopRequests:
        for number in _STOPS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._came)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)

    def _came(self, number: int, frame: FrameType | None) -> None:
        self.kept.append(number)
        if self._raises:
            self._raises = False  # the next one must not cut short what is taken back
            if not _held:
                raise _request(number)
            _held[-1].append(number)


@contextmanager
def held() -> Iterator[None]:
    """A request that comes while the body lasts is raised after it: by then somebody knows of what the body has started."""
    came: list[int] = []
    if threading.current_thread() is not threading.main_thread():  # none comes there
        yield
        return
    _held.append(came)
    try:
        yield
    finally:
        _held.remove(came)
        if came:
            raise _request(came[0])


def _request(number: int) -> BaseException:
    return KeyboardInterrupt() if number == signal.SIGINT else SystemExit(128 + number)
