"""Which session started a process, and whether anybody still looks after it.

The marker in its environment says it best. Programs that set their title wipe their environment out, and then the next best is
taken: parent, children, process group, terminal session, control group, working directory. What a user started by hand has a
readable environment without a marker, and is never given a session because something beside it has one. Pure.
"""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import Callable, Iterable, Mapping, NamedTuple

from gitfleet.onhost import supervisors
from gitfleet.onhost.records import HostProcess, Origin, ProcessTable

LIVE, ENDED, UNKNOWN = "live", "ended", "unknown"
NOBODYS = "-"
"""What a place is given to that is the fleet's, but no session's alone."""
_SCOPE = re.compile(r"gitfleet-(.+)-[0-9]+\.scope\Z")
_SLACK = 60.0
"""Seconds by which the clocks of hosts may differ, and by which the end of a session may be told late."""
_DESKTOP_APP = re.compile(r"app-.+\.scope\Z")
"""What a desktop starts for its user is often a child of the user's service manager, and no orphan."""
_MADE_UP = re.compile(r"-(?![a-z]+\Z)(?![0-9]+\Z)[0-9a-hjkmnp-tv-z]{8}\Z")
"""The end of an id that was made up (`base.ids.named`); `api-database` and `review-20261130` were chosen."""
_UNUSUAL = re.compile(r"[^A-Za-z0-9:_.-]+")


class Supervision(NamedTuple):
    """Whether something looks after a process, and what that is (None: it cannot be seen). `weak`: perhaps; evidence that its
    session has ended outweighs it.
    """

    there: bool
    by: int | None = None
    weak: bool = False


_NOBODY = Supervision(there=False)


def origins(
    table: ProcessTable,
    sessions: dict[str, str],
    placed: dict[int, str],
    *,
    ends: Mapping[str, int] = MappingProxyType({}),
    alive: Callable[[int], bool] = lambda pid: True,
    own_pid: int = 0,
) -> dict[int, Origin]:
    """The origin of each process of the asking user. `sessions`: id to live or ended; `placed`: pid to the session whose worktree
    it works in; `ends`: when a session ended, as far as that is known; `alive` answers of a pid that is not in the table whether it exists; `own_pid` is who asks.
    """
    family = Family(table, sessions, placed, alive, ends)
    ours = set(family.line(own_pid)) if own_pid else set()
    found = {}
    for pid, one in table.processes.items():
        if one.identity.uid == table.facts.uid and not one.kernel:
            session, by = family.session(one)
            found[pid] = _origin(family, one, session, by, ours)
    return found


def _origin(family: Family, one: HostProcess, session: str | None, by: str, ours: set[int]) -> Origin:
    state = family.state(session, one)
    pid = one.identity.pid
    above = Supervision(True, pid) if pid in ours else family.supervision(one)
    there = above.there and not (above.weak and state == ENDED)
    shared = family.lives_in_another(session, one)
    return Origin(session, by, state, there, above.by if there else None, orphan=not there, shared=shared)


def line(processes: dict[int, HostProcess], pid: int) -> list[int]:
    """A process, and all above it, as far as they can be seen."""
    found: list[int] = []
    while pid in processes and pid not in found:
        found.append(pid)
        pid = processes[pid].ppid
    return found


def of_group(members: Iterable[HostProcess], known: dict[int, Origin]) -> Origin:
    """The origin of several together: supervised if one of them is; of two sessions the one that is more alive.

    Of a session only if its leader, the first, is, or nothing of them that is of none has started what is: a user's program
    that runs something of a session is the user's.
    """
    listed = [one for one in members if one.identity.pid in known]
    found = [known[one.identity.pid] for one in listed]
    if not found:
        return Origin()
    order = {LIVE: 0, UNKNOWN: 1, ENDED: 2}
    named = sorted(
        (one for one in found if one.session), key=lambda one: (order.get(one.state, 1), _RANK[one.by])
    )
    first = named[0] if named and not _others(listed, known) else Origin()
    above = next((one for one in found if one.supervised), None)
    return Origin(
        first.session, first.by, first.state, above is not None, above.supervisor if above else None,
        orphan=above is None, shared=any(one.shared for one in found),
    )  # fmt: skip


