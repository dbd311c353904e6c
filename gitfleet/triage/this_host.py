"""A scan of the host that we are on: the same look that other hosts are asked for, without leaving the process.

Inside of a fleet the sessions that it knows are handed on; outside of one processes are seen all the same, and belong to none.
"""

from __future__ import annotations

import os

from gitfleet.clone import Clone
from gitfleet.codec import Struct
from gitfleet.errors import Blocked, FleetError, NoFleet, NoRepository
from gitfleet.onhost import candidate_form, procfs, scanning
from gitfleet.onhost.records import ScanRequest
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
