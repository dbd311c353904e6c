"""From the agent's outputs into the stream, by way of the adapter."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gitfleet.base import clock
from gitfleet.jobs.shepherd.outputs import AgentOutput
from gitfleet.jobs.streams.writer import StreamWriter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gitfleet.jobs.adapters.protocol import Adapter
    from gitfleet.jobs.adapters.results import AgentEvent

_ODD = (ValueError, KeyError, TypeError, AttributeError, IndexError, ArithmeticError, RecursionError)
"""What an adapter could stumble over in output of a form that nobody thought of."""
_LAST, _SHOWN = 8, 1000
_OURS = "setup: "


class Recorder:
    """Keeps what the agent writes, with what it means. `heard` is asked after each line that means something.

    Up to the line `setup`, on each output, it is no agent that writes: the adapter does not see that.
    """

    def __init__(
        self, writer: StreamWriter, adapter: Adapter, heard: Callable[[AgentEvent], object], setup: str = ""
    ) -> None:
        self._writer, self._adapter, self._heard = writer, adapter, heard
        self._mark = setup.encode()
        self._before = {"stdout", "stderr"} if setup else set()
        self._last: list[str] = []

    @property
    def preparing(self) -> bool:
        """Whether the agent does not run yet."""
        return bool(self._before)

    @property
    def setup_said(self) -> str:
        """The last lines of the setup: what its command said, and how it ended."""
        *before, end = self._last or [""]
        return "; ".join([*(line for line in before if not line.startswith(_OURS)), end])

    def take(self, output: AgentOutput) -> bool:
        """Read an output once, and keep what came; False at its end. Raises BlockingIOError where nothing is there."""
        lines = output.read()
        at = clock.milliseconds()
        if lines is None:
            self._rest(output, at)
            return False
        if lines and output.piece:
            self._writer.add(output.source, lines.pop(0), at=at)
            output.piece = False
        self._lines(output.source, lines, at)
        if early := output.overlong():
            self._writer.add(output.source, early, at=at, cut=True)
            output.piece = True
        self._writer.flush(at=at)
        return True

    def drain(self, output: AgentOutput, most: int) -> None:
        """Keep what lies in the pipe, up to so many reads, and what has no line end."""
        for _ in range(most):
            try:
                if not self.take(output):
                    return
            except BlockingIOError:
                break
        self._rest(output, clock.milliseconds())

    def note(self, kind: str, text: str, **facts: object) -> None:
        """A line of our own."""
        self._writer.write("system", text.encode(), at=clock.milliseconds(), type=kind, event=facts or None)

    def _rest(self, output: AgentOutput, at: int) -> None:
        if rest := output.rest():
            self._line(output.source, rest, at, cut=True)
        self._writer.flush(at=at)

    def _lines(self, source: str, lines: Sequence[bytes], at: int) -> None:
        for line in lines:
            self._line(source, line, at)

    def _line(self, source: str, line: bytes, at: int, *, cut: bool = False) -> None:
        if source in self._before:
            self._of_setup(source, line, at, cut=cut)
            return
        events = self._meaning(source, line, at)
        if not events:
            self._writer.add(source, line, at=at, cut=cut)
            return
        source = "json" if source == "stdout" and line[:1] == b"{" else source
        first, *more = events
        self._writer.add(source, line, at=at, type=first.kind, event=first.facts, cut=cut)
        for event in more:  # what else it says, without the line itself
            self._writer.add("system", b"", at=at, type=event.kind, event=event.facts, cut=True)
        for event in events:
            self._heard(event)

    def _of_setup(self, source: str, line: bytes, at: int, *, cut: bool) -> None:
        ends = line.endswith(self._mark)
        rest = line.removesuffix(self._mark)
        if ends:
            self._before.discard(source)
        if rest or not ends:
            self._last = [*self._last[1 - _LAST :], rest[:_SHOWN].decode("utf-8", "replace")]
            self._writer.add(source, rest, at=at, type="setup", cut=cut or ends)

    def _meaning(self, source: str, line: bytes, at: int) -> list[AgentEvent]:
        try:
            return self._adapter.feed(source, line, at)
        except _ODD:
            return []
