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
from gitfleet.codec import changed
from gitfleet.jobs.adapters.runtimes import for_runtime
from gitfleet.jobs.records import news
from gitfleet.jobs.shepherd import endings, records, scoping
from gitfleet.jobs.shepherd.agent import AgentProcess, CannotStart
from gitfleet.jobs.shepherd.containers import ContainerWatch
from gitfleet.jobs.shepherd.disk import DiskWatch
from gitfleet.jobs.shepherd.lease import LeaseWatch
from gitfleet.jobs.shepherd.limits import Deadlines
from gitfleet.jobs.shepherd.parting import TIMES, Parting
from gitfleet.jobs.shepherd.reading import Recorder
from gitfleet.jobs.shepherd.records import AttemptState, EndRecord, Spec, StopRequest
from gitfleet.jobs.shepherd.spending import SpendWatch
from gitfleet.jobs.shepherd.stopping import Ladder
from gitfleet.jobs.streams.writer import StreamWriter
from gitfleet.jobs.words import AttemptOutcome, EndCause

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gitfleet.jobs.adapters.results import AgentEvent
    from gitfleet.jobs.shepherd.outputs import AgentOutput

_SCOPE_LOOK = 0.05
_LONGEST_PAUSE = 30.0
_PLACE_LOOK = 1.0
"""Seconds between two looks at least whether the attempt's folder is there still; without anything else to do, the pause above is between them."""
_ASKED = 4096
_LAST_READS = 256  # of 64 KiB: what lies in the pipes, and no more from who goes on writing


