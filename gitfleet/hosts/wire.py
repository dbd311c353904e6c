"""A program on three pipes, driven by the event loop, whose end never waits for a pipe.

Owns how ssh is started and ended here: in a session of its own (so without a terminal to ask on), and killed with all that it has
started, such as the ssh to a jump host. asyncio's own subprocesses wait until every pipe is closed, which a connection that is
shared, or a program left behind by a login file, puts off for as long as it likes.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from gitfleet.base.stopping import held

_LEFT: dict[int, tuple[asyncio.AbstractEventLoop, subprocess.Popen[bytes]]] = {}
"""Those that were started and are not closed yet, by their number."""
_CHUNK = 1 << 16
_SAID = 16384
"""Bytes of stderr that are kept, the last."""
_LEAVE = 0.3
"""Seconds for which a program may put away what it has open before it is killed."""
_LOOK = 0.02
_AHEAD = 16
"""Chunks that are taken before anybody asks for them."""
_IN_PIPES = 32
"""Chunks that a pipe may hold, and more."""


class Wire:
    """A program that runs. Use it in one task; `close` it in the end, whatever happens."""

    def __init__(self, argv: Sequence[str], env: Mapping[str, str]) -> None:
        """Start it. Raises OSError."""
        self._loop = asyncio.get_running_loop()
        with held():
            self._process = subprocess.Popen(
                list(argv), env=dict(env), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                start_new_session=True, bufsize=0,
            )  # fmt: skip
            _LEFT[self._process.pid] = self._loop, self._process
        pipes = (self._process.stdin, self._process.stdout, self._process.stderr)
        self._in, self._out, self._err = [pipe.fileno() for pipe in pipes if pipe is not None]
        for handle in (self._in, self._out, self._err):
            os.set_blocking(handle, False)
        self._said = bytearray()
        self._chunks: deque[bytes] = deque()
        self._news = asyncio.Event()
        self._gone = self._closed = False
        self._ended = asyncio.Event()
        self._unwatch = self._watch_end()
        self._loop.add_reader(self._out, self._read_out)
        self._loop.add_reader(self._err, self._read_err)

    @property
    def said(self) -> str:
        """The end of what it has written to stderr so far."""
        return bytes(self._said).decode("utf-8", "replace")

    @property
    def code(self) -> int | None:
        """Its exit code (negative: the signal), once it has been closed."""
        return self._process.returncode

    async def read(self) -> bytes:
        """What it has written next; b"" when it has ended, or will write nothing more."""
        while not self._chunks and not self._gone:
            self._news.clear()
            await self._news.wait()
        if self._chunks:
            chunk = self._chunks.popleft()
            if len(self._chunks) == _AHEAD - 1 and not self._gone:
                self._loop.add_reader(self._out, self._read_out)
            return chunk
        return b""

    async def write(self, data: bytes) -> None:
        """Hand it data. What has ended, or does not listen any more, is found out by `read`."""
        view = memoryview(data)
        while view and not self._gone and self._in >= 0:
            try:
                view = view[os.write(self._in, view) :]
            except BlockingIOError:
                await self._writable()
            except OSError:
                return

    def close_input(self) -> None:
        """Let it know that nothing more comes."""
        if self._in >= 0 and self._process.stdin is not None:
            self._in = -1
            self._process.stdin.close()

    async def close(self) -> None:
        """End it, and let go of its pipes; takes `_LEAVE` at most.

        What is left of its process group is killed unless it has ended well by itself: then that is a connection to share, on its way out.
        """
        if self._closed:
            return
        self.close_input()
        try:
            if self._ended_with() is None:
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(self._process.pid, signal.SIGTERM)
                with suppress(TimeoutError):
                    async with asyncio.timeout(_LEAVE):
                        await self._ended.wait()
        finally:
            if not self._closed:
                self._closed = True
                self._end()

    def _end(self) -> None:
        if self._ended_with() != 0:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(
                    self._process.pid, signal.SIGKILL
                )  # not reaped yet, or a moment ago: still its own number
        self._unwatch()
        self._loop.remove_reader(self._out)
        self._loop.remove_reader(self._err)
        self._drain()
        self._process.wait()
        _LEFT.pop(self._process.pid, None)
        for pipe in (self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()
        self._finish()

    def _ended_with(self) -> int | None:
        """Its exit code (negative: the signal), without reaping it where the system can tell; None while it runs."""
        if not hasattr(os, "waitid"):  # macOS, before Python 3.13
            return self._process.poll()
        if self._process.returncode is not None:
            return self._process.returncode
        found = os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if found is None:
            return None
        return found.si_status if found.si_code == os.CLD_EXITED else -found.si_status

    def _watch_end(self) -> Callable[[], object]:
        """Have its end noticed although somebody may hold its pipes; what ends the watch."""
        try:
            handle = os.pidfd_open(self._process.pid)
        except (AttributeError, OSError):  # a system that has no such thing
            return self._loop.create_task(self._look_for_end()).cancel
        self._loop.add_reader(handle, self._on_end, handle)

        def unwatch() -> None:
            self._loop.remove_reader(handle)
            os.close(handle)

        return unwatch

    async def _look_for_end(self) -> None:
        while self._ended_with() is None:
            await asyncio.sleep(_LOOK)
        self._on_end(None)

    def _on_end(self, handle: int | None) -> None:
        if handle is not None:
            self._loop.remove_reader(handle)
        self._drain()
        self._ended.set()
        self._finish()

    def _finish(self) -> None:
        self._gone = True
        self._news.set()

    def _drain(self) -> None:
        """Take what lies in the pipes, without waiting for more: others may write on and on."""
        for handle, take in ((self._out, self._chunks.append), (self._err, self._hear)):
            with suppress(OSError):
                for _ in range(_IN_PIPES):
                    data = os.read(handle, _CHUNK)
                    if not data:
                        break
                    take(data)

    def _read_out(self) -> None:
        try:
            data = os.read(self._out, _CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            self._chunks.append(data)
            if len(self._chunks) >= _AHEAD:  # whoever writes waits until it is read
                self._loop.remove_reader(self._out)
            self._news.set()
        else:
            self._loop.remove_reader(self._out)
            self._finish_soon()

    def _finish_soon(self) -> None:
        """It will write nothing more: its end, and its last words, follow."""
        self._loop.call_later(_LEAVE, self._finish)

    def _read_err(self) -> None:
        try:
            data = os.read(self._err, _CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            self._hear(data)
        else:
            self._loop.remove_reader(self._err)

    def _hear(self, data: bytes) -> None:
        self._said += data
        del self._said[:-_SAID]

    async def _writable(self) -> None:
        ready = asyncio.Event()
        handle = self._in
        self._loop.add_writer(handle, ready.set)
        try:
            await ready.wait()
        finally:
            self._loop.remove_writer(handle)


def kill_left() -> None:
    """Kill what nobody could close before its event loop was: a request to stop had come right after its start."""
    for pid, (loop, process) in list(_LEFT.items()):
        if not loop.is_closed():
            continue
        del _LEFT[pid]
        if process.returncode is None:  # not reaped, so still its own number
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()
