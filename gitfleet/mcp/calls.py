"""The calls of tools: started, followed, cancelled, answered. Several at a time; more than that stand in line.

An answer goes out once, unless its call was cancelled: then none does. What a cancelled command has told its session is told
with the next answer, since it counts as heard.
"""

from __future__ import annotations

import json
import signal
from collections import deque
from time import monotonic

from gitfleet.mcp import messages, tools
from gitfleet.mcp.children import ToolProcess

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gitfleet.mcp.messages import Fields

    Send = Callable[[Fields | None], None]
    SendList = Callable[[list[Fields]], None]

AT_ONCE = 8
IN_LINE = 100
BEAT = 10.0
"""Seconds between two notices that a call goes on."""
INTERRUPTED = ((0.0, signal.SIGINT), (3.0, signal.SIGTERM), (5.0, signal.SIGKILL))
"""Seconds after the wish to end it, and what a command is sent then."""
PATIENCE = ((1.6, signal.SIGINT), (2.4, signal.SIGTERM), (3.2, signal.SIGKILL))
"""The same where a command should rather end by itself. Clients give a server two seconds after the end of its input."""


class Call:
    """One call: its request, its tool, the command's words and variables, and who is sent the answer."""

    __slots__ = (
        "child",
        "due",
        "heard",
        "left",
        "request",
        "send",
        "since",
        "told",
        "tool",
        "variables",
        "words",
    )

    def __init__(
        self,
        request: messages.McpRequest,
        tool: tools.Tool,
        words: list[str],
        variables: dict[str, str],
        send: Send,
    ) -> None:
        self.request, self.tool, self.words, self.variables, self.send = request, tool, words, variables, send
        self.child: ToolProcess | None = None
        self.since = self.due = monotonic()
        self.left: list[tuple[float, int]] = []
        self.heard = True
        self.told = -1.0


class AnswerBatch:
    """Answers that go out together, as one list, when all of them are there."""

    def __init__(self, send: SendList) -> None:
        self._send = send
        self._missing = 1
        self._found: list[Fields] = []

    def add(self) -> Send:
        """Who is sent one of them; None where there is none."""
        self._missing += 1
        return self._take

    def close(self) -> None:
        """All have been added."""
        self._take(None)

    def _take(self, message: Fields | None) -> None:
        self._missing -= 1
        if message is not None:
            self._found.append(message)
        if not self._missing and self._found:
            self._send(self._found)