def _others(members: list[HostProcess], known: dict[int, Origin]) -> bool:
    """Whether one of no session has started another."""
    nobodys = {one.identity.pid for one in members if known[one.identity.pid].session is None}
    return any(one.ppid in nobodys and known[one.identity.pid].session for one in members)


_RANK = {
    by: rank
    for rank, by in enumerate(("marker", "parent", "child", "group", "terminal", "cgroup", "place", "none"))
}


class Family:
    """The processes of one table by what ties them together."""

    def __init__(
        self,
        table: ProcessTable,
        sessions: dict[str, str],
        placed: dict[int, str],
        alive: Callable[[int], bool],
        ends: Mapping[str, int],
    ) -> None:
        self.processes, self.sessions, self._placed, self._alive = table.processes, sessions, placed, alive
        self._uid, self._taken, self._ends = table.facts.uid, table.taken, ends
        self._children: dict[int, list[HostProcess]] = {}
        self._groups: dict[int, list[HostProcess]] = {}
        self._terminals: dict[int, list[HostProcess]] = {}
        self._chains: dict[int, Supervision] = {}
        self._mains: dict[str, int] = {}
        self._scopes = {_UNUSUAL.sub("_", one)[:64]: one for one in sessions}
        for one in sorted(self.processes.values(), key=lambda one: (one.identity.start, one.identity.pid)):
            self._children.setdefault(one.ppid, []).append(one)
            self._groups.setdefault(one.pgid, []).append(one)
            self._terminals.setdefault(one.sid, []).append(one)
            parent = self.processes.get(one.ppid)
            if one.cgroup and parent and supervisors.reaps(parent):
                self._mains.setdefault(one.cgroup, one.identity.pid)

    def lives_in_another(self, session: str | None, one: HostProcess) -> bool:
        """Whether it works in the worktree of a live session that has not started it."""
        place = self._placed.get(one.identity.pid)
        elsewhere = place is not None and place != session and not one.cwd_deleted
        return elsewhere and self.sessions.get(place or "") == LIVE

    def line(self, pid: int) -> list[int]:
        """It, and all above it."""
        return line(self.processes, pid)

    def state(self, session: str | None, one: HostProcess) -> str:
        """What the asker says of a session. That one with a name that people chose has ended is believed only of what works in
        a place of the fleet: another fleet of this host may have a session of that name.
        """
        told = self.sessions.get(session or "", UNKNOWN)
        chosen = session is not None and not _MADE_UP.search(session)
        if told == ENDED and (
            (chosen and one.identity.pid not in self._placed) or self._came_after(session, one)
        ):
            return UNKNOWN
        return told

    def _came_after(self, session: str | None, one: HostProcess) -> bool:
        """Whether it was started after the end of the session, and by nothing that was there before: another clone has that name too, or
        somebody goes on working with its mark. What has a leak above it, or in its group, is part of that.
        """
        end = self._ends.get(session or "")
        if end is None:
            return False
        above = [self.processes[pid] for pid in self.line(one.identity.pid) if pid != 1]
        kin = [other for other in (*above, *self._groups.get(one.pgid, ())) if other.marker == session]
        return all(self._taken - other.age > end + _SLACK for other in (one, *kin))

    # whose it is

    def session(self, one: HostProcess) -> tuple[str | None, str]:
        """The session that started it, and how that is known."""
        if one.marker:
            return one.marker, "marker"
        inherited = next((above.marker for above in self._above(one) if above.marker), None)
        if inherited:
            return inherited, "parent"
        if "marker" in one.gaps or one.zombie:  # it may have had one: who is tied to it?
            pid = one.identity.pid
            ties = (
                ("child", self._children.get(pid)),
                ("group", self._groups.get(one.pgid)),
                ("terminal", self._terminals.get(one.sid)),
            )
            for by, others in ties:
                shared = self._agreed(one, others or ())
                if shared:
                    return shared, by
        scoped = self._scope(one)
        if scoped:
            return scoped, "cgroup"
        place = self._placed.get(one.identity.pid, NOBODYS)
        return (None, "none") if place == NOBODYS else (place, "place")

    def _above(self, one: HostProcess) -> Iterable[HostProcess]:
        """What has started it, as far as that is still above it; never what only took it over, or serves many sessions."""
        for pid in self.line(one.identity.pid)[1:]:
            above = self.processes[pid]
            if supervisors.reaps(above) or supervisors.serves_many(above):
                return
            yield above

    def _agreed(self, one: HostProcess, others: Iterable[HostProcess]) -> str | None:
        """The session that all others name whose environment can be read; None if they differ, or one of them names none."""
        readable = [
            other for other in others
            if other is not one and other.identity.uid == self._uid and not other.zombie and "marker" not in other.gaps
        ]  # fmt: skip
        named = {other.marker for other in readable}
        return named.pop() if len(named) == 1 else None

    def _scope(self, one: HostProcess) -> str | None:
        for part in (one.cgroup or "").split("/"):
            found = _SCOPE.match(part)
            if found:
                return self._scopes.get(found.group(1), found.group(1))
        return None

    # who looks after it

    def supervision(self, one: HostProcess) -> Supervision:
        """What stands above it, or above what shares its process group, or above the leader of its session."""
        own = self._chain(one)
        if own.there and not own.weak:
            return own
        beside = [other for other in self._groups.get(one.pgid, ()) if one.pgid > 0 and not other.zombie]
        leader = self.processes.get(one.sid)
        for other in [*beside, *([leader] if leader and not leader.zombie else [])]:
            chain = self._chain(other)
            if chain.there and not chain.weak:
                return chain
        return own

    def _chain(self, one: HostProcess) -> Supervision:
        pid = one.identity.pid
        if pid not in self._chains:
            self._chains[pid] = self._climb(one)
        return self._chains[pid]

    def _climb(self, one: HostProcess) -> Supervision:
        for pid in self.line(one.identity.pid):
            here = self.processes[pid]
            if here.identity.uid != self._uid or (supervisors.supervises(here) and not here.zombie):
                return Supervision(True, pid)
            if here.terminal:  # the kernel takes it away when the leader of the session ends
                return Supervision(True, here.sid)
            parent = self.processes.get(here.ppid)
            if parent is None:
                return self._out_of_sight(here)
            if supervisors.reaps(parent):
                return self._top(here, parent)
        return Supervision(True)  # a loop: the table is not of one moment

    def _out_of_sight(self, one: HostProcess) -> Supervision:
        """Its parent is not in the table: hidden, outside of this container, or ended since."""
        if one.ppid <= 0 or self._alive(one.ppid):
            return Supervision(True, one.ppid or None)
        return _NOBODY

    def _top(self, one: HostProcess, reaper: HostProcess) -> Supervision:
        """It is a child of init or of a service manager: as a unit that it looks after, or taken over."""
        by = reaper.identity.pid
        if one.unit and one.unit.endswith(".service") and not one.unit.startswith("user@"):
            main = self._mains.get(one.cgroup or "") == one.identity.pid
            return Supervision(True, by, weak=not main)
        if one.unit and _DESKTOP_APP.match(one.unit):
            return Supervision(True, by, weak=True)
        if supervisors.known_init(reaper):
            return _NOBODY
        leader = self.processes.get(one.sid)
        started_by_other = one.sid > 0 and (leader is None or leader.zombie)
        return _NOBODY if started_by_other else Supervision(True, by, weak=True)
