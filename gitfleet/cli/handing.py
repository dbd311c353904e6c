"""`waiting`, `tell`, `offer`, `accept`, `break`: what sessions have to do with each other."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from gitfleet.base.names import SessionId
from gitfleet.base.text import counted
from gitfleet.claims import orphans
from gitfleet.claims.conflict_text import unit_words
from gitfleet.claims.model import SHARED, Claim
from gitfleet.cli import render
from gitfleet.cli.answer import Answer
from gitfleet.cli.claiming import as_of, freshness
from gitfleet.cli.messages import heard, told
from gitfleet.cli.options import Common
from gitfleet.errors import NoSession
from gitfleet.fleet.fleet import Fleet
from gitfleet.fleet.views import grants, line
from gitfleet.fleet.views.grants import TellAnswer
from gitfleet.fleet.views.line import TicketRow
from gitfleet.obstacles import Obstacle
from gitfleet.telling import remarks


def waiting(common: Common, *, leave: bool) -> Answer:
    """The line as it stands, first place first; with `leave`, without this session's places."""
    with Fleet.open(common.directory, announce=render.note) as fleet:
        left = 0
        if leave:
            session = fleet.whoami(common.session)
            left = len(fleet.claims.leave_line(session).left)
        found, problems = line.waiting(fleet, left=left)
        gone = _gone(fleet, found["tickets"])
        lines = [f"left {counted(left, 'place')}"] if leave else []
        lines += [f"{row['place']}. {_words(row, gone)}" for row in found["tickets"]]
        problems += [words for words in [orphans.advice(gone.values())] if words]
        old = freshness(fleet, found["age"], len(found["tentative"]))
        return Answer(
            "waiting",
            found,
            [*(lines or ["nobody waits"]), *as_of(fleet, found["age"])],
            warnings=[*problems, *heard(fleet), *old],
        )


def _gone(fleet: Fleet, rows: Sequence[TicketRow]) -> dict[str, Obstacle]:
    """The sessions that others wait for and whose process is known to be gone."""
    held = [
        Obstacle(path=one["wanted"], session=one["session"], claim=one["held"])
        for row in rows
        for one in row["blocked_by"]
        if not one["ticket"]
    ]
    return {str(one.session): one for one in fleet.claims.orphans.marked(held) if one.gone}


def tell(common: Common, to: str, text: str) -> Answer:
    """Leave a message."""
    with Fleet.open(common.directory, announce=render.note) as fleet:
        session = fleet.whoami(common.session)
        with told(fleet, session):
            fleet.claims.tell(session, to, text)
        data: TellAnswer = {"session": SessionId(session), "to": SessionId(to), "text": text}
        return Answer("tell", data, [f"told {to}"], warnings=fleet.messages(session), session=session)


def offer(common: Common, to: str, paths: Sequence[str]) -> Answer:
    """Offer claims."""
    with Fleet.open(common.directory, announce=render.note) as fleet:
        session = fleet.whoami(common.session)
        with told(fleet, session):
            answer = fleet.claims.offer(session, to, paths)
        lines = [f"offered to {to}: {claim.pattern}" for claim in answer.offered]
        data = grants.offered(session, answer)
        return Answer("offer", data, lines, warnings=fleet.messages(session), session=session)


def accept(common: Common) -> Answer:
    """Accept what is on offer."""
    with Fleet.open(common.directory, announce=render.note) as fleet:
        session = fleet.whoami(common.session)
        with told(fleet, session):
            answer = fleet.claims.accept(session)
        lines = [f"claimed: {claim.pattern}{_units(claim)}, token {claim.token}" for claim in answer.taken]
        said = remarks.of_grant(fleet, answer.taken, new=False)
        data = grants.accepted(session, answer, said)
        warnings = [*fleet.messages(session), *said.words(fleet.ledger.node.hub)]
        return Answer("accept", data, lines, warnings=warnings, session=session)


def break_(common: Common, paths: Sequence[str], reason: str) -> Answer:
    """Break claims."""
    with Fleet.open(common.directory, announce=render.note) as fleet:
        session = _person(fleet, common)
        with told(fleet, session):
            answer = fleet.claims.break_(session, paths, reason)
        lines = [f"broken: {claim.pattern} of {claim.session}, who is told" for claim in answer.broken]
        data = grants.broken(session, answer)
        return Answer("break", data, lines, warnings=fleet.messages(session), session=session)


def _person(fleet: Fleet, common: Common) -> str:
    """The session that breaks claims. Raises NoSession; among several the one to name is the person's."""
    try:
        return fleet.whoami(common.session)
    except NoSession as error:
        here = fleet.sessions.local.in_worktree(fleet.repository.worktree or "")
        person = next((session.id for session in here if session.person), None)
        if person is not None:
            error.hint = f"Only a person breaks claims: if you are one, add `--session {person}`."
        raise


def _units(claim: Claim) -> str:
    return f", {unit_words(claim.slots, claim.capacity)}" if claim.slots else ""


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
