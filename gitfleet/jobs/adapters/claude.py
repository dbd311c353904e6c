"""Claude Code by `claude -p --output-format=stream-json --verbose`, as version 2.1 speaks.

What is not obvious: a `result` of subtype `success` can be an error (`is_error`); several can come, and the last one's totals
hold; none comes after SIGTERM, or after SIGINT while the model is asked, and then the exit code is 0. One message of the
model comes in several lines with the same id and the same usage.
"""

from __future__ import annotations

from collections.abc import Callable

from gitfleet.jobs.adapters.jsonlines import JsonLinesAdapter, id_of, is_count, list_of, tables_of, text_of
from gitfleet.jobs.adapters.protocol import Task
from gitfleet.jobs.adapters.results import AgentEvent, AgentExit, AgentResult, Usage, shown
from gitfleet.jobs.words import AttemptOutcome

KINDS = {
    "inputTokens": "input",
    "cacheReadInputTokens": "cache_read",
    "cacheCreationInputTokens": "cache_write",
    "outputTokens": "output",
    "thinkingTokens": "reasoning",
    "webSearchRequests": "searches",
}
"""What its counts are in our words. `inputTokens` is without those from the cache."""

_COUNTED = {
    "input_tokens": "inputTokens",
    "output_tokens": "outputTokens",
    "cache_read_input_tokens": "cacheReadInputTokens",
    "cache_creation_input_tokens": "cacheCreationInputTokens",
}
_ERRORS = {
    "authentication_failed": AttemptOutcome.AUTH,
    "oauth_org_not_allowed": AttemptOutcome.AUTH,
    "billing_error": AttemptOutcome.QUOTA,
    "rate_limit": AttemptOutcome.QUOTA,
}
_STATUSES = {401: AttemptOutcome.AUTH, 403: AttemptOutcome.AUTH, 429: AttemptOutcome.QUOTA}
_SUBTYPES = {"error_max_turns": AttemptOutcome.MAX_TURNS, "error_max_budget_usd": AttemptOutcome.BUDGET}


