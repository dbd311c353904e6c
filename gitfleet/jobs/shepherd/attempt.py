"""One attempt, from its start to its end record.

It is over when the agent's process has ended, whatever still holds its pipes; then the rest of its session is ended, too,
with what carries its mark. Stopping: TERM, the time of grace, KILL. "Gone" is said when nothing of it is left but zombies.
"""

from __future__ import annotations

import os
import select
import time
from contextlib import suppress

from gitfleet.base import clock, identity
from gitfleet.jobs.adapters.runtimes import for_runtime
from gitfleet.jobs.shepherd import endings, records, scoping
from gitfleet.jobs.shepherd.agent import AgentProcess, CannotStart
from gitfleet.jobs.shepherd.lease import LeaseWatch
from gitfleet.jobs.shepherd.limits import Deadlines
from gitfleet.jobs.shepherd.reading import Recorder
from gitfleet.jobs.shepherd.records import AttemptState, EndRecord, Spec, StopRequest
from gitfleet.jobs.shepherd.stopping import Ladder
from gitfleet.jobs.streams.writer import StreamWriter
from gitfleet.jobs.words import EndCause

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from gitfleet.jobs.adapters.results import AgentEvent
    from gitfleet.jobs.shepherd.outputs import AgentOutput

_SCOPE_LOOK = 0.05
_LAST_READS = 256  # of 64 KiB: what lies in the pipes, and no more from who goes on writing


