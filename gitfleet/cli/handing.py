"""`waiting`, `tell`, `offer`, `accept`, `break`: what sessions have to do with each other."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Annotated

from gitfleet.base.names import SessionId
from gitfleet.base.text import counted
from gitfleet.claims import orphans
from gitfleet.claims.model import SHARED
from gitfleet.cli import render
from gitfleet.cli.answer import Reply
from gitfleet.cli.claiming import informed, units_of
from gitfleet.cli.declaring import Argument, Option
from gitfleet.cli.messages import as_session, person
from gitfleet.cli.options import SessionFlag
from gitfleet.fleet.fleet import Fleet
from gitfleet.fleet.views import grants, line
from gitfleet.fleet.views.grants import TellAnswer
from gitfleet.fleet.views.line import TicketRow
from gitfleet.obstacles import Obstacle
from gitfleet.telling import remarks

Leave = Annotated[bool, Option("--leave", help="Give up every place of this session.")]
To = Annotated[str, Argument(metavar="SESSION", help="Whom to tell.", complete="session_ids")]
Text = Annotated[list[str], Argument(metavar="TEXT...", help="What to say.")]
OfferTo = Annotated[
    str,
    Option("--to", metavar="SESSION", help="Who may have them.", complete="session_ids"),
]
BreakReason = Annotated[str, Option("--reason", metavar="TEXT", help="Why; the holders are told.")]
ClaimedPaths = Annotated[
    list[str],
    Argument(metavar="PATH...", help="Claims on these paths, and below them.", complete="claimed"),
]
OfferedPaths = Annotated[
    list[str],
    Argument(
        metavar="PATH...",
        help="Claims of yours on these paths, and below them.",
        complete="own_claims",
    ),
]


def waiting(leave: Leave = False, session: SessionFlag = None) -> Reply:
    """Show the waiting line: who stands where, and who keeps whom waiting."""
    with Fleet.open(announce=render.note) as fleet:
        left = len(fleet.claims.leave_line(fleet.whoami(session)).left) if leave else 0
        found, problems = line.waiting(fleet, left=left)
        gone = _gone(fleet, found["tickets"])
        lines = [f"left {counted(left, 'place')}"] if leave else []
        lines += [f"{row['place']}. {_words(row, gone)}" for row in found["tickets"]]
        problems += [words for words in [orphans.advice(gone.values())] if words]
        return informed(fleet, found, lines or ["nobody waits"], problems)


def _gone(fleet: Fleet, rows: Sequence[TicketRow]) -> dict[str, Obstacle]:
    """The sessions that others wait for and whose process is known to be gone."""
    held = [
        Obstacle(path=one["wanted"], session=one["session"], claim=one["held"])
        for row in rows
        for one in row["blocked_by"]
        if not one["ticket"]
    ]
    return {str(one.session): one for one in fleet.claims.orphans.marked(held) if one.gone}


def tell(to: To, text: Text, session: SessionFlag = None) -> Reply:
    """Leave a message for another session; it is shown at that session's next command or hook, once.

    A session may send 30 messages in ten minutes, and have 20 unread in one inbox (else exit code 16).
    """
    words = " ".join(text)
    with as_session(session) as (fleet, own):
        sent = fleet.claims.tell(own, SessionId(to), words)
        message = sent.receipt.operation
        data: TellAnswer = {"session": own, "to": SessionId(to), "text": words, "message": message}
        return Reply(data, [f"told {to}: message {message}"], warnings=fleet.messages(own), session=own)


def offer(to: OfferTo, paths: OfferedPaths, session: SessionFlag = None) -> Reply:
    """Offer claims of this session to another one, which is told and may accept them."""
    with as_session(session) as (fleet, own):
        answer = fleet.claims.offer(own, SessionId(to), paths)
        lines = [f"offered to {to}: {claim.pattern}" for claim in answer.offered]
        data = grants.offered(own, answer)
        return Reply(data, lines, warnings=fleet.messages(own), session=own)


def accept(session: SessionFlag = None) -> Reply:
    """Accept every claim that is on offer for this session; each moves with a new token."""
    with as_session(session) as (fleet, own):
        answer = fleet.claims.accept(own)
        lines = [f"claimed: {claim.pattern}{units_of(claim)}, token {claim.token}" for claim in answer.taken]
        said = remarks.of_grant(fleet, answer.taken, new=False)
        data = grants.accepted(own, answer, said)
        warnings = [*fleet.messages(own), *said.words(fleet.ledger.node.hub)]
        return Reply(data, lines, warnings=warnings, session=own)


def break_(paths: ClaimedPaths, reason: BreakReason, session: SessionFlag = None) -> Reply:
    """Take live claims away from their holders (people only); the holders are told the reason."""
    with as_session(session, person("breaks claims")) as (fleet, own):
        answer = fleet.claims.break_(own, paths, reason)
        lines = [f"broken: {claim.pattern} of {claim.session}, who is told" for claim in answer.broken]
        data = grants.broken(own, answer)
        return Reply(data, lines, warnings=fleet.messages(own), session=own)


def _words(row: TicketRow, gone: Collection[str]) -> str:
    wants = ", ".join(
        want["pattern"] + (" (shared)" if want["mode"] == SHARED else "") for want in row["paths"]
    )
    who = sorted(
        {
            f"{item['session'] or 'an unreadable record'} ({'waits for' if item['ticket'] else 'has'} {item['held']}"
            f"{'; its process is gone' if item['session'] in gone else ''})"
            for item in row["blocked_by"]
        }
    )
    return f"{row['session']} waits for {wants}, behind {', '.join(who) or 'nobody'}"
