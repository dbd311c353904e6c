"""Our side of the Agent Client Protocol, version 1: one prompt in one session, from the handshake to the end of the agent's input.

    initialize → (authenticate) → session/new, session/resume or session/load → mode, model, options → session/prompt
    → session/close → the end of its input

Neither files nor terminals are offered: agents use their own, and those that ask all the same are told that there is no such
method. `awaits` names the step of the handshake that is not answered yet; retries of an agent are silent, so the turn itself has
the limits of the attempt only.
"""

from __future__ import annotations

from collections.abc import Mapping

from gitfleet.jobs.adapters.acp import agents, counting, permissions, settings, wire
from gitfleet.jobs.adapters.acp.brief import AcpBrief
from gitfleet.jobs.adapters.acp.permissions import PermissionRule
from gitfleet.jobs.adapters.acp.settings import SessionSetting, UnusableSetting
from gitfleet.jobs.adapters.acp.transcript import Transcript
from gitfleet.jobs.adapters.acp.wire import AcpFault, AcpMessage, table
from gitfleet.jobs.adapters.jsonlines import JsonLinesAdapter, id_of, text_of
from gitfleet.jobs.adapters.protocol import Task
from gitfleet.jobs.adapters.results import AgentEvent, AgentExit, AgentResult, Usage, shown
from gitfleet.jobs.words import AttemptOutcome

VERSION = 1
_PROMPT, _CLOSE = "session/prompt", "session/close"
_MOST_ASKED, _MOST_DENIED, _SHORT, _ID = 100, 100, 4096, 200


