"""What a session has not been told yet, shown beside whatever its command answers, also where that is a refusal.

A message is shown until it was heard, which is once. A person at a terminal may be looking over an agent's shoulder,
from the agent's own worktree: there the agent's messages are kept for it, unless it is named by GITFLEET_SESSION, or runs
the command itself. `sync` shows what was lost, whoever runs it, and leaves the other messages alone: timers and hooks run
it, and nobody reads what it says.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from gitfleet.base import delivery
from gitfleet.base.names import SessionId
from gitfleet.cli import render
from gitfleet.clients import acting
from gitfleet.codec import Struct
from gitfleet.errors import FleetError, NoSession
from gitfleet.fleet.fleet import Fleet
from gitfleet.ledger.notices import LOST
from gitfleet.sessions import session_records
from gitfleet.sessions.local import VARIABLE, LocalSessions


def heard(fleet: Fleet, flag: str | None = None) -> list[str]:
    """The messages for the session that a command in this worktree acts for; none where that is not clear."""
    session, hears, _ = _listener(fleet, flag)
    return fleet.messages(session) if session and hears else []


class Losses(Struct):
    """What sessions of this clone have lost and not heard of: `lines` in words, and whether that `concerns` who asks."""

    lines: list[str]
    concerns: bool


def losses(fleet: Fleet) -> Losses:
    """What is told of losses by `sync`: everything, each time, until the session that it concerns has heard it.

    Heard has it the session that asks; and what a session has lost that has ended, anybody may hear.
    An agent is concerned by its own losses only, everybody else by all.
    """
    listener, hears, person = _listener(fleet, None)
    notices, local = fleet.ledger.notices, LocalSessions(fleet.ledger.state)
    lines, concerns = [], False
    for session in notices.sessions():
        gone = local.get(session) is None and not _known(fleet, session)
        for notice in notices.kept(session):
            if notice.kind != LOST and not gone:
                continue
            if gone or (session == listener and hears):
                notices.deliver(notice)
            lines.append(f"{session}: {notice.text}")
            concerns |= gone or person or listener in {None, session}
    return Losses(lines, concerns)


def _known(fleet: Fleet, session: str) -> bool:
    try:
        return session_records.find(fleet.current().view, session) is not None
    except FleetError:  # it cannot be read
        return True


def _listener(fleet: Fleet, flag: str | None) -> tuple[SessionId | None, bool, bool]:
    """The session that a command acts for (None: not clear), whether it hears what the command says, and whether it is a person's."""
    try:
        session = fleet.whoami(flag)
    except FleetError:
        return None, False, False
    named = flag is not None or bool(os.environ.get(VARIABLE) or acting.callers(os.environ))
    here = LocalSessions(fleet.ledger.state).get(session)
    person = here is not None and here.person
    return session, named or person or not sys.stdout.isatty(), person


def acting_session(fleet: Fleet, flag: str | None) -> SessionId | None:
    """The session that a command acts for; None where none is at work. Raises NoSession where several are."""
    try:
        return fleet.whoami(flag)
    except NoSession as error:
        if error.candidates:
            raise
        return None


@contextmanager
def as_session(
    flag: str | None, who: Callable[[Fleet, str | None], SessionId] = Fleet.whoami
) -> Iterator[tuple[Fleet, SessionId]]:
    """The fleet, and the session that a command acts for: where the body is refused, it still hears its messages."""
    with Fleet.open(announce=render.note) as fleet:
        session = who(fleet, flag)
        try:
            yield fleet, session
        except FleetError:
            for text in fleet.messages(session):
                render.note(f"gitfleet: {text}")
            delivery.done()
            raise


def person(what: str) -> Callable[[Fleet, str | None], SessionId]:
    """Finds the session that does what only persons may (`what`, such as "breaks claims"); among several the one to name is the person's.

    What it gives raises NoSession.
    """

    def found(fleet: Fleet, flag: str | None) -> SessionId:
        try:
            return fleet.whoami(flag)
        except NoSession as error:
            here = fleet.sessions.local.in_worktree(fleet.repository.worktree or "")
            theirs = next((session.id for session in here if session.person), None)
            if theirs is not None:
                error.hint = f"Only a person {what}: if you are one, add `--session {theirs}`."
            raise

    return found
