"""How an attempt's processes are ended: TERM, the time of grace, KILL; and who they are."""

from __future__ import annotations

import os
import signal

from gitfleet.jobs.shepherd import family, scoping
from gitfleet.jobs.shepherd.records import EscapedProcess, Spec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gitfleet.jobs.shepherd.agent import AgentProcess
    from gitfleet.jobs.shepherd.family import Member

_LEFTOVERS = 5.0
"""Seconds that what an agent left behind gets, at most: nobody waits for anything of it any more."""
_GIVE_UP = 30.0
"""Seconds after KILL until a process counts as one that cannot be ended, such as one that waits for a dead disk."""
_FIRST, _LONGEST = 0.005, 0.25


class Ladder:
    """The ending of one attempt. Moments in seconds of one clock."""

    def __init__(self, spec: Spec) -> None:
        self._spec = spec
        self._grace = spec.limits.grace / 1000
        self.scope = ""
        """The folder of the control group that the agent runs in, where it has one of its own."""
        self.why = ""
        """Why it is stopped; empty where it ends by itself."""
        self.begun = False
        self.killed = False
        self.leftovers = 0
        self.left: list[int] = []
        self._kill_at = 0.0
        self._given_up_at: float | None = None
        self._look_at, self._pause = 0.0, _FIRST
        self._escaped: dict[int, str] = {}

    def stop(self, agent: AgentProcess, why: str, grace: int | None, now: float) -> None:
        """Begin, or hurry up what has begun already: `grace` in milliseconds from now on (None: as the spec says)."""
        self.why = self.why or why
        if not self.begun:
            self._begin(agent, self._grace if grace is None else grace / 1000, now)
        elif grace is not None:
            self._kill_at = min(self._kill_at, now + grace / 1000)
            self._look_at = now

    def agent_ended(self, agent: AgentProcess, now: float) -> None:
        """The agent's own process is gone: what it has left goes, too."""
        rest = self._rest(agent)
        self.leftovers = sum(one.pid not in self._escaped for one in rest)
        if self.begun:
            self._kill_at = min(self._kill_at, now + _LEFTOVERS)
            self._look_at = now
        elif rest:
            self._begin(agent, min(self._grace, _LEFTOVERS), now)

    def climb(self, agent: AgentProcess, now: float) -> bool:
        """Do what is due; whether nothing is left of the attempt (or nothing that can be ended)."""
        over = agent.status is not None
        if not self.begun or now < self._look_at:
            return over and not self.begun
        rest = self._rest(agent)
        if not rest:
            self._later(now)
            return over
        if now >= self._kill_at:
            self._kill(agent, rest)
            self._given_up_at = self._given_up_at or now + _GIVE_UP
            if over and now >= self._given_up_at:
                self.left = [one.pid for one in rest]
                return True
        self._later(now)
        return False

    def due(self) -> float:
        """When to look again."""
        return self._look_at

    def escaped(self, agent: AgentProcess) -> tuple[EscapedProcess, ...]:
        """What had left the agent's session, by its mark or since it descends from the agent, and whether it is gone now."""
        everybody = family.processes()
        alive = {one.pid for one in self._marked(agent, everybody)}
        alive |= {one.pid for one in everybody if one.parent == os.getpid() and not one.zombie}
        for pid in alive:
            self._note(pid)
        return tuple(EscapedProcess(pid, said, pid not in alive) for pid, said in self._escaped.items())

    def _note(self, pid: int) -> None:
        self._escaped.setdefault(pid, family.command(pid))

    def _begin(self, agent: AgentProcess, grace: float, now: float) -> None:
        self.begun = True
        self._kill_at = now + grace
        family.send_group(agent.pid, signal.SIGTERM)
        others = [one.pid for one in self._rest(agent) if one.group != agent.pid]
        family.send(others, signal.SIGTERM)
        self._look_at, self._pause = now, _FIRST

    def _kill(self, agent: AgentProcess, rest: list[Member]) -> None:
        self.killed = True
        scoping.kill(self.scope)
        family.send_group(agent.pid, signal.SIGKILL)
        family.send([one.pid for one in rest], signal.SIGKILL)

    def _later(self, now: float) -> None:
        until = max(self._kill_at - now, 0.0) or _LONGEST
        self._look_at = now + min(self._pause, until)
        self._pause = min(self._pause * 2, _LONGEST)

    def _rest(self, agent: AgentProcess) -> list[Member]:
        """What of it still runs and is to be ended."""
        everybody = family.processes()
        inside = self._inside(agent, everybody)
        outside = self._marked(agent, everybody)
        for one in outside:
            self._note(one.pid)
        return [*inside, *(outside if self._spec.ends_escaped else [])]

    def _inside(self, agent: AgentProcess, everybody: list[Member]) -> list[Member]:
        """What runs in the agent's session, in its group, or in its scope."""
        found = family.members(agent.pid, everybody)
        if self.scope:
            known, scoped = {one.pid for one in found}, set(scoping.members(self.scope))
            found += [one for one in everybody if one.pid in scoped - known and not one.zombie]
        return found

    def _marked(self, agent: AgentProcess, everybody: list[Member]) -> list[Member]:
        inside = {one.pid for one in self._inside(agent, everybody)} | {os.getpid()}
        found = family.marked(self._spec.marker, agent.start, everybody)
        return [one for one in found if one.pid not in inside]