class ClaudeAdapter(JsonLinesAdapter):
    """See the module. The prompt goes by standard input."""

    runtime = "claude"

    def __init__(self) -> None:
        super().__init__()
        self._session = self._message = self._error = ""
        self._result: dict[str, object] | None = None
        self._background = 0
        self._resets: int | None = None
        self._messages: dict[str, tuple[str, dict[str, int]]] = {}

    def argv(self, task: Task) -> list[str]:
        """See `Adapter`. Raises UnusableOption."""
        from gitfleet.jobs.adapters import claude_call  # of no use to the shepherd, which must stay small

        return claude_call.argv(task)

    def environment(self, task: Task) -> dict[str, str | None]:
        """See `Adapter`."""
        from gitfleet.jobs.adapters import claude_call  # of no use to the shepherd, which must stay small

        del task
        return dict.fromkeys(claude_call.NOT_PASSED)

    def told(self, line: dict[str, object], at: int) -> list[AgentEvent]:
        """See `JsonLinesAdapter`."""
        del at
        match line.get("type"):
            case "system":
                found = self._system(line, text_of(line.get("subtype")))
            case "assistant":
                found = self._assistant(line)
            case "user":
                found = _tool_results(line)
            case "result":
                found = self._results(line)
            case "rate_limit_event":
                found = self._rate_limit(line.get("rate_limit_info"))
            case "tool_progress" | "auth_status" as kind:
                found = [AgentEvent("notice", what=kind)]
            case _:
                found = []
        return found

    def result(self, ended: AgentExit) -> AgentResult:
        """See `Adapter`."""
        from gitfleet.jobs.adapters import refusals  # its expressions, only at the end

        outcome, errors = self._judged(ended, refusals.refused)
        said, last = "\n".join(errors), self._result or {}
        text, turns = last.get("result"), last.get("num_turns")
        usage = self._usage()
        return AgentResult(
            str(outcome), text=text if isinstance(text, str) else self._message, session_id=self._session,
            usage=usage, cost=_cost(last) if usage.models else None, errors=tuple(errors),
            resets_at=(self._resets or refusals.resets(said, self.at)) if outcome == AttemptOutcome.QUOTA else None,
            turns=turns if type(turns) is int else None,
            denials=tuple(_denial(one) for one in tables_of(last.get("permission_denials"))),
            lost=outcome == AttemptOutcome.FAILED and refusals.lost(said),
        )  # fmt: skip

    def spent(self) -> tuple[Usage, float | None]:
        """See `Adapter`. Its totals come with its results; before, what the messages said."""
        usage = self._usage()
        return usage, _cost(self._result or {}) if usage.models else None

    def _judged(
        self, ended: AgentExit, refused: Callable[[str], AttemptOutcome]
    ) -> tuple[AttemptOutcome, list[str]]:
        last = self._result
        if last is None:
            errors = [f"it ended with {ended.words} without a result", *self.complaints]
            known = _ERRORS.get(self._error) or refused("\n".join(self.complaints))
            return (AttemptOutcome.FAILED if ended.signal or ended.stopped else known), errors
        subtype, failed = last.get("subtype"), bool(last.get("is_error"))
        if subtype == "success" and not failed:
            if ended.well:
                return AttemptOutcome.SUCCESS, []
            return AttemptOutcome.FAILED, [f"it ended with {ended.words} after its result", *self.complaints]
        errors = [text_of(one) for one in list_of(last.get("errors"))] or [
            text_of(last.get("result") or subtype)
        ]
        if named := _SUBTYPES.get(text_of(subtype)):
            return named, errors
        if text_of(last.get("terminal_reason")).startswith("aborted"):
            return AttemptOutcome.INTERRUPTED, errors
        status = last.get("api_error_status")
        answered = _STATUSES.get(status) if isinstance(status, int) else None
        return answered or _ERRORS.get(self._error) or refused("\n".join(errors)), errors

    def _usage(self) -> Usage:
        """Its own totals (of the last result: they go on over all results of one process), else what the messages said."""
        told = (self._result or {}).get("modelUsage")
        models = {
            str(model): {kind: count for kind, count in counts.items() if kind in KINDS and is_count(count)}
            for model, counts in (told if isinstance(told, dict) else {}).items()
            if isinstance(counts, dict)
        }
        if models:
            return Usage(models)
        seen: dict[str, dict[str, int]] = {}
        for model, counts in self._messages.values():
            for kind, count in counts.items():
                total = seen.setdefault(model, {})
                total[kind] = total.get(kind, 0) + count
        if seen:
            return Usage(seen, ("it ended without its totals: these are of the messages that came",))
        return Usage(gaps=("the client told no usage",))

    def _system(self, line: dict[str, object], subtype: str) -> list[AgentEvent]:
        match subtype:
            case "init":
                self._session = id_of(line.get("session_id"))
                self.finished = False
                facts = {
                    "model": text_of(line.get("model")),
                    "version": text_of(line.get("claude_code_version")),
                }
                return [AgentEvent("session", id=self._session, **facts)]
            case "api_retry":
                retry = {
                    key: line.get(key) for key in ("attempt", "max_retries", "retry_delay_ms", "error_status")
                }
                return [
                    AgentEvent("notice", what=subtype, level="error", text=shown(line.get("error")), **retry)
                ]
            case "permission_denied" | "informational":
                text = line.get("message") or line.get("content") or ""
                return [AgentEvent("notice", what=subtype, level="warning", text=shown(text))]
            case "background_tasks_changed":
                self._background = len(list_of(line.get("tasks")))
                self.finished = self._result is not None and not self._background and self.finished
        return [AgentEvent("notice", what=subtype)]

    def _assistant(self, line: dict[str, object]) -> list[AgentEvent]:
        self.finished = False
        message = line.get("message")
        if not isinstance(message, dict):
            return []
        self._count(message)
        main = line.get("parent_tool_use_id") is None
        parent = {} if main else {"parent": text_of(line.get("parent_tool_use_id"))}
        found = []
        for block in _blocks(message):
            match block.get("type"):
                case "text":
                    text = text_of(block.get("text"))
                    self._message = text if main else self._message
                    found.append(AgentEvent("message", text=shown(text), **parent))
                case "thinking":
                    found.append(
                        AgentEvent("reasoning", text=shown(text_of(block.get("thinking"))), **parent)
                    )
                case "tool_use" | "server_tool_use":
                    facts = {"id": text_of(block.get("id")), "name": text_of(block.get("name"))}
                    found.append(
                        AgentEvent("tool_start", **facts, input=shown(text_of(block.get("input"))), **parent)
                    )
        if error := line.get("error"):
            self._error = text_of(error)
            found.append(AgentEvent("error", text=shown(self._error)))
        return found

    def _count(self, message: dict[str, object]) -> None:
        """Each message once, by its id; one that the client made up itself has no tokens."""
        usage, model = message.get("usage"), text_of(message.get("model"))
        if isinstance(usage, dict) and model != "<synthetic>":
            counts = {
                _COUNTED[kind]: count
                for kind, count in usage.items()
                if kind in _COUNTED and type(count) is int
            }
            self._messages[text_of(message.get("id"))] = (model, counts)

    def _results(self, line: dict[str, object]) -> list[AgentEvent]:
        self._result = line
        self.finished = not self._background
        self._session = id_of(line.get("session_id")) or self._session
        ok = line.get("subtype") == "success" and not line.get("is_error")
        events = [
            AgentEvent(
                "result", ok=ok, subtype=text_of(line.get("subtype")), text=shown(text_of(line.get("result")))
            )
        ]
        usage = self._usage()
        return [*events, AgentEvent("usage", models=usage.models, total=True)] if not usage.gaps else events

    def _rate_limit(self, info: object) -> list[AgentEvent]:
        if not isinstance(info, dict):
            return []
        status, resets = text_of(info.get("status")), info.get("resetsAt")
        if status == "rejected" and is_count(resets):
            self._resets = int(resets * 1000)
        return [
            AgentEvent(
                "notice", what="rate_limit", level="info" if status == "allowed" else "warning", status=status
            )
        ]


def _blocks(message: dict[str, object]) -> list[dict[str, object]]:
    return tables_of(message.get("content"))


def _tool_results(line: dict[str, object]) -> list[AgentEvent]:
    message = line.get("message")
    return [
        AgentEvent(
            "tool_end",
            id=text_of(block.get("tool_use_id")),
            ok=not block.get("is_error"),
            output=shown(text_of(block.get("content"))),
        )
        for block in _blocks(message if isinstance(message, dict) else {})
        if block.get("type") == "tool_result"
    ]


def _denial(one: dict[str, object]) -> str:
    return shown(f"{text_of(one.get('tool_name'))}: {text_of(one.get('tool_input'))}")


def _cost(line: dict[str, object]) -> float | None:
    cost = line.get("total_cost_usd")
    return float(cost) if is_count(cost) else None
