"""A scan of the host that we are on: the same look that other hosts are asked for, without leaving the process.

Inside of a fleet the sessions that it knows are handed on; outside of one processes are seen all the same, and belong to none.
"""

from __future__ import annotations

import os
from dataclasses import replace

from gitfleet.clone import Clone
from gitfleet.codec import Struct
from gitfleet.errors import Blocked, FleetError, NoFleet, NoRepository
from gitfleet.onhost import candidate_form, memory, procfs, scanning
from gitfleet.onhost.records import HostProcess, ScanRequest
from gitfleet.onhost.redaction import Redactor
from gitfleet.onhost.scanning import ScanFindings
from gitfleet.triage import known_sessions
from gitfleet.triage.known_sessions import KnownSessions


class HostLook(Struct):
    """What was found here, what the fleet knows of sessions (nothing outside of one), and what redacts it."""

    findings: ScanFindings
    known: KnownSessions
    hides: Redactor
    problem: str = ""
    """Why sessions are not known although this is a fleet, in a sentence; empty: they are."""


def look(*, profile: str, seconds: float, path: str = ".") -> HostLook:
    """Scan this host. Changes nothing, and keeps nothing. Raises Blocked where the system shows no processes."""
    if not os.path.exists(f"{procfs.PROC}/self/stat"):
        raise Blocked(
            "This system has no /proc, which is where processes are read from.", hint="Scan from Linux."
        )
    known, problem = _known(path)
    request = ScanRequest(
        sessions=dict(known.states), places=dict(known.places), ends=dict(known.ends), key=os.urandom(32), profile=profile,
        seconds=seconds,
    )  # fmt: skip
    findings = scanning.look(request)
    return HostLook(
        findings, known, candidate_form.redactor(profile, request.key, findings.table.facts), problem
    )


def _known(path: str) -> tuple[KnownSessions, str]:
    nothing = KnownSessions({}, {}, {})
    try:
        with Clone.open(path, bulk=True) as clone:
            return known_sessions.known(clone), ""
    except (NoRepository, NoFleet):
        return nothing, ""
    except FleetError as error:  # processes can be looked at all the same
        return (
            nothing,
            f"What the fleet knows of sessions cannot be read, so each counts as unknown: {error.message}",
        )


class SessionUse(Struct):
    """What the processes of one session use together ("": those of none), without those that have ended. Memory in bytes, `cpu` in cores.

    `pss` leaves out those of which it could not be read; `unweighed` counts them.
    """

    session: str
    state: str
    worktree: str
    processes: int
    pss: int
    unweighed: int
    rss: int
    swap: int
    cpu: float | None
    oldest: float
    orphans: int


def by_session(found: HostLook) -> list[SessionUse]:
    """What each session uses, the one with the most memory first; what belongs to none comes last, and only as far as it is ours."""
    findings = found.findings
    of_session: dict[str, list[HostProcess]] = {}
    for pid, origin in findings.origins.items():
        of_session.setdefault(origin.session or "", []).append(findings.table.processes[pid])
    worktrees = {session: path for path, session in found.known.places.items()}
    uses = [
        _use(found, session, worktrees.get(session, ""), members) for session, members in of_session.items()
    ]
    return sorted(uses, key=lambda use: (not use.session, -use.pss, use.session))


def _use(found: HostLook, session: str, worktree: str, members: list[HostProcess]) -> SessionUse:
    origins = found.findings.origins
    living = [one for one in members if not one.zombie]
    weighed = [replace(one, pss=memory.pss(one)) for one in living] if session else living
    rates = [one.cpu for one in living if one.cpu is not None]
    return SessionUse(
        session=session,
        state=next((origins[one.identity.pid].state for one in members), "unknown"),
        worktree=worktree,
        processes=len(living),
        pss=sum(one.pss or 0 for one in weighed),
        unweighed=sum(one.pss is None for one in weighed),
        rss=sum(one.rss for one in members),
        swap=sum(one.swap for one in members),
        cpu=sum(rates) if rates else None,
        oldest=max(one.age for one in members),
        orphans=sum(origins[one.identity.pid].orphan for one in living),
    )
