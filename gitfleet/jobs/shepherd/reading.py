"""From the agent's outputs into the stream, by way of the adapter."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gitfleet.base import clock
from gitfleet.jobs.shepherd.outputs import AgentOutput
from gitfleet.jobs.streams.writer import StreamWriter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from gitfleet.jobs.adapters.protocol import Adapter
    from gitfleet.jobs.adapters.results import AgentEvent

_ODD = (ValueError, KeyError, TypeError, AttributeError, IndexError, ArithmeticError, RecursionError)
"""What an adapter could stumble over in output of a form that nobody thought of."""


class Recorder:
    """Keeps what the agent writes, with what it means. `heard` is asked after each line that means something."""

    def __init__(self, writer: StreamWriter, adapter: Adapter, heard: Callable[[AgentEvent], object]) -> None:
        self._writer, self._adapter, self._heard = writer, adapter, heard

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

    def note(self, kind: str, text: str, **facts: Any) -> None:
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

    def _meaning(self, source: str, line: bytes, at: int) -> list[AgentEvent]:
        try:
            return self._adapter.feed(source, line, at)
        except _ODD:
            return []