class WatchedAttempt:
    """An attempt in `folder`. `bell` can be read from when a signal has come."""

    def __init__(self, folder: str, spec: Spec, writer: StreamWriter, bell: int) -> None:
        self._folder, self._spec, self._writer, self._bell = folder, spec, writer, bell
        self._adapter = for_runtime(spec.adapter, model=spec.model)
        self._recorder = Recorder(writer, self._adapter, self._heard)
        self._state: dict[str, Any] = {"phase": "starting", "shepherd": os.getpid(), "marker": spec.marker}
        self.asked = False
        """Somebody has sent a signal to stop it."""
        self._ladder = Ladder(spec)
        self._lease = LeaseWatch(spec.lease)
        self._scope_due = time.monotonic() if spec.scope else 0.0
        self._ended = 0

    def run(self) -> EndRecord:
        """Run it to its end, and say how that was. Raises OSError when it cannot be begun."""
        self._save()
        if stop := self._request():
            return endings.never_ran(stop.why, "it was stopped before it had begun")
        try:
            agent = self._start()
        except CannotStart as failed:
            self._recorder.note("ended", str(failed))
            return endings.never_ran(EndCause.START_FAILED, str(failed))
        self._watch(agent)
        return self._finish(agent)

    def _start(self) -> AgentProcess:
        spec = self._spec
        data = None if spec.stdin is None else spec.stdin.encode("utf-8", "surrogateescape")
        fed = data is not None or self._adapter.talks
        argv, env = (
            scoping.wrapped(self._folder, spec, spec.scope) if spec.scope else (list(spec.argv), spec.env)
        )
        agent = AgentProcess(argv, spec.cwd, env, fed=fed)
        self._set(
            agent=agent.pid, start=agent.start, boot=identity.boot_id(), started=clock.milliseconds()
        )  # written down before it runs: whoever finds us dead finds it
        agent.go()
        self._set(phase="running")
        self._recorder.note("started", f"process {agent.pid} was started", pid=agent.pid)
        if fed:
            agent.say((data or b"") + self._adapter.outgoing(), last=not self._adapter.talks)
        records.forget_environment(self._folder, spec)
        self._limits = Deadlines(spec.limits, time.monotonic())
        return agent

    def _watch(self, agent: AgentProcess) -> None:
        """Read, write, count the time, until the agent and all that belongs to it has ended."""
        poll = select.poll()
        poll.register(self._bell, select.POLLIN)
        open_outputs = {output.handle: output for output in agent.outputs}
        for handle in open_outputs:
            poll.register(handle, select.POLLIN)
        while True:
            inlet = agent.inlet if agent.hungry else -1
            if inlet >= 0:
                poll.register(inlet, select.POLLOUT)
            ready = poll.poll(self._pause())
            if inlet >= 0:
                poll.unregister(inlet)
                agent.feed()
            for handle, _ in ready:
                if handle in open_outputs and not self._take(agent, open_outputs[handle]):
                    poll.unregister(handle)
                    open_outputs.pop(handle).close()
            with suppress(BlockingIOError):
                os.read(self._bell, 4096)
            if self._turn(agent):
                return

    def _take(self, agent: AgentProcess, output: AgentOutput) -> bool:
        with suppress(BlockingIOError):
            if not self._recorder.take(output):
                return False
            now = time.monotonic()
            self._limits.heard(now)
            self._limits.told(now, waiting=self._adapter.waiting, finished=self._adapter.finished)
            if self._adapter.talks and (words := self._adapter.outgoing()):
                agent.say(words, last=False)
            phase = "needs_input" if self._adapter.waiting else "running"
            if not self._ladder.why:
                self._set(phase=phase, finished=self._adapter.finished)
        return True

    def _turn(self, agent: AgentProcess) -> bool:
        """What the time and the processes ask for; whether all is over."""
        agent.reap()
        now = time.monotonic()
        self._look_for_scope(agent, now)
        if agent.status is not None and not self._ended:
            self._ended = clock.milliseconds()
            for output in agent.outputs:
                if output.handle >= 0:
                    self._recorder.drain(output, _LAST_READS)
            self._ladder.agent_ended(agent, now)
        if self.asked:
            self.asked = False
            stop = self._request() or StopRequest(EndCause.TERMINATED)
            self._stop(agent, stop.why, stop.grace)
        elif not self._ended and not self._ladder.why and self._lease.over():
            self._stop(agent, EndCause.FENCED, min(self._spec.limits.grace, self._lease.grace))
        elif not self._ended and not self._ladder.why and (limit := self._limits.next()) and limit[0] <= now:
            self._stop(agent, limit[1], None)
        return self._ladder.climb(agent, now)

    def _stop(self, agent: AgentProcess, why: str, grace: int | None) -> None:
        if self._ended and not self._ladder.why:
            why = ""  # it ended by itself; only the rest is hurried up
        if why and not self._ladder.why:
            self._recorder.note("stopping", f"it is stopped: {why}", why=why)
            self._set(phase="stopping", why=why)
            if self._adapter.talks:
                agent.say(self._adapter.farewell(), last=True)
        self._ladder.stop(agent, why, grace, time.monotonic())

    def _pause(self) -> int | None:
        """Milliseconds until something is due; None: until something comes."""
        moments = [self._ladder.due()] if self._ladder.begun else []
        if not self._ladder.begun and (limit := self._limits.next()):
            moments.append(limit[0])
        if self._scope_due:
            moments.append(self._scope_due)
        pauses = [moment - time.monotonic() for moment in moments]
        if not self._ladder.begun and (pause := self._lease.pause()) is not None:
            pauses.append(pause)
        if not pauses:
            return None
        return max(0, int(min(pauses) * 1000) + 1)

    def _look_for_scope(self, agent: AgentProcess, now: float) -> None:
        """The agent is in its scope some moments after its start; then it is known whether its limits are in force."""
        if not self._scope_due or now < self._scope_due or self._spec.scope is None:
            return
        if group := scoping.group_of(agent.pid, self._spec.scope.unit):
            self._ladder.scope = group
            wished = self._spec.scope.memory is not None
            self._set(cgroup=group, memory_limit=scoping.limited(group) if wished else None)
            self._scope_due = 0.0
        else:
            self._scope_due = 0.0 if agent.status is not None else now + _SCOPE_LOOK

    def _finish(self, agent: AgentProcess) -> EndRecord:
        for output in agent.outputs:
            if output.handle >= 0:
                self._recorder.drain(output, _LAST_READS)
                output.close()
        agent.deafen()
        scoping.forget(self._folder)
        ladder, writer = self._ladder, self._writer
        why = ladder.why or EndCause.EXITED
        outcome, result, ended = endings.judged(why, self._adapter, agent.status or 0)
        starved = bool(ladder.scope) and scoping.out_of_memory(ladder.scope)
        self._recorder.note("ended", f"it ended with {ended.words}: {outcome}", why=why, outcome=str(outcome))
        writer.sync()
        return EndRecord(
            why, str(outcome), code=ended.code, signal=ended.signal, started=self._state["started"],
            ended=self._ended, gone=clock.milliseconds(), result=result, killed=ladder.killed,
            error="the memory limit of its scope was reached" if starved else "",
            leftovers=ladder.leftovers, escaped=tuple(ladder.escaped(agent)), left=tuple(ladder.left),
            lines=writer.lines, bytes=writer.bytes, gaps=writer.gaps + bool(writer.untold),
            memory_limit=self._limited(),
        )  # fmt: skip

    def _limited(self) -> bool | None:
        """Whether the memory limit was in force; None where none was wished for."""
        wished = self._spec.scope is not None and self._spec.scope.memory is not None
        return bool(self._state.get("memory_limit")) if wished else None

    def _heard(self, event: AgentEvent) -> None:
        if event.kind == "session" and event.facts.get("id"):
            self._set(session_id=str(event.facts["id"])[:256])

    def _request(self) -> StopRequest | None:
        try:
            return records.load(StopRequest, self._folder, records.STOP)
        except (OSError, ValueError):
            return StopRequest()

    def _set(self, **facts: Any) -> None:
        if any(self._state.get(name) != value for name, value in facts.items()):
            self._state.update(facts)
            self._save()

    def _save(self) -> None:
        with suppress(OSError):  # a full disk: who asks is told by the lock and by the mark
            records.save(self._folder, records.STATE, AttemptState(**self._state))
