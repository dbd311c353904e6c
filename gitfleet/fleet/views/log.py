"""The audit log as rows."""

from __future__ import annotations

from itertools import islice
from typing import TypedDict

from gitfleet.base.names import Oid, SessionId
from gitfleet.claims.model import parsed
from gitfleet.clone import RULES
from gitfleet.errors import FleetError, NoFleet
from gitfleet.fleet.fleet import Fleet
from gitfleet.ledger import log
from gitfleet.patterns.overlap import overlap
from gitfleet.sessions import model as sessions


class OperationRow(TypedDict):
    """One operation that the fleet has agreed."""

    generation: int
    commit: Oid
    at: int
    """When, by the clock of its node."""
    node: str
    session: SessionId
    kind: str
    """Which operation, e.g. `claim.acquire`; the guide to the ledger lists them."""
    operation: str
    paths: list[str]
    subject: str
    """What happened, in one line."""


class LogAnswer(TypedDict):
    """`log`, newest first."""

    operations: list[OperationRow]


def operations(
    fleet: Fleet,
    *,
    path: str | None = None,
    session: str | None = None,
    kind: str | None = None,
    limit: int = 0,
) -> LogAnswer:
    """What the fleet has agreed, newest first: of one session, of one kind, of what meets one path; at most `limit` (0: all).

    Raises NoFleet, BadName, BadPath, Corrupt.
    """
    tip = fleet.ledger.tip()
    if tip is None:
        raise NoFleet("This clone has no ledger yet.", hint="Run `gitfleet init` here.")
    if session is not None:
        sessions.folder(session)  # raises for an id that is none
    wanted = [] if path is None else fleet.claims.patterns([path])

    def meets(text: str) -> bool:
        try:
            said = parsed(text)
        except FleetError:
            return False
        return any(overlap(said, one, case_sensitive=fleet.policy.case_sensitive) for one in wanted)

    found = log.lines(
        fleet.ledger.objects, RULES, tip, session=session, kind=kind, meets=meets if wanted else None
    )
    return {"operations": [_row(line) for line in islice(found, limit or None)]}


def _row(line: log.Line) -> OperationRow:
    return {
        "generation": line.generation, "commit": Oid(line.commit), "at": line.at, "node": line.node,
        "session": SessionId(line.session), "kind": line.kind, "operation": line.operation, "paths": list(line.paths),
        "subject": line.subject,
    }  # fmt: skip