class Calls:
    """All calls of one client; `send` takes notifications."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._line: deque[Call] = deque()
        self._at_work: dict[str | int, Call] = {}
        self._unheard: list[object] = []

    def group(self, send: SendList) -> AnswerBatch:
        """Answers that go out as one list, to `send`."""
        return AnswerBatch(send)

    def listing(self) -> list[Fields]:
        """The tools."""
        return tools.listing()

    def working(self) -> bool:
        """Whether any command is at work."""
        return bool(self._at_work)

    def begin(self, request: messages.McpRequest, send: Send) -> None:
        """Begin a call; its answer goes to `send`, once, but None after a cancellation. Raises Wrong."""
        name, arguments = request.params.get("name"), request.params.get("arguments")
        tool = tools.TOOLS.get(name) if isinstance(name, str) else None
        arguments = {} if arguments is None else arguments
        if tool is None:
            raise messages.Wrong(messages.INVALID_PARAMS, f"Unknown tool: {str(name)[:100]}")
        if not isinstance(arguments, dict):
            raise messages.Wrong(messages.INVALID_PARAMS, "arguments is an object")
        if request.id in self._at_work or any(request.id == call.request.id for call in self._line):
            raise messages.Wrong(messages.INVALID_REQUEST, "a request with this id is not answered yet")
        if len(self._line) >= IN_LINE:
            raise messages.Wrong(messages.BUSY, "too many calls at once: nothing was done, call again later")
        try:
            words = tool.call(arguments)
        except tools.Mistake as mistake:
            send(
                messages.result(
                    request, tools.failure(tool, f"{mistake}. Nothing was done.", 2, "usage-error")
                )
            )
            return
        variables = messages.caller(request)
        session = arguments.get("session")
        if isinstance(session, str) and session:
            variables["GITFLEET_SESSION"] = session
        self._line.append(Call(request, tool, words, variables, send))
        self._next()

    def cancel(self, id_: object) -> None:
        """The client does not want an answer any more: what is at work is interrupted. Unknown ids are passed over."""
        if not messages.is_id(id_):
            return
        for call in [one for one in self._line if one.request.id == id_]:
            self._line.remove(call)
            call.send(None)
        call_at_work = self._at_work.get(id_)
        if call_at_work is not None and call_at_work.heard:
            call_at_work.heard = False
            _schedule(call_at_work, INTERRUPTED)

    def wind_up(self) -> None:
        """Nobody asks any more: let what is at work end within seconds. What waits for others is interrupted at once."""
        self._line.clear()
        for call in self._at_work.values():
            _schedule(call, INTERRUPTED if call.tool.name == "wait" else PATIENCE)

    def abandon(self) -> None:
        """Nobody hears any more."""
        self._line.clear()
        for call in self._at_work.values():
            call.heard = False
            _schedule(call, INTERRUPTED)

    # What the loop asks.

    def handles(self) -> Iterator[int]:
        """What commands say comes from these."""
        for call in self._at_work.values():
            if call.child is not None:
                yield from (handle for handle in (call.child.out, call.child.err) if handle >= 0)

    def hear(self, handle: int) -> None:
        """Take what a command has said."""
        for call in list(self._at_work.values()):
            child = call.child
            if child is not None and handle in {child.out, child.err}:
                is_error = handle == child.err
                data = child.hear(handle)
                if is_error and data:
                    self._progress(call, child.errors)
                self._answer(call)
                return

    def look(self) -> None:
        """A command may have ended."""
        for call in list(self._at_work.values()):
            if call.child is not None:
                call.child.look()
                self._answer(call)

    def next_tick(self) -> float | None:
        """Seconds until there is something to do with no word from anybody; None for never."""
        times = [at for call in self._at_work.values() for at in _times(call)]
        return max(0.0, min(times) - monotonic()) if times else None

    def tick(self) -> None:
        """Do what is due."""
        now = monotonic()
        for call in self._at_work.values():
            if call.child is None:
                continue
            while call.left and call.left[0][0] <= now:
                call.child.end(call.left.pop(0)[1])
            if call.heard and call.due <= now and messages.progress_token(call.request) is not None:
                self._progress(call, b"")

    # Within.

    def _next(self) -> None:
        """Start what is next in line, as long as there is room."""
        while self._line and len(self._at_work) < AT_ONCE:
            call = self._line.popleft()
            try:
                call.child = ToolProcess(call.words, call.variables)
            except OSError as error:
                words = (
                    f"the command could not be started: {error.strerror}. Nothing was done; call again later."
                )
                call.send(messages.result(call.request, tools.failure(call.tool, words, 70)))
                continue
            call.since = call.due = monotonic()
            self._at_work[call.request.id] = call

    def _answer(self, call: Call) -> None:
        """Answer a call whose command is over."""
        child = call.child
        if child is None or not child.over:
            return
        child.close()
        del self._at_work[call.request.id]
        if child.flooded:
            told = tools.failure(call.tool, "the answer is too long to send; ask for less", 70)
        else:
            errors = child.errors.decode("utf-8", "replace")
            told = tools.answer(call.tool, child.code or 0, bytes(child.said), errors)
        if call.heard:
            call.send(messages.result(call.request, self._with_unheard(told)))
        else:
            self._unheard = [*self._unheard, *told["structuredContent"]["warnings"]][-IN_LINE:]
            call.send(None)
        self._next()

    def _with_unheard(self, told: tools.ToolAnswer) -> tools.ToolAnswer:
        """A result with what cancelled commands have told nobody."""
        if self._unheard:
            inner = told["structuredContent"]
            inner["warnings"] = [*self._unheard, *inner["warnings"]]
            words = json.dumps({"warnings": self._unheard})
            told["content"].append({"type": "text", "text": words})
            self._unheard = []
        return told

    def _progress(self, call: Call, errors: bytes | bytearray) -> None:
        """Tell how far a call is, where that was asked for; a wait ends at a time that is known."""
        token = messages.progress_token(call.request)
        now = monotonic()
        call.due = now + BEAT
        if token is None or not call.heard:
            return
        done = call.told = max(
            round(now - call.since, 3), round(call.told + 0.001, 3)
        )  # it must rise each time
        lines = errors.decode("utf-8", "replace").strip().splitlines()
        words = lines[-1][:500] if lines else "waiting" if call.tool.name == "wait" else "working"
        limit = next((one for one in call.words if one.startswith("--timeout=")), "")
        total = float(limit[len("--timeout=") : -1]) if limit else None
        self._send(messages.progress(token, done, total, words))


def _schedule(call: Call, steps: tuple[tuple[float, signal.Signals], ...]) -> None:
    """Send a command signals from now on, unless it is being ended already."""
    if not call.left:
        now = monotonic()
        call.left = [(now + later, int(number)) for later, number in steps]


def _times(call: Call) -> Iterator[float]:
    if call.left:
        yield call.left[0][0]
    if call.heard and messages.progress_token(call.request) is not None:
        yield call.due
