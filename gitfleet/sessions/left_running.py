"""What sessions have started and not ended: told before their traces go.

A session that ends, or a worktree that is removed, takes along what tells whose a process was. So what still runs is looked up
just before: by its mark, and where that was wiped out by what else tells of it. Nothing is ended here, and what cannot be read
is left out: the look never stops an end.

One look costs what a scan without samples does, some 0.2 ms for each process of the machine, however many sessions are asked for;
half as much again if there is something to tell.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from gitfleet.base import advice
from gitfleet.base.text import amount, counted, duration, one_line
from gitfleet.codec import Struct
from gitfleet.onhost import candidate_form, grouping, places, procfs, provenance, snapshot, supervisors
from gitfleet.onhost.categories import MCP_SERVER, OURS, TERMINAL
from gitfleet.onhost.records import HostProcess, ProcessGroup, ProcessTable
from gitfleet.onhost.redaction import Redactor
from gitfleet.onhost.signatures import kind_of_group

SHOWN = 5
"""How many groups are told one by one."""


class LeftRunning(Struct):
    """A group of processes that a session has left running. `by` says how that is known: marker, parent, child, group, …

    `pid` is that of the first of them; `memory` in bytes and `age` in seconds; `ports` are those that it listens on. Secrets are
    not in `command`.
    """

    pid: int
    processes: int
    command: str
    ports: tuple[int, ...]
    memory: int
    age: float
    by: str

    def words(self) -> str:
        """It in one line, for people."""
        more = f", {self.processes} processes" if self.processes > 1 else ""
        listens = f", port {', '.join(map(str, self.ports[:3]))}" if self.ports else ""
        return f"{self.pid} {one_line(self.command, 60)} ({amount(self.memory)}{more}{listens}, since {duration(int(self.age))})"


def left_running(
    sessions: Mapping[str, str], around: Sequence[str | None] = ()
) -> dict[str, tuple[LeftRunning, ...]]:
    """What runs of each of these sessions, given with their worktrees ("": none): all but who asks, what is above it, and what
    serves an agent that still talks to it. Nothing where the system does not show its processes.

    `around` are other folders of their clone (None: not known). What has the mark of a session whose name somebody chose is told only where it works
    in one of all these: another clone of this machine may have a session of that name.
    """
    nothing: dict[str, tuple[LeftRunning, ...]] = dict.fromkeys(sessions, ())
    if not sessions or not os.path.exists(f"{procfs.PROC}/self/stat"):
        return nothing
    try:
        return {**nothing, **_found(sessions, around)}
    except OSError:  # to look is not worth an end that fails
        return nothing


def told(session: str, running: Sequence[LeftRunning]) -> list[str]:
    """What a session has left running, and what can be done about it, in lines for people; none where it is nothing."""
    if not running:
        return []
    more = len(running) - SHOWN
    return [
        *(f"still running: {one.words()}" for one in running[:SHOWN]),
        *([f"still running: {counted(more, 'more group')} of processes"] if more > 0 else []),
        f"{advice.FLEET_PLAN_LEFT.of(session)} plans to end them; nothing is ended before that plan is applied",
    ]


def _found(sessions: Mapping[str, str], around: Sequence[str | None]) -> dict[str, tuple[LeftRunning, ...]]:
    table = snapshot.take(0, connected=False)
    theirs = {path: session for session, path in sessions.items() if path}
    placed = places.placed(table, {**{path: provenance.NOBODYS for path in around if path}, **theirs})
    known = provenance.origins(table, dict.fromkeys(sessions, provenance.ENDED), placed, own_pid=os.getpid())
    above = frozenset(provenance.line(table.processes, os.getpid()))
    if not any(origin.session in sessions and pid not in above for pid, origin in known.items()):
        return {}
    table = snapshot.connect(table)
    hides = candidate_form.redactor("forensic", os.urandom(32), table.facts)
    found: dict[str, list[LeftRunning]] = {}
    for group in grouping.groups(table, known):
        origin = provenance.of_group(group.members, known)
        living = [one for one in group.members if not one.zombie]
        if origin.session not in sessions or origin.state != provenance.ENDED or not living:
            continue
        if _is_in_use(group, above):
            continue
        if origin.by == "place" and _is_somebodys(group, living, table):
            continue
        found.setdefault(origin.session or "", []).append(_told(living, origin.by, hides))
    return {session: tuple(some) for session, some in found.items()}


def _is_in_use(group: ProcessGroup, above: frozenset[int]) -> bool:
    """Whether it is who asks, or what ends with an agent that is about to end."""
    if any(one.identity.pid in above for one in group.members):
        return True
    kind = kind_of_group(group).category
    return kind == OURS or (kind == MCP_SERVER and group.client is True)


def _is_somebodys(group: ProcessGroup, living: Sequence[HostProcess], table: ProcessTable) -> bool:
    """Whether it is the shell or editor of somebody who works there too, or part of a connection that outlives its commands."""
    return not _is_orphan(living, table) or kind_of_group(group).category == TERMINAL


def _is_orphan(living: Sequence[HostProcess], table: ProcessTable) -> bool:
    """Whether who started the first of them has ended."""
    parent = table.processes.get(living[0].ppid)
    return parent is None or supervisors.reaps(parent)


def _told(living: Sequence[HostProcess], by: str, hides: Redactor) -> LeftRunning:
    first = living[0]
    ports = sorted({port for one in living for port in one.listening or ()})
    return LeftRunning(
        pid=first.identity.pid,
        processes=len(living),
        command=hides.command(first.command or (first.name,)),
        ports=tuple(ports),
        memory=sum(one.rss for one in living),
        age=first.age,
        by=by,
    )
