"""`waiting`, `tell`, `offer`, `accept`, `break`: what sessions have to do with each other."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from gitfleet.base.names import SessionId
from gitfleet.base.text import counted
from gitfleet.claims import orphans
from gitfleet.claims.conflict_text import units
from gitfleet.claims.model import SHARED
from gitfleet.cli import render
from gitfleet.cli.answer import Answer
from gitfleet.cli.claiming import Common, as_of, freshness
from gitfleet.cli.messages import heard, told
from gitfleet.errors import NoSession
from gitfleet.fleet.fleet import Fleet
from gitfleet.fleet.views import grants, line
from gitfleet.fleet.views.grants import TellAnswer
from gitfleet.fleet.views.line import TicketRow
from gitfleet.telling import remarks


def waiting(common: Common, *, leave: bool) -> Answer:
    """The line as it stands, first place first; with `leave`, without this session's places."""
    with Fleet.open(common.directory, announce=render.note) as fleet:
        left = 0
        if leave:
            session = fleet.whoami(common.session)
            left = len(fleet.claims.leave_line(session).answer["left"])
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


def _gone(fleet: Fleet, rows: Sequence[TicketRow]) -> dict[str, dict[str, Any]]:
    """The sessions that others wait for and whose process is known to be gone."""
    held = [
        {**item, "claim": item["held"]} for row in rows for item in row["blocked_by"] if not item["ticket"]
    ]
    return {item["session"]: item for item in fleet.claims.orphans.marked(held) if item.get("gone")}


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
            answer = fleet.claims.offer(session, to, paths).answer
        lines = [f"offered to {to}: {record['pattern']}" for record in answer["offered"]]
        return Answer(
            "offer", {"session": session, **answer}, lines, warnings=fleet.messages(session), session=session
        )


def accept(common: Common) -> Answer:
    """Accept what is on offer."""
    with Fleet.open(common.directory, announce=render.note) as fleet:
        session = fleet.whoami(common.session)
        with told(fleet, session):
            answer = fleet.claims.take(session).answer
        lines = [
            f"claimed: {record['pattern']}{_units(record)}, token {record['token']}"
            for record in answer["taken"]
        ]
        said = remarks.of_grant(fleet, answer["taken"], new=False)
        data = grants.accepted(session, answer, said)
        warnings = [*fleet.messages(session), *said.words(fleet.ledger.node.hub)]
        return Answer("accept", data, lines, warnings=warnings, session=session)


def break_(common: Common, paths: Sequence[str], reason: str) -> Answer:
    """Break claims."""
    with Fleet.open(common.directory, announce=render.note) as fleet:
        session = _person(fleet, common)
        with told(fleet, session):
            answer = fleet.claims.break_(session, paths, reason).answer
        lines = [
            f"broken: {record['pattern']} of {record['session']}, who is told" for record in answer["broken"]
        ]
        return Answer(
            "break", {"session": session, **answer}, lines, warnings=fleet.messages(session), session=session
        )


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


def _units(record: Mapping[str, Any]) -> str:
    return f", {units(record)}" if record.get("slots") else ""


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
