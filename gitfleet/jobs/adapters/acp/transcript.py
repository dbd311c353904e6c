"""What an agent has told of its turn so far: its words, its calls of tools, its counts; and what each update means. Pure.

A message comes in pieces; one that begins anew has another id, or something has come between. What the agent makes up itself
(remarks, errors) comes as messages, too: see the table of agents.
"""

from __future__ import annotations

from gitfleet.jobs.adapters.acp.agents import AcpAgent
from gitfleet.jobs.adapters.acp.permissions import kind_of
from gitfleet.jobs.adapters.acp.wire import table
from gitfleet.jobs.adapters.jsonlines import id_of, is_count, tables_of, text_of
from gitfleet.jobs.adapters.results import AgentEvent, shown

_LONGEST = 1 << 20
_MOST_CALLS = 10_000
_MOST_DOLLARS = 1e9
_OVER = ("completed", "failed")
_FAULT = "systemError"


class Transcript:
    """The turn of one agent. `begin` when its prompt is sent: what was told before is old, and no news of this turn."""

    def __init__(self) -> None:
        self._begun = False
        self._pieces: list[str] = []
        self._size = 0
        self.error = ""
        """The message by which the agent says that its turn has failed, where it was the last."""
        self.fault = ""
        """What Codex says of an error, as long as its thread stands at one."""
        self._said = ""
        self._message: str | None = None
        self._fresh = True
        self.calls: dict[str, tuple[str, str]] = {}
        """The calls that are open: kind and title by their ids."""
        self.cost: float | None = None
        """The conversation's in dollars, as the agent estimates it."""
        self.cost_before: float | None = None
        """The same before the turn began."""
        self.words = 0
        """How many messages and calls came."""

    @property
    def text(self) -> str:
        """The last message, as far as it has come."""
        return "".join(self._pieces)[:_LONGEST]

    def begin(self) -> None:
        """The prompt goes out."""
        self._begun = True
        self.cost_before, self.cost = self.cost, None
        self.calls.clear()

    def interrupt(self) -> None:
        """Something has come between: what is said now is a new message."""
        self._fresh = True

    def told(self, update: dict[str, object], agent: AcpAgent) -> list[AgentEvent]:
        """What an update means."""
        kind = text_of(update.get("sessionUpdate"))[:80]
        if kind == "usage_update":
            return [self._usage(update)]
        if not self._begun:
            return [AgentEvent("notice", what=kind)]
        match kind:
            case "agent_message_chunk":
                found = [self._piece(update, agent)]
            case "agent_thought_chunk":
                self._fresh = True
                found = [AgentEvent("reasoning", text=shown(_text(update)))]
            case "tool_call":
                found = self._call(update)
            case "tool_call_update":
                found = self._call_update(update)
            case "plan":
                steps = [text_of(one.get("content")) for one in tables_of(update.get("entries"))]
                found = [AgentEvent("notice", what=kind, text=shown("\n".join(steps)))]
            case "session_info_update":
                found = [self._info(update)]
            case _:
                found = [AgentEvent("notice", what=kind)]
        return found

    def _piece(self, update: dict[str, object], agent: AcpAgent) -> AgentEvent:
        piece, given = _text(update), update.get("messageId")
        message = id_of(given) if given is not None else None
        starts = message is None or message != self._message  # an agent without ids may begin with any piece
        whole = self._fresh or (message != self._message)
        self._message, self._fresh, self.words = message, False, self.words + 1
        self.error = ""
        if starts and piece.startswith(agent.asides):
            self._fresh = True
            return AgentEvent("notice", what="remark", level="warning", text=shown(piece))
        if starts and piece.startswith(agent.errors):
            self._fresh, self.error = True, piece[:_LONGEST]
            return AgentEvent("error", text=shown(piece))
        if whole:
            self._pieces, self._size = [], 0
        if self._size < _LONGEST:
            self._pieces.append(piece)
            self._size += len(piece)
        return AgentEvent("message", text=shown(piece), part=not whole)

    def _call(self, update: dict[str, object]) -> list[AgentEvent]:
        self._fresh, self.words = True, self.words + 1
        facts = self._facts(update)
        started = AgentEvent("tool_start", **facts, input=shown(text_of(update.get("rawInput"))))
        return [started, *self._end(update, facts)]

    def _call_update(self, update: dict[str, object]) -> list[AgentEvent]:
        self._fresh = True
        facts = self._facts(update)
        return self._end(update, facts) or [AgentEvent("notice", what="tool_call_update", id=facts["id"])]

    def _facts(self, update: dict[str, object]) -> dict[str, str]:
        """What a call is; an update leaves out what stays as it was."""
        known = id_of(update.get("toolCallId"))
        kind, title = self.calls.get(known, ("other", ""))
        if update.get("kind") is not None:
            kind = kind_of(update["kind"])
        title = text_of(update.get("title")) or title
        if known in self.calls or len(self.calls) < _MOST_CALLS:
            self.calls[known] = kind, title[:4096]
        return {"id": known, "name": kind, "title": shown(title)}

    def _end(self, update: dict[str, object], facts: dict[str, str]) -> list[AgentEvent]:
        status = update.get("status")
        if status not in _OVER:
            return []
        self.calls.pop(facts["id"], None)
        output = text_of(update.get("rawOutput")) or "\n".join(
            _text(one) for one in tables_of(update.get("content"))
        )
        return [AgentEvent("tool_end", **facts, ok=status == "completed", output=shown(output))]

    def _usage(self, update: dict[str, object]) -> AgentEvent:
        cost = table(update.get("cost"))
        amount = cost.get("amount")
        if cost.get("currency") == "USD" and is_count(amount, _MOST_DOLLARS):
            self.cost = float(amount)
        facts = {name: update[name] for name in ("used", "size") if type(update.get(name)) is int}
        return AgentEvent("notice", what="usage_update", **facts)

    def _info(self, update: dict[str, object]) -> AgentEvent:
        """Codex tells here how its thread stands, and of errors that it tries again after."""
        codex = table(table(update.get("_meta")).get("codex"))
        error, status = table(codex.get("error")), table(codex.get("threadStatus")).get("type")
        if error:
            self._said = ": ".join(
                filter(None, (text_of(error.get(key)) for key in ("message", "additionalDetails")))
            )[:_LONGEST]
            return AgentEvent("notice", what="error", level="error", text=shown(self._said))
        if isinstance(status, str):
            self.fault = (
                (self._said or "the agent says that its thread stands at an error")
                if status == _FAULT
                else ""
            )
        return AgentEvent("notice", what="session_info_update")


def _text(update: dict[str, object]) -> str:
    """The text of a piece; of what is no text, its kind."""
    content = table(update.get("content"))
    text = content.get("text")
    return text if isinstance(text, str) else f"[{text_of(content.get('type'))[:80]}]"
