"""Which of the fleet's sessions a client acts for, found or started at what its hooks say first.

What the hook says (the client's own session) comes before everything else, and is tied to one session of the fleet by a note
(`clients.notes`). The environment may be that of a daemon that many sessions share, so what it names is taken once,
by the first of them; and no process that many share decides anything.
"""

from __future__ import annotations

import os

from gitfleet.base import callers, identity
from gitfleet.base.ids import is_name
from gitfleet.base.locks import NodeLock
from gitfleet.base.names import SessionId
from gitfleet.clients import acting
from gitfleet.clients.notes import Note, Notes
from gitfleet.codec import replace
from gitfleet.errors import BadName, FleetError
from gitfleet.fleet.fleet import Fleet
from gitfleet.launching import draft_claim
from gitfleet.ledger.model import View
from gitfleet.sessions import session_records, session_rules
from gitfleet.sessions.local import VARIABLE, Here, configured
from gitfleet.sessions.service import Start

PATIENCE = 2.5
"""Seconds that one hook waits for another one of the same node to find or start a session."""
ASK_THE_HUB = 2.0
NEW = "startup"
"""The beginning of a client's session that goes on from none before it."""


def session_of(fleet: Fleet, agent: str, own: str, source: str = "") -> SessionId:
    """The session that a client's own session `own` acts for, started now if there is none yet.

    In this order: what is known of `own`, if that session is at work; the environment's, the worktree's setting, and what
    is known of `own` though its process has died; a session of this very process that no other acts for (after `/clear`,
    the `source` of a beginning, the one that was left); the only one that was started for such a client and that no other
    acts for. A person's session is never taken. Raises BadName, and what starting one raises.
    """
    notes = Notes(fleet.ledger.state)
    note = notes.get(agent, own)
    if note is not None and note.active and _at_work(fleet, note.session):
        return note.session
    with NodeLock(os.path.join(fleet.ledger.state, "agents.lock")).held(PATIENCE):
        return _Search(fleet, agent, own, source).result()


class _Search:
    """One search, under a lock, since a client may edit several files at once with its first breath."""

    def __init__(self, fleet: Fleet, agent: str, own: str, source: str) -> None:
        self._fleet, self._agent, self._own, self._source = fleet, agent, own, source
        self._notes = Notes(fleet.ledger.state)
        self._process = identity.identify(callers.durable_parent())
        arguments = identity.command_line(self._process.pid) if self._process else []
        self._shared = acting.CLIENTS[agent].is_shared(arguments)
        self._others: set[SessionId] = set()
        self._view = fleet.current().view

    def result(self) -> SessionId:
        known = self._notes.get(self._agent, self._own)
        known = None if known and known.past else known  # its client has gone on, and is whoever it is now
        self._others = self._notes.taken() - ({known.session} if known else set())
        if known is not None and _at_work(self._fleet, known.session) and known.session not in self._others:
            note = known
        else:
            self._notes.check(self._agent, self._own)
            note = self._named() or (known and self._resumed(known)) or self._found() or self._started()
        local = {here.id for here in self._fleet.sessions.local.all()}
        self._notes.prune(lambda session: session in local or _in_ledger(self._fleet, self._view, session))
        process = self._process or note.process
        self._notes.keep(self._agent, self._own, replace(note, left=False, process=process))
        return note.session

    def _named(self) -> Note | None:
        """The session that the environment or the worktree's setting names, if nobody else acts for it already.

        Raises BadName, NoSession, Conflict: whoever set it meant somebody.
        """
        for said in (os.environ.get(VARIABLE, ""), configured(self._fleet.repository.here) or ""):
            if said and not is_name(said):
                words = f"{said[:80]!a} ({VARIABLE}) is not a session id."
                raise BadName(words, hint="See `gitfleet session list`.", name=said)
            if said and said not in self._others and self._may_be(said):
                known = session_rules.of_node(self._view, said, self._fleet.ledger.node.id)
                return Note(known.id, ours=self._notes.ours(said))
        return None

    def _may_be(self, session: str) -> bool:
        """Whether a daemon's environment may mean this client: it is that of whoever came first, wherever that was."""
        here = self._fleet.sessions.local.get(session)
        if not self._shared:
            return True
        return (
            here is not None
            and here.worktree == self._fleet.repository.worktree
            and _at_work(self._fleet, session)
        )

    def _resumed(self, known: Note) -> Note | None:
        """The session that was known, whose process has died: it goes on in the client's new one."""
        if known.session in self._others or not _in_ledger(self._fleet, self._view, known.session):
            return None
        try:
            start = Start(id=known.session, agent=self._agent)
            self._fleet.sessions.start(start, timeout=ASK_THE_HUB)
        except FleetError:  # somebody else has taken it up
            return None
        return known

    def _found(self) -> Note | None:
        worktree = self._fleet.repository.worktree or ""
        live = [
            here
            for here in self._fleet.sessions.local.in_worktree(worktree)
            if not here.person
            and here.id not in self._others
            and _in_ledger(self._fleet, self._view, here.id)
        ]
        same = [here for here in live if self._process is not None and here.process == self._process]
        meant = [here for here in same if self._goes_on(here)] or self._left_over(live)
        return Note(meant[0].id, ours=self._notes.ours(meant[0].id)) if len(meant) == 1 else None

    def _goes_on(self, here: Here) -> bool:
        """Whether a session of this very process may be meant: one that was left only by what goes on from another."""
        return self._source != NEW if here.id in self._notes.left() else not self._shared

    def _left_over(self, live: list[Here]) -> list[Here]:
        """The live sessions that were started for such a client and that nobody acts for, nor is told to by its environment."""
        left = self._notes.left()
        found = []
        for here in live:
            session = session_records.find(self._view, here.id) if here.id not in left else None
            if session is not None and session.agent == self._agent and (self._shared or not _launched(here)):
                found.append(here)
        return found

    def _started(self) -> Note:
        started, _ = draft_claim.begin(self._fleet, Start(agent=self._agent), timeout=ASK_THE_HUB)
        return Note(started.session.id, ours=True)


def _launched(here: Here) -> bool:
    """Whether a session's process was started as that session: whoever acts for it is told so by its own environment."""
    pid = here.process.pid if here.process else 0
    return bool(pid) and identity.environment_values(pid, [VARIABLE]).get(VARIABLE) == here.id


def _at_work(fleet: Fleet, session: str) -> bool:
    here = fleet.sessions.local.get(session)
    return here is not None and here.alive and _in_ledger(fleet, fleet.current().view, session)


def _in_ledger(fleet: Fleet, view: View, session: str) -> bool:
    found = session_records.find(view, session)
    return found is not None and found.node == fleet.ledger.node.id