class WatchedAttempt:
    """An attempt in `folder`. `bell` can be read from when a signal has come."""

    def __init__(self, folder: str, spec: Spec, writer: StreamWriter, bell: int) -> None:
        self._folder, self._spec, self._writer, self._bell = folder, spec, writer, bell
        self._adapter = for_runtime(spec.adapter, model=spec.model)
        self._recorder = Recorder(writer, self._adapter, self._heard, spec.setup)
        self._state = AttemptState("starting", os.getpid(), marker=spec.marker)
        self.asked = False
        """Somebody has sent a signal to stop it."""
        self.answered = False
        """Somebody has answered a question of its agent's."""
        self._ladder = Ladder(spec)
        self._parting: Parting | None = None
        self._lease = LeaseWatch(spec.lease)
        self._boxes = ContainerWatch(spec.container, folder) if spec.container else None
        self._place_due = 0.0
        self._waited = False  # for a person, when it was stopped
        self._scope_due = time.monotonic() if spec.scope else 0.0
        disk = spec.limits.disk
        self._disk = DiskWatch(spec.worktree, disk) if disk is not None and spec.worktree else None
        self._spending: SpendWatch | None = None
        self._ended = 0
        self._asks, self._asked_at = "", 0

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
        self._adapter.begin(spec.cwd, spec.brief)
        argv, env = (
            scoping.wrapped(self._folder, spec, spec.scope) if spec.scope else (list(spec.argv), spec.env)
        )
        agent = AgentProcess(argv, spec.cwd, env, fed=fed)
        self._set(
            agent=agent.pid, start=agent.start, boot=identity.boot_id(), started=clock.milliseconds()
        )  # written down before it runs: whoever finds us dead finds it
        agent.go()
        self._set(phase=self._phase())
        self._recorder.note("started", f"process {agent.pid} was started", pid=agent.pid)
        if fed:
            agent.say((data or b"") + self._adapter.outgoing(), last=not self._adapter.talks)
        records.forget_environment(self._folder, spec)
        self._limits = Deadlines(spec.limits, time.monotonic())
        if spec.allowance and spec.allowance.limits:
            self._spending = SpendWatch(spec.allowance, self._adapter, time.monotonic())
        self._tell_limits()
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
            self._limits.heard(time.monotonic())
            if self._spending:
                self._spending.heard(time.monotonic())
            self._heed(agent)
        return True

    def _heed(self, agent: AgentProcess) -> None:
        """Go by what the adapter makes of what has come."""
        adapter = self._adapter
        self._tell_limits()
        if adapter.talks:
            agent.say(adapter.outgoing(), last=adapter.hangs_up)
        if not self._ladder.why:
            self._set(phase=self._phase(), finished=adapter.finished, questions=adapter.questions)

    def _tell_limits(self) -> None:
        """The setup may be silent for as long as it likes: it has a limit of its own."""
        adapter = self._adapter
        waiting = adapter.waiting or self._recorder.preparing
        self._limits.told(time.monotonic(), waiting=waiting, finished=adapter.finished, awaits=adapter.awaits)

    def _phase(self) -> str:
        if self._recorder.preparing:
            return "setup"
        return "needs_input" if self._adapter.waiting else "running"

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
        if self.answered:
            self.answered = False
            self._answer(agent)
        if self.asked:
            self.asked = False
            stop = self._request() or StopRequest(EndCause.TERMINATED)
            self._stop(agent, stop.why, stop.grace)
        elif not self._ended and not self._ladder.why:
            self._hold_to_limits(agent, now)
        parting = self._parting
        if parting and not self._ladder.begun and not self._ended and parting.over(now):
            self._ladder.stop(agent, "", round(parting.grace * 1000), now)
        over = self._ladder.climb(agent, now)
        if self._boxes and (over or self._ladder.killed):
            return self._boxes.look(agent, now, over=over)
        return over

    def _hold_to_limits(self, agent: AgentProcess, now: float) -> None:
        """Stop it where a limit, or its lease, is over."""
        limit = self._limits.next()
        if self._is_gone(now):
            self._stop(agent, EndCause.TERMINATED, None)
        elif self._lease.over():
            self._stop(agent, EndCause.FENCED, min(self._spec.limits.grace, self._lease.grace))
        elif limit and limit[0] <= now:
            if limit[1] == EndCause.HANDSHAKE and (records.at_gate(self._folder) or self._recorder.preparing):
                self._limits.restart(now)  # it has not run yet, so it cannot have answered
            else:
                self._stop(agent, limit[1], None)
        elif self._disk and not self._ladder.begun and self._disk.due <= now and self._disk.passed():
            self._stop(agent, EndCause.DISK, None)
        elif self._spending and self._overspent(self._spending, now):
            self._stop(agent, EndCause.BUDGET, None)

    def _is_gone(self, now: float) -> bool:
        """Whether somebody has taken the attempt's folder away: then nobody could hear of it any more, or have it stopped."""
        if now < self._place_due:
            return False
        self._place_due = now + _PLACE_LOOK
        return not os.path.isdir(self._folder)

    def _overspent(self, watch: SpendWatch, now: float) -> bool:
        """Whether a budget is spent. What has given its result costs nothing more."""
        return watch.due <= now and not self._adapter.finished and watch.passed(now)

    def _answer(self, agent: AgentProcess) -> None:
        """Hand on what persons have answered."""
        for one in records.take_answers(self._folder):
            if self._adapter.answer(one.question, allow=one.allow):
                word = "allow" if one.allow else "reject"
                self._recorder.note(
                    "notice", f"a person has answered {one.question}: {word}", what="answered", answer=word
                )
        self._heed(agent)

    def _stop(self, agent: AgentProcess, why: str, grace: int | None) -> None:
        if self._ended and not self._ladder.why:
            why = ""  # it ended by itself; only the rest is hurried up
        now, adapter = time.monotonic(), self._adapter
        first = bool(why) and not self._ladder.why
        if first:
            self._waited = adapter.waiting
            self._recorder.note("stopping", f"it is stopped: {why}", why=why)
            self._set(phase="stopping", why=why)
        if first and adapter.talks and adapter.met and not adapter.hangs_up:
            self._ladder.why = why
            whole = TIMES * self._spec.limits.grace if grace is None else grace
            self._parting = Parting(adapter, agent, whole / 1000, now)
        elif self._parting and not self._ladder.begun:
            if grace is not None:
                self._parting.hurry(grace / 1000, now)
        else:
            self._ladder.stop(agent, why, grace, now)

    def _pause(self) -> int:
        """Milliseconds until something is due."""
        moments = []
        if self._ladder.begun:
            moments.append(self._ladder.due())
        elif self._parting:
            moments.append(self._parting.due)
        elif limit := self._limits.next():
            moments.append(limit[0])
        if self._boxes and (due := self._boxes.due()):
            moments.append(due)
        if self._scope_due:
            moments.append(self._scope_due)
        if self._disk and not self._ladder.begun:
            moments.append(self._disk.due)
        if self._spending and not self._ladder.why and not self._adapter.finished:
            moments.append(self._spending.due)
        pauses = [moment - time.monotonic() for moment in moments]
        if not self._ladder.begun and (pause := self._lease.pause()) is not None:
            pauses.append(pause)
        return max(0, int(min([*pauses, _LONGEST_PAUSE]) * 1000) + 1)

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
        outcome, result, ended = endings.judged(why, self._adapter, agent.status or 0, waited=self._waited)
        starved = bool(ladder.scope) and scoping.out_of_memory(ladder.scope)
        error = "the memory limit of its scope was reached" if starved else ""
        if why == EndCause.DISK and self._disk:
            error = self._disk.words()
        if why == EndCause.BUDGET and self._spending:
            error = self._spending.words
        if self._recorder.preparing and why == EndCause.EXITED:
            outcome, error = AttemptOutcome.FAILED, error or endings.unprepared(self._recorder.setup_said)
        self._recorder.note("ended", f"it ended with {ended.words}: {outcome}", why=why, outcome=str(outcome))
        writer.sync()
        return EndRecord(
            why, str(outcome), code=ended.code, signal=ended.signal, started=self._state.started,
            ended=self._ended, gone=clock.milliseconds(), result=result, killed=ladder.killed,
            error=error,
            leftovers=ladder.leftovers, escaped=ladder.escaped(agent), left=tuple(ladder.left),
            lines=writer.lines, bytes=writer.bytes, gaps=writer.gaps + bool(writer.untold),
            memory_limit=self._limited(), containers=self._boxes.left if self._boxes else (),
        )  # fmt: skip

    def _limited(self) -> bool | None:
        """Whether the memory limit was in force; None where none was wished for."""
        wished = self._spec.scope is not None and self._spec.scope.memory is not None
        return bool(self._state.memory_limit) if wished else None

    def _heard(self, event: AgentEvent) -> None:
        if event.kind == "session" and event.facts.get("id"):
            self._set(session_id=str(event.facts["id"])[:256])
        if event.kind == "needs_input":
            said = event.facts.get("text") or event.facts.get("question") or ""
            self._asks, self._asked_at = str(said)[:_ASKED], clock.milliseconds()

    def _request(self) -> StopRequest | None:
        try:
            return records.load(StopRequest, self._folder, records.STOP)
        except (OSError, ValueError):
            return StopRequest()

    def _set(self, **facts: object) -> None:
        if "phase" in facts:
            facts |= self._asking(str(facts["phase"]))
        before, self._state = self._state, changed(self._state, facts)
        if self._state != before:
            self._save()
        if self._spec.bell and self._state.asked_at != before.asked_at:
            news.ring(self._spec.bell)

    def _asking(self, phase: str) -> dict[str, object]:
        """What the agent waits for, where it does."""
        if phase != "needs_input":
            self._asks, self._asked_at = "", 0
            return {"asks": "", "asked_at": 0}
        self._asked_at = self._asked_at or clock.milliseconds()
        return {"asks": self._asks, "asked_at": self._asked_at}

    def _save(self) -> None:
        with suppress(OSError):  # a full disk: who asks is told by the lock and by the mark
            records.save(self._folder, records.STATE, self._state)
