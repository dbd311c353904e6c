"""For whom something is done that no session is named for: the person who started the server, by a session of their own in this clone."""

from __future__ import annotations

import os
from contextlib import suppress

from gitfleet.base import advice
from gitfleet.base.names import SessionId
from gitfleet.clients import acting
from gitfleet.errors import FleetError, NoSession
from gitfleet.fleet.fleet import Fleet
from gitfleet.sessions.local import VARIABLE

STARTED_IN = "GITFLEET_WEB_WORKTREE"
"""The variable that says in which worktree the server was started, once it works elsewhere."""


def settle(fleet: Fleet) -> None:
    """Note for whom a server acts that is started in the worktree of `fleet`, and is then to work from another place."""
    os.environ[STARTED_IN] = fleet.repository.worktree or ""
    if is_agent() and not os.environ.get(VARIABLE):
        with suppress(FleetError):  # it has no session yet
            os.environ[VARIABLE] = fleet.whoami()


def is_agent() -> bool:
    """Whether it was an agent that started the server: its requests are the agent's then, whoever sends them."""
    return bool(os.environ.get(VARIABLE) or acting.callers(os.environ))


def named_for(fleet: Fleet, own: SessionId) -> list[str]:
    """What a command says besides, where it would act for somebody else than `own` or for nobody."""
    try:
        known = fleet.whoami()
    except FleetError:
        known = SessionId("")
    return [] if known == own else ["--session", own]


def asker(fleet: Fleet, named: str | None = None) -> SessionId:
    """The session that is `named`; else that of the agent that started the server, or of the person: of its worktree, or the only one.

    Raises NoSession.
    """
    if named:
        return SessionId(named)
    if is_agent():
        return fleet.whoami()
    persons = [one for one in fleet.sessions.local.all() if one.person]
    place = os.environ.get(STARTED_IN) or fleet.repository.worktree
    here = [one for one in persons if one.worktree == place] or persons
    if len(here) != 1:
        words = "No person has a session in this clone, so there is nobody to act for."
        several = f"Several persons have sessions in this clone: {', '.join(sorted(one.id for one in here))}."
        raise NoSession(
            several if here else words,
            hint="Name one of them." if here else f"Make yourself one: {advice.INIT}.",
            candidates=tuple(sorted(one.id for one in here)),
        )
    return here[0].id
