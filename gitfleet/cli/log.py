"""`log`: what the fleet has agreed."""

from __future__ import annotations

from typing import Annotated

from gitfleet.base import clock
from gitfleet.base.names import SessionId
from gitfleet.cli.answer import Reply
from gitfleet.cli.claiming import as_of, freshness
from gitfleet.cli.declaring import Argument, Option
from gitfleet.cli.options import OfSession
from gitfleet.fleet.fleet import Fleet
from gitfleet.fleet.views import log_rows
from gitfleet.fleet.views.log_rows import OperationRow
from gitfleet.ledger.log import UNREADABLE

SomePath = Annotated[
    str | None,
    Argument(metavar="[PATH]", help="Only operations that meet this path.", complete="claimed"),
]
Kind = Annotated[
    str | None,
    Option(
        "--kind", metavar="KIND", help="Only this kind: claim, claim.release, session, …", complete="kinds"
    ),
]
Limit = Annotated[int, Option("--limit", "-n", min=0, help="How many at most; 0 is all.")]


def log(
    path: SomePath = None,
    session: OfSession = None,
    kind: Kind = None,
    limit: Limit = 50,
) -> Reply:
    """Show the audit log, newest first: every operation that the fleet has agreed."""
    with Fleet.open() as fleet:
        found = log_rows.operations(
            fleet.log(
                path, session=None if session is None else SessionId(session), kind=kind, limit=limit or None
            )
        )
        lines = [_line(row) for row in found["operations"]] or ["nothing"]
        state = fleet.current()
        old = freshness(fleet, state.age, len(state.tentative))
        return Reply(found, [*lines, *as_of(fleet, state.age)], warnings=old)


def _line(row: OperationRow) -> str:
    when = "?" if row["kind"] == UNREADABLE else clock.iso(row["at"])
    return f"{row['generation']:>6}  {when:<20}  {row['node']}  {row['subject']}"