class AcpAdapter(JsonLinesAdapter):
    """See the module. What it is to do comes with `begin`."""

    runtime = "acp"
    talks = True

    def __init__(self) -> None:
        super().__init__()
        self._brief, self._cwd = AcpBrief(), ""
        self._agent = agents.OTHER
        self._out: list[bytes] = []
        self._count = 0
        self._pending: dict[int, str] = {}
        self._session = self._mode = ""
        self._offers: dict[str, object] = {}
        self._settings: list[SessionSetting] = []
        self._asked: dict[str, tuple[str | int, object, str, str]] = {}
        self._denied: list[str] = []
        self._transcript = Transcript()
        self._usage: list[dict[str, dict[str, int | float]]] = []
        self._reason = ""
        self._fault: tuple[AcpFault, str] | None = None
        self._problem = ""
        self._leaving = False

    # What the shepherd asks.

    def argv(self, task: Task) -> list[str]:
        """See `Adapter`. Raises UnusableOption."""
        from gitfleet.jobs.adapters.acp import call  # of no use to the shepherd, which must stay small

        return call.argv(task)

    def stdin(self, task: Task) -> bytes | None:
        """See `Adapter`."""
        del task
        return None

    def environment(self, task: Task) -> dict[str, str | None]:
        """See `Adapter`."""
        from gitfleet.jobs.adapters.acp import call  # of no use to the shepherd, which must stay small

        return call.environment(task)

    def brief(self, task: Task) -> object:
        """See `Adapter`. Raises UnusableOption."""
        from gitfleet.jobs.adapters.acp import call  # of no use to the shepherd, which must stay small

        return call.brief(task).encode()

    def begin(self, cwd: str, brief: object) -> None:
        """See `Adapter`."""
        self._brief, self._cwd = AcpBrief.decode(brief or {}), cwd
        self._agent = agents.named(self._brief.agent)
        offered = {"fs": {"readTextFile": False, "writeTextFile": False}, "terminal": False}
        info = {"name": "gitfleet", "title": "gitfleet", "version": "1"}
        self._ask("initialize", protocolVersion=VERSION, clientCapabilities=offered, clientInfo=info)

    def feed(self, source: str, line: bytes, at: int = 0) -> list[AgentEvent]:
        """See `Adapter`."""
        if source == "stderr":
            return super().feed(source, line, at)
        self.at = at
        told = wire.read(line)
        if told is None:
            return []
        if not told.method:
            return self._answered(told)
        if told.reply_to is not None:
            return self._requested(told, told.reply_to)
        if told.method == "session/update" and (
            not self._session or told.params.get("sessionId") == self._session
        ):
            return self._updated(table(told.params.get("update")))
        if told.method == "$/cancel_request":
            self._asked.pop(f"{told.params.get('requestId')}"[:_ID], None)
            self._wait()
        return [AgentEvent("notice", what=told.method[:80])]

    def outgoing(self) -> bytes:
        """See `Adapter`."""
        words, self._out = b"".join(self._out), []
        return words

    def farewell(self) -> bytes:
        """See `Adapter`. First: what is open is cancelled. Again, without an answer: the session is closed."""
        first, self._leaving = not self._leaving, True
        for reply_to, *_ in self._asked.values():
            self._out.append(wire.answer(reply_to, permissions.CANCELLED))
        self._asked.clear()
        self._wait()
        self.awaits = ""
        if first and _PROMPT in self._pending.values():
            self._out.append(wire.notification("session/cancel", {"sessionId": self._session}))
        else:
            self._close()
            self.hangs_up = True
        return self.outgoing()

    def answer(self, question: str, *, allow: bool) -> bool:
        """See `Adapter`."""
        if question not in self._asked:
            return False
        reply_to, options, _, about = self._asked.pop(question)
        self._wait()
        rule = PermissionRule.ALLOW if allow else PermissionRule.REJECT
        self._reply(reply_to, permissions.outcome(options, rule), allowed=allow, about=about)
        return True

    def spent(self) -> tuple[Usage, float | None]:
        """See `Adapter`. Most agents tell their cost as they go, and their tokens with the answer only."""
        return counting.summed(self._usage, self._agent, open_turn=False), self._transcript_cost()

    def result(self, ended: AgentExit) -> AgentResult:
        """See `Adapter`."""
        from gitfleet.jobs.adapters import refusals  # only at the end, as all that judges
        from gitfleet.jobs.adapters.acp import judging

        told, errors = self._transcript, self._errors(ended)
        usage = counting.summed(self._usage, self._agent, open_turn=_PROMPT in self._pending.values())
        if self._fault:
            verdict = judging.of_fault(*self._fault)
        elif errors or not self._reason:
            verdict = judging.TurnVerdict(
                AttemptOutcome.FAILED
                if ended.signal or ended.stopped
                else refusals.refused("\n".join(errors[1:])),
                tuple(errors),
            )
        else:
            turn = judging.EndedTurn(
                self._reason, told.error, told.fault, tuple(self._denied),
                any(self._usage),
                self._agent.tells_usage, bool(told.words), self._leaving,
            )  # fmt: skip
            verdict = judging.of_turn(turn)
        said = "\n".join(verdict.errors)
        return AgentResult(
            str(verdict.outcome), text=told.text, session_id=self._session, usage=usage, cost=self._cost(),
            errors=verdict.errors, denials=tuple(self._denied), lost=verdict.lost, doubts=verdict.doubts,
            resets_at=refusals.resets(said, self.at) if verdict.outcome == AttemptOutcome.QUOTA else None,
        )  # fmt: skip

    # What the agent says.

    def _answered(self, told: AcpMessage) -> list[AgentEvent]:
        method = self._pending.pop(told.number, "") if told.number is not None else ""
        if not method:
            return [AgentEvent("notice", what="answer", text="to nothing that was asked")]
        self.met = True
        if method == self.awaits:
            self.awaits = ""
        if method == _CLOSE:
            self.hangs_up = True
        elif told.fault is not None:
            return self._failed(told.fault, method)
        elif method == _PROMPT or not self._leaving:
            handle = {
                "initialize": self._initialized, "authenticate": self._authenticated, "session/new": self._opened,
                "session/resume": self._opened, "session/load": self._opened, _PROMPT: self._ended,
            }.get(method, self._set)  # fmt: skip
            return handle(table(told.result))
        return [AgentEvent("notice", what=method)]

    def _authenticated(self, result: dict[str, object]) -> list[AgentEvent]:
        """It proves nothing: some answer so without any credentials."""
        del result
        self._open()
        return [AgentEvent("notice", what="authenticate")]

    def _initialized(self, result: dict[str, object]) -> list[AgentEvent]:
        version, info = result.get("protocolVersion"), table(result.get("agentInfo"))
        if version != VERSION or isinstance(version, bool):
            return self._give_up(
                f"it does not speak version {VERSION} of the protocol, but {text_of(version)[:80]}"
            )
        self._agent = agents.introduced(text_of(info.get("name")), self._agent)
        self._offers = table(result.get("agentCapabilities"))
        if self._brief.auth:
            self._ask("authenticate", methodId=self._brief.auth)
        else:
            self._open()
        facts = {key: text_of(info.get(key))[:256] for key in ("name", "version")}
        return [AgentEvent("notice", what="initialize", agent=self._agent.name, **facts)]

    def _open(self) -> None:
        """Ask for the session: a new one, or the old one by the way that is safe with this agent."""
        where = {"cwd": self._cwd, "mcpServers": []}
        old = self._brief.resume
        if not old:
            self._ask("session/new", **where)
        elif self._can("resume"):
            self._ask("session/resume", sessionId=old, **where)
        elif self._offers.get("loadSession") is True and self._agent.loads:
            self._ask("session/load", sessionId=old, **where)
        else:
            self._fault = (
                AcpFault(wire.NO_RESOURCE, "the agent cannot go on with a conversation safely"),
                "session/load",
            )
            self._end()

    def _opened(self, result: dict[str, object]) -> list[AgentEvent]:
        self._session = self._brief.resume or id_of(result.get("sessionId"))
        if not self._session:
            return self._give_up("it made a session without an id")
        self._mode = settings.mode_of(result)
        try:
            self._settings = settings.wanted(result, self._brief, self._agent)
        except UnusableSetting as error:
            return [self._introduced(result), *self._give_up(str(error))]
        self._next()
        return [self._introduced(result)]

    def _introduced(self, result: dict[str, object]) -> AgentEvent:
        self.model = self.model or settings.model_of(result)
        return AgentEvent("session", id=self._session, model=self.model, mode=self._mode[:256])

    def _set(self, result: dict[str, object]) -> list[AgentEvent]:
        """The first of the settings was taken; or so the agent says."""
        done = self._settings.pop(0)
        now = settings.mode_of(result) or self._mode
        if done.mode and now not in {done.mode, ""}:
            return self._give_up(f"it took {done.what}, and is in the mode {now[:80]}")
        self._next()
        return [AgentEvent("notice", what="setting", text=done.what[:256])]

    def _next(self) -> None:
        """The next setting; after the last, the prompt."""
        if self._settings:
            first = self._settings[0]
            self._mode = "" if first.mode else self._mode  # what is said from now on is the new one
            self._ask(first.method, sessionId=self._session, **first.params)
            return
        self._transcript.begin()
        text = {"type": "text", "text": self._brief.prompt}
        self._ask(_PROMPT, sessionId=self._session, prompt=[text])
        self.awaits = ""

    def _updated(self, update: dict[str, object]) -> list[AgentEvent]:
        if mode := settings.mode_of(update):
            self._mode = mode
        return self._transcript.told(update, self._agent)

    def _ended(self, result: dict[str, object]) -> list[AgentEvent]:
        """The turn is over: nothing more is asked of the agent."""
        self._reason = text_of(result.get("stopReason")) or "none"
        self._usage.append(counting.of_answer(result, self.model))
        self._end()
        told = AgentEvent(
            "result",
            ok=self._reason == "end_turn",
            subtype=self._reason[:80],
            text=shown(self._transcript.text),
        )
        counts = self._usage[-1]
        return [told, AgentEvent("usage", models=counts, total=True)] if counts else [told]

    # What the agent asks.

    def _requested(self, told: AcpMessage, reply_to: str | int) -> list[AgentEvent]:
        if told.method != "session/request_permission":
            self._out.append(wire.refusal(reply_to, told.method))
            return [AgentEvent("notice", what=told.method[:80], text="there is no such method here")]
        self._transcript.interrupt()
        call = table(told.params.get("toolCall"))
        known, _ = self._transcript.calls.get(id_of(call.get("toolCallId")), ("", ""))
        kind = permissions.kind_of(call.get("kind") or known)
        rule = permissions.rule_for(kind, self._brief.permissions)
        about = {"tool": kind, "text": shown(permissions.subject(call))}
        if self._leaving or self.finished:
            self._out.append(wire.answer(reply_to, permissions.CANCELLED))
            return [AgentEvent("notice", what="permission", answer="cancelled", **about)]
        if rule is PermissionRule.ASK and len(self._asked) < _MOST_ASKED:
            question = f"{reply_to}"[:_ID]
            question += f"-{self._count}-{len(self._asked)}" if question in self._asked else ""
            self._asked[question] = reply_to, told.params.get("options"), kind, about["text"]
            self._wait()
            return [AgentEvent("needs_input", question=question, **about)]
        answer = permissions.outcome(told.params.get("options"), rule)
        self._reply(reply_to, answer, allowed=rule is PermissionRule.ALLOW, about=about["text"])
        chosen = text_of(answer["outcome"].get("optionId"))
        return [AgentEvent("notice", what="permission", answer=str(rule), chosen=chosen[:256], **about)]

    def _reply(self, reply_to: str | int, answer: Mapping[str, object], *, allowed: bool, about: str) -> None:
        self._out.append(wire.answer(reply_to, answer))
        if (not allowed or answer is permissions.CANCELLED) and len(self._denied) < _MOST_DENIED:
            self._denied.append(about[:4096])

    def _wait(self) -> None:
        """It waits for a person as long as a question is open."""
        self.questions = {
            question: f"{kind}: {about}"[:_SHORT] for question, (_, _, kind, about) in self._asked.items()
        }
        self.waiting = bool(self._asked)

    # The rest.

    def _ask(self, method: str, **params: object) -> None:
        self._pending[self._count] = self.awaits = method
        self._out.append(wire.request(self._count, method, params))
        self._count += 1

    def _can(self, what: str) -> bool:
        return isinstance(table(self._offers.get("sessionCapabilities")).get(what), dict)

    def _failed(self, fault: AcpFault, method: str) -> list[AgentEvent]:
        if method == _PROMPT and self._leaving:
            self._reason = "cancelled"
        else:
            self._fault = fault, self._settings[0].what if self._settings else method
        self._end()
        return [AgentEvent("error", text=shown(f"{method}: {fault.words}"))]

    def _give_up(self, why: str) -> list[AgentEvent]:
        self._problem = why
        self._end()
        return [AgentEvent("error", text=shown(why))]

    def _end(self) -> None:
        self.finished = not self._leaving  # who is told to stop has no result of its own any more
        self._asked.clear()
        self._wait()
        self.awaits = ""
        self._close()

    def _close(self) -> None:
        """Close the session, where there is one; then its input ends."""
        if (
            self._session
            and self._can("close")
            and _CLOSE not in self._pending.values()
            and not self.hangs_up
        ):
            self._ask(_CLOSE, sessionId=self._session)
            self.awaits = ""
        elif _CLOSE not in self._pending.values():
            self.hangs_up = True

    def _errors(self, ended: AgentExit) -> list[str]:
        if self._problem:
            return [self._problem]
        if self._reason:
            return []
        open_step = next((method for method in self._pending.values() if method != _CLOSE), "")
        step = "within its turn" if open_step == _PROMPT else f"without an answer to {open_step}"
        return [f"it ended with {ended.words} {step}", *self.complaints]

    def _cost(self) -> float | None:
        """What the turn cost: of a conversation that was gone on with, without what is known to be older. 0 is what agents say
        that do not know the price.
        """
        return self._transcript_cost() if any(self._usage) else None

    def _transcript_cost(self) -> float | None:
        told, again = self._transcript, bool(self._brief.resume)
        if not told.cost or (again and told.cost_before is None):
            return None
        spent = told.cost - (told.cost_before or 0.0 if again else 0.0)
        return spent if spent > 0 else None
