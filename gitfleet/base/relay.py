"""Between the user and a child: bytes, signals and the window's size, until the child has ended.

On a terminal: keys go to the child as they are typed, what it writes comes back; a child that stops itself (Ctrl-Z) stops
us, so that the user's shell takes over, and goes on when we do. Without one the child has our standard input, and what
it writes passes through, each stream to its own. Everything it writes is recorded.
"""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from types import FrameType

from gitfleet.base import clock
from gitfleet.base.children import Child
from gitfleet.base.terminal import OwnTerminal

_CHUNK = 64 * 1024
_TYPED = 64 * 1024
"""Bytes that may wait until the child reads them; beyond, the user's terminal waits."""
_LAST_WORDS = 1.0
"""Seconds for what a child that has ended left behind, should others keep on writing to its terminal."""
_BREATH = 0.01
_PASSED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)
_FROM_TERMINAL = frozenset([signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGTSTP, signal.SIGCONT])
"""What reaches a child in our own process group without us."""


class Relay:
    """One child's connection to the user. `tick` is called every `every` seconds and must not take long."""

    def __init__(
        self, child: Child, record: Callable[[bytes], None], tick: Callable[[], None], *, every: float
    ) -> None:
        self._child = child
        self._record = record
        self._tick, self._every = tick, every
        self._own = OwnTerminal() if child.terminal else None
        self._keys = child.terminal
        self._typed = b""
        self._code: int | None = None
        self._news: list[int] = []
        self.interrupted = False
        """Whether the user asked it to stop by SIGINT."""

    def run(self, asked: Sequence[int] = ()) -> int:
        """Pass everything on until the child has ended; its exit code (128 and the signal that ended it).

        `asked` are signals that came before, for the child to hear of.
        """
        for handle in self._child.outputs:
            os.set_blocking(handle, False)
        with self._signals() as bell, self._own or nullcontext():
            self._resize()
            self._heard(bytes(asked))
            due = clock.elapsed() + self._every
            while self._code is None:
                self._turn(bell, max(0.0, due - clock.elapsed()))
                if clock.elapsed() >= due:
                    self._tick()
                    due = clock.elapsed() + self._every
            self._last_words()
        self._child.close()
        return self._code

    def _turn(self, bell: int, patience: float) -> None:
        keyboard = self._child.keyboard
        reports = self._child.reports
        sources = [bell, *self._child.outputs, *([] if reports is None else [reports])]
        if self._keys and len(self._typed) < _TYPED:
            sources.append(0)
        wanting = [keyboard] if self._typed and keyboard is not None else []
        readable, writable, _ = select.select(sources, wanting, [], patience)
        if bell in readable:
            self._heard(os.read(bell, 4096))
        if reports in readable:
            self._settle()
        for handle in readable:
            if handle in self._child.outputs:
                self._pass_on(handle)
        if 0 in readable:
            self._listen()
        if writable and keyboard is not None:
            self._type(keyboard)

    # Bytes.

    def _pass_on(self, handle: int) -> bool:
        """Pass on what is there to read; whether there was anything."""
        try:
            data = os.read(handle, _CHUNK)
        except BlockingIOError:
            return False
        except OSError:  # EIO: nobody has the terminal open any more
            data = b""
        if not data or not self._show(self._child.outputs[handle], data):
            self._hang_up(handle)
            return False
        self._record(data)
        return True

    def _show(self, target: int, data: bytes) -> bool:
        """Write to our own output; whether the child is to go on writing. A terminal that is gone keeps nobody from it."""
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[os.write(target, rest) :]
            except BlockingIOError:
                select.select([], [target], [])
            except OSError:
                return self._child.terminal
        return True

    def _hang_up(self, handle: int) -> None:
        """Nothing more comes from there, or nobody reads it: the child shall hear of that."""
        self._settle()
        if self._child.terminal and self._code is None:
            clock.wait(_BREATH)  # its terminal is open nowhere, and the child still lives
        elif handle in self._child.outputs:
            os.close(handle)
            del self._child.outputs[handle]

    def _listen(self) -> None:
        try:
            data = os.read(0, _CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        self._typed += data
        self._keys = bool(data)  # a terminal that is gone says so for ever

    def _type(self, keyboard: int) -> None:
        try:
            self._typed = self._typed[os.write(keyboard, self._typed) :]
        except BlockingIOError:
            return
        except OSError:
            self._typed = b""

    def _last_words(self) -> None:
        """What was written before it ended or stopped, and nothing of what others may go on writing."""
        end = clock.elapsed() + _LAST_WORDS
        while self._child.outputs and clock.elapsed() < end:
            readable, _, _ = select.select([*self._child.outputs], [], [], 0)
            if not [handle for handle in readable if handle in self._child.outputs and self._pass_on(handle)]:
                return

    # Signals.

    @contextmanager
    def _signals(self) -> Iterator[int]:
        """Signals become bytes to read, in order, while the body runs; the end to read from."""
        bell, rope = os.pipe()
        os.set_blocking(rope, False)
        os.set_blocking(bell, False)
        told = signal.set_wakeup_fd(rope, warn_on_full_buffer=False)
        before = {number: signal.signal(number, _noted) for number in self._wanted()}
        try:
            self._settle()  # it may have ended before we listened
            yield bell
        finally:
            for number, handler in before.items():
                signal.signal(number, handler if handler is not None else signal.SIG_DFL)
            signal.set_wakeup_fd(told)
            os.close(bell)
            os.close(rope)

    def _wanted(self) -> Sequence[signal.Signals]:
        """Those that we listen to: not what our caller had us ignore (`nohup`), for then the child ignores it, too."""
        passed_on = (*_PASSED_ON, signal.SIGTSTP) if self._child.apart else _PASSED_ON
        heeded = [number for number in passed_on if signal.getsignal(number) is not signal.SIG_IGN]
        own = (signal.SIGCHLD, signal.SIGWINCH, *heeded)
        return (*own, signal.SIGCONT) if self._child.apart else own

    def _heard(self, numbers: bytes) -> None:
        for number in numbers:
            self.interrupted |= number == signal.SIGINT
            if number == signal.SIGWINCH:
                self._resize()
            elif number == signal.SIGTSTP:
                self._child.signal(number)
                self._suspend()
            elif number == signal.SIGCONT:
                self._resume()
            elif number in _PASSED_ON and (self._child.apart or number not in _FROM_TERMINAL):
                self._child.signal(number)
        self._settle()

    def _settle(self) -> None:
        """See what has become of the child."""
        while self._code is None and (change := self._child.change()) is not None:
            self._code = change.code
            if change.stopped is not None and self._child.apart:
                self._last_words()
                self._suspend()

    def _suspend(self) -> None:
        """Stop, with our whole group as the terminal would have it, until somebody has us go on."""
        if self._own:
            self._own.restore()
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        if self._child.terminal:
            os.killpg(os.getpgrp(), signal.SIGTSTP)
        else:
            os.kill(os.getpid(), signal.SIGTSTP)
        signal.signal(signal.SIGTSTP, _noted)
        self._resume()

    def _resume(self) -> None:
        if self._own:
            self._own.raw()
        self._resize()
        self._child.signal(signal.SIGCONT)

    def _resize(self) -> None:
        if self._own:
            self._child.resize(self._own.size())


def _noted(number: int, frame: FrameType | None) -> None:
    """Do nothing: what counts is the byte that the signal leaves."""
