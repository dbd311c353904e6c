"""Codex CLI by `codex exec --json`, as versions up to 0.171 speak.

What is not obvious: a top-level `error` is provisional, since retries are told by it and the turn can still be completed; an item
of type `error` is a warning. Counts are of the whole thread so far, so the last ones hold. Exit code 0 says that the protocol
went well. A SIGTERM just ends the stream.
"""

from __future__ import annotations

from collections.abc import Callable

from gitfleet.jobs.adapters.jsonlines import JsonLinesAdapter, id_of, tables_of, text_of
from gitfleet.jobs.adapters.protocol import Task
from gitfleet.jobs.adapters.results import AgentEvent, AgentExit, AgentResult, Usage, shown
from gitfleet.jobs.words import AttemptOutcome

KINDS = {
    "input_tokens": "input",
    "cached_input_tokens": "cache_read",
    "cache_write_input_tokens": "cache_write",
    "output_tokens": "output",
    "reasoning_output_tokens": "reasoning",
}
"""What its counts are in our words. `input_tokens` includes those from the cache, `output_tokens` the reasoning."""

_TOOLS = {"command_execution", "mcp_tool_call", "collab_tool_call", "web_search"}


class CodexAdapter(JsonLinesAdapter):
    """See the module. The prompt goes by standard input (`-`): an argument could be an option, and is bounded."""

    runtime = "codex"

    def __init__(self) -> None:
        super().__init__()
        self._thread = self._message = self._provisional = ""
        self._failed: str | None = None
        self._completed = False
        self._counts: dict[str, int] | None = None
        self._gap = ""

    def argv(self, task: Task) -> list[str]:
        """See `Adapter`. Raises UnusableOption."""
        from gitfleet.jobs.adapters import codex_call  # of no use to the shepherd, which must stay small

        return codex_call.argv(task)

    def environment(self, task: Task) -> dict[str, str | None]:
        """See `Adapter`."""
        from gitfleet.jobs.adapters import codex_call  # of no use to the shepherd, which must stay small

        del task
        return dict.fromkeys(codex_call.NOT_PASSED)

    def told(self, line: dict[str, object], at: int) -> list[AgentEvent]:
        """See `JsonLinesAdapter`."""
        del at
        kind = text_of(line.get("type"))
        if kind.startswith("item."):
            item = line.get("item")
            return self._item(item, kind.removeprefix("item.")) if isinstance(item, dict) else []
        if kind == "thread.started":
            self._thread = id_of(line.get("thread_id"))
            return [AgentEvent("session", id=self._thread)]
        if kind == "error":
            self._provisional = text_of(line.get("message"))
            return [AgentEvent("notice", what=kind, level="error", text=shown(self._provisional))]
        return self._turn(line, kind)

    def _turn(self, line: dict[str, object], kind: str) -> list[AgentEvent]:
        match kind:
            case "turn.started":
                self._completed, self._failed, self.finished = False, None, False
                return [AgentEvent("notice", what=kind)]
            case "turn.completed":
                return self._end_of_turn(line.get("usage"))
            case "turn.failed":
                error = line.get("error")
                self._failed = text_of(error.get("message")) if isinstance(error, dict) else "the turn failed"
                self.finished = True
                self._gap = "a failed turn told no usage"
                return [AgentEvent("error", text=shown(self._failed))]
            case _:
                return []

    def result(self, ended: AgentExit) -> AgentResult:
        """See `Adapter`."""
        from gitfleet.jobs.adapters import refusals  # its expressions, only at the end

        outcome, errors = self._judged(ended, refusals.refused)
        said = "\n".join(errors)
        return AgentResult(
            str(outcome), text=self._message, session_id=self._thread, usage=self._usage(), errors=tuple(errors),
            resets_at=refusals.resets(said, self.at) if outcome == AttemptOutcome.QUOTA else None,
            lost=outcome == AttemptOutcome.FAILED and not self._message and refusals.lost(said),
        )  # fmt: skip

    def spent(self) -> tuple[Usage, float | None]:
        """See `Adapter`. Told at the end of each turn."""
        return self._usage(), None

    def _judged(
        self, ended: AgentExit, refused: Callable[[str], AttemptOutcome]
    ) -> tuple[AttemptOutcome, list[str]]:
        if self._completed and ended.well:
            if not self._message and not any((self._counts or {}).values()):
                return AttemptOutcome.FAILED, ["the turn was completed without a word and without usage"]
            return AttemptOutcome.SUCCESS, []
        if self._completed:
            return AttemptOutcome.FAILED, [f"it ended with {ended.words} after its turn", *self.complaints]
        if self._failed is not None:
            return refused(self._failed), [self._failed]
        if ended.signal or ended.stopped:  # what it retried is not why it ended
            return AttemptOutcome.FAILED, [f"it ended with {ended.words} within its turn"]
        errors = [text for text in (self._provisional, *self.complaints) if text]
        why = f"it ended with {ended.words} without completing its turn"
        return refused("\n".join(errors)), [why, *errors]

    def _usage(self) -> Usage:
        if self._counts is None:
            return Usage(gaps=("the client told no usage",), conversation=True)
        gaps = (self._gap,) if self._gap else ()
        return Usage({self.model: self._counts}, gaps, conversation=True)

    def _end_of_turn(self, usage: object) -> list[AgentEvent]:
        self._completed, self.finished, self._gap = True, True, ""
        if not isinstance(usage, dict):
            self._gap = "a turn was completed without usage"
            return [AgentEvent("result", ok=True)]
        self._counts = {str(kind): count for kind, count in usage.items() if type(count) is int}
        return [
            AgentEvent("result", ok=True),
            AgentEvent("usage", models={self.model: self._counts}, total=True),
        ]

    def _item(self, item: dict[str, object], step: str) -> list[AgentEvent]:
        kind, over = item.get("type"), step == "completed"
        if kind == "agent_message" and over:
            self._message = text_of(item.get("text"))
            return [AgentEvent("message", text=shown(self._message))]
        if kind == "reasoning" and over:
            return [AgentEvent("reasoning", text=shown(text_of(item.get("text"))))]
        if kind == "error":
            return [
                AgentEvent("notice", what="item", level="warning", text=shown(text_of(item.get("message"))))
            ]
        if kind == "file_change" and over:
            changes = [
                {"path": text_of(one.get("path")), "kind": text_of(one.get("kind"))}
                for one in tables_of(item.get("changes"))
            ]
            return [AgentEvent("file_change", changes=changes, ok=item.get("status") == "completed")]
        if kind in _TOOLS and step != "updated":
            return [_tool(item, over=over)]
        return [AgentEvent("notice", what=f"{text_of(kind)}.{step}")]


def _tool(item: dict[str, object], *, over: bool) -> AgentEvent:
    names = [text_of(item.get(key)) for key in ("server", "tool") if item.get(key)]
    facts = {"id": text_of(item.get("id")), "name": ".".join(names) or text_of(item.get("type"))}
    given = next((item[key] for key in ("command", "arguments", "query", "prompt") if item.get(key)), "")
    if not over:
        return AgentEvent("tool_start", **facts, input=shown(given))
    ok = item.get("status", "completed") == "completed" and not item.get("error")
    found = item.get("aggregated_output") or item.get("error") or item.get("result") or ""
    more = {"exit_code": item["exit_code"]} if type(item.get("exit_code")) is int else {}
    return AgentEvent("tool_end", **facts, input=shown(given), ok=ok, output=shown(found), **more)
