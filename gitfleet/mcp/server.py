"""The server: one loop that waits for the client, for the commands that it runs, and for its own end, and for nothing else.

It ends with its input, and with the process that started it. Nothing but messages of the protocol is ever written to
standard output, and a client that does not read is never waited for while commands go on. Without work it sleeps.
"""

from __future__ import annotations

import os
import select
import signal
import sys

from gitfleet.mcp import messages
from gitfleet.mcp.calls import Calls
from gitfleet.mcp.lines import Lines

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gitfleet.mcp.calls import Send
    from gitfleet.mcp.messages import Fields

READ, WRITE = select.POLLIN, select.POLLOUT
GONE = select.POLLHUP | select.POLLERR | select.POLLNVAL
FULL = 8 << 20
"""Bytes of answers that wait to be read before no more questions are."""
BATCH = 100
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main() -> int:
    """Serve standard input and output; the exit code. Where one of them is closed there is nobody to serve."""
    if not (_is_open(0) and _is_open(1)):
        return 0
    back, front = os.pipe()
    for handle in (back, front):
        os.set_blocking(handle, False)
    for number in (*ENDING, signal.SIGCHLD):
        signal.signal(number, lambda *_: None)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    signal.set_wakeup_fd(front, warn_on_full_buffer=False)
    return Server(back, parent_handle()).serve()


def _is_open(handle: int) -> bool:
    """Whether there is something behind a handle; what is opened next would else take its place."""
    try:
        os.fstat(handle)
    except OSError:
        return False
    return True


def parent_handle() -> int:
    """What can be waited for to hear of the end of the process that started us; -1 where the system has nothing like it."""
    parent = os.getppid()
    try:
        if parent > 1 and hasattr(os, "pidfd_open"):
            return os.pidfd_open(parent)
        if parent > 1 and sys.platform == "darwin":
            queue = select.kqueue()
            event = select.kevent(parent, select.KQ_FILTER_PROC, select.KQ_EV_ADD, select.KQ_NOTE_EXIT)
            queue.control([event], 0)
            return os.dup(queue.fileno())
    except OSError:
        pass
    return -1


class Server:
    """One client's server: `signals` is where the numbers of signals are read, `parent` what ends with who started us (-1: unknown)."""

    def __init__(self, signals: int, parent: int) -> None:
        self._signals, self._parent = signals, parent
        self._lines = Lines()
        self._version = ""
        self._out = bytearray()
        self._calls = Calls(self._send)
        self._open = True

    def serve(self) -> int:
        """Serve until the client has ended; the exit code."""
        while self._open or self._calls.working() or self._out:
            for handle, event in self._poll():
                self._attend(handle, event)
            self._calls.tick()
        return 0

    def _poll(self) -> list[tuple[int, int]]:
        """What there is to attend to; waits until there is something."""
        poll = select.poll()
        if self._open and len(self._out) < FULL:
            poll.register(0, READ)
        poll.register(1, WRITE if self._out else 0)
        poll.register(self._signals, READ)
        if self._open and self._parent >= 0:
            poll.register(self._parent, READ)
        for handle in self._calls.handles():
            poll.register(handle, READ)
        wait = self._calls.next_tick()
        return poll.poll(None if wait is None else max(0, int(wait * 1000) + 1))

    def _attend(self, handle: int, event: int) -> None:
        if handle == 0:
            self._hear()
        elif handle == 1:
            self._write(event)
        elif handle == self._signals:
            if set(os.read(handle, 4096)) & {int(number) for number in ENDING}:
                self._end()
            self._calls.look()
        elif handle == self._parent:
            self._end()
        else:
            self._calls.hear(handle)

    def _hear(self) -> None:
        try:
            data = os.read(0, 1 << 16)
        except OSError:
            data = b""
        for line in self._lines.feed(data):
            if self._open:
                self._line(line)
        if not data:
            self._end()

    def _end(self) -> None:
        """Take nothing more; what is at work has a moment to end."""
        self._open = False
        self._calls.wind_up()

    def _write(self, event: int) -> None:
        """Write a piece that cannot block."""
        try:
            if self._out:
                del self._out[: os.write(1, self._out[: select.PIPE_BUF])]
        except OSError:
            event = GONE
        if event & GONE:  # nobody reads
            self._out.clear()
            self._calls.abandon()
            self._open = False

    def _send(self, message: Fields | list[Fields] | None) -> None:
        if message is not None:
            self._out += messages.line(message)

    # What a line says.

    def _line(self, line: bytes | None) -> None:
        """Answer a line; None for one that was too long to be taken."""
        if line is None:
            words = f"a line is at most {Lines.LONGEST} bytes long"
            self._send(messages.error(None, messages.Wrong(messages.INVALID_REQUEST, words)))
            return
        try:
            value = messages.parse(line)
        except messages.Wrong as wrong:
            self._send(messages.error(None, wrong))
            return
        if isinstance(value, list) and self._version in messages.BATCHES and 0 < len(value) <= BATCH:
            group = self._calls.group(self._send)
            for one in value:
                self._value(one, group.add())
            group.close()
        else:
            self._value(value, self._send)

    def _value(self, value: object, send: Send) -> None:
        """Answer one message through `send`, which is called at most once, now or later; with None where there is no answer."""
        try:
            message = messages.read(value)
            if message is None:
                send(None)
            elif isinstance(message, messages.McpNotice):
                self._told(message)
                send(None)
            else:
                self._request(message, send)
        except messages.Wrong as wrong:
            send(messages.error(messages.id_of(value), wrong))

    def _told(self, message: messages.McpNotice) -> None:
        if message.method == "notifications/cancelled":
            self._calls.cancel(message.params.get("requestId"))

    def _request(self, request: messages.McpRequest, send: Send) -> None:
        """Answer a request. Raises Wrong."""
        if request.modern:
            messages.check_modern(request)
        method = request.method
        if method == "tools/call":
            self._ready(request)
            self._calls.begin(request, send)
            return
        send(messages.result(request, self._answer(request)))

    def _answer(self, request: messages.McpRequest) -> Fields:
        """The answer to whatever needs no command. Raises Wrong."""
        match request.method, request.modern:
            case "server/discover", True:
                return messages.discovered()
            case "initialize", False:
                self._version = messages.agreed(request.params)
                return messages.initialized(self._version)
            case "ping", False:
                return {}
            case "tools/list", modern:
                self._ready(request)
                return messages.listed(self._calls.listing(), modern=modern)
        raise messages.Wrong(messages.NO_METHOD, f"there is no method {request.method[:100]!r} here")

    def _ready(self, request: messages.McpRequest) -> None:
        """Raise Wrong for a request that comes before `initialize`, and is not of the era that has none."""
        if not request.modern and not self._version:
            words = "initialize comes first; or say the protocol's version in params._meta of each request"
            raise messages.Wrong(messages.INVALID_PARAMS, words)
