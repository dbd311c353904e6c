"""Which of the fleet's sessions an agent acts for; what was found is kept beside the node's other papers.

An agent knows only its own session's id. `<common dir>/gitfleet/agents/<agent>-<id>.json` says which session of the
fleet that is, so that two agents in one worktree are told apart, and an agent that is resumed goes on as before. The
user's word comes first, as everywhere: `GITFLEET_SESSION`, then `git config fleet.session`.
"""

from __future__ import annotations

import os
from typing import NamedTuple

from gitfleet.base import canonical, files, identity
from gitfleet.base.ids import is_name
from gitfleet.base.locks import NodeLock
from gitfleet.errors import FleetError
from gitfleet.fleet import draft
from gitfleet.fleet.fleet import Fleet
from gitfleet.ledger.model import Status
from gitfleet.sessions import model
from gitfleet.sessions.local import VARIABLE, Here, configured
from gitfleet.sessions.service import Start

PATIENCE = 20.0


class Note(NamedTuple):
    """What is kept of one agent: the fleet's session that it acts for, and whether that was started by its hooks."""

    session: str
    ours: bool


class Notes:
    """The notes of one node."""

    def __init__(self, state: str) -> None:
        self._root = os.path.join(state, "agents")

    def get(self, agent: str, own: str) -> Note | None:
        """The note about an agent's own session `own`; None without one, or where it cannot be read."""
        path = self._path(agent, own)
        data = files.read(path) if path else None
        return _parse(data) if data else None

    def check(self, agent: str, own: str) -> None:
        """Raise LocalStorage unless a note about this agent could be kept now."""
        path = self._path(agent, own)
        if path:
            files.tryout(path)

    def keep(self, agent: str, own: str, note: Note) -> None:
        """Keep a note. Atomic; nothing happens where the agent told no id of its own.

        A session that hooks started has one agent: the note under an id that the agent had before (`/clear`) goes.
        """
        path = self._path(agent, own)
        if path and self.get(agent, own) != note:
            files.folder(self._root)
            files.replace(path, canonical.dump(note._asdict()))
        for name, other in self._all().items() if path and note.ours else ():
            if other == note and os.path.join(self._root, name) != path:
                files.remove(os.path.join(self._root, name))

    def forget(self, agent: str, own: str) -> None:
        """Let a note go."""
        path = self._path(agent, own)
        if path:
            files.remove(path)

    def taken(self) -> set[str]:
        """The fleet's sessions that some agent here acts for."""
        return {note.session for note in self._all().values() if note}

    def ours(self, session: str) -> bool:
        """Whether the hooks of some agent here started the session; it may go over to another id of that agent."""
        return Note(session, ours=True) in self._all().values()

    def prune(self, known: set[str]) -> None:
        """Let notes about sessions go that this clone does not remember any more."""
        for name, note in self._all().items():
            if note is None or note.session not in known:
                files.remove(os.path.join(self._root, name))

    def _all(self) -> dict[str, Note | None]:
        names = files.names(self._root)
        return {name: _parse(files.read(os.path.join(self._root, name)) or b"") for name in names}

    def _path(self, agent: str, own: str) -> str | None:
        name = f"{agent}-{own}"
        return os.path.join(self._root, f"{name}.json") if own and is_name(name) else None


def _parse(data: bytes) -> Note | None:
    try:
        raw = canonical.load(data)
    except ValueError:
        return None
    session, ours = raw.get("session"), raw.get("ours")
    return Note(session, ours is True) if isinstance(session, str) and is_name(session) else None


def session_of(fleet: Fleet, agent: str, own: str) -> str:
    """The session that an agent acts for, started now if there is none yet.

    In this order: the environment, what is known of the agent's own session, the worktree's setting, a live session of
    this worktree that was started for this very process, the only one that was started for such an agent and that no
    other acts for. A person's session is never taken. Raises BadName, and what starting one raises.
    """
    if os.environ.get(VARIABLE):
        return fleet.whoami()
    notes = Notes(fleet.ledger.state)
    note = notes.get(agent, own)
    if note is not None and _goes_on(fleet, agent, note):
        return note.session
    with NodeLock(os.path.join(fleet.ledger.state, "agents.lock")).held(PATIENCE):
        return _found_or_started(fleet, agent, own, notes)


def _found_or_started(fleet: Fleet, agent: str, own: str, notes: Notes) -> str:
    """Find or start the session; under a lock, since an agent may edit several files at once with its first breath."""
    note = notes.get(agent, own)
    if note is None or not _goes_on(fleet, agent, note):
        notes.check(agent, own)
        note = _found(fleet, agent, notes) or _started(fleet, agent)
        notes.prune({here.id for here in fleet.sessions.local.all()})
        notes.keep(agent, own, note)
    return note.session


def _goes_on(fleet: Fleet, agent: str, note: Note) -> bool:
    """Whether the session that was known still is one; one whose process has died goes on in the agent's new one."""
    if not _in_ledger(fleet, note.session):
        return False
    here = fleet.sessions.local.get(note.session)
    if here is None or here.alive:
        return here is not None
    try:
        fleet.sessions.start(Start(id=note.session, agent=agent))
    except FleetError:  # somebody else has taken it up
        return False
    return True


def _found(fleet: Fleet, agent: str, notes: Notes) -> Note | None:
    if configured(fleet.repository.here):
        return Note(fleet.whoami(), ours=False)
    live = [
        here for here in fleet.sessions.local.in_worktree(fleet.repository.worktree or "") if not here.person
    ]
    process = identity.identify(identity.durable_parent())
    same = [here for here in live if process is not None and here.process == process]
    meant = same[:1] or _left_over(fleet, agent, live, notes)
    meant = [here for here in meant if _in_ledger(fleet, here.id)]
    return Note(meant[0].id, ours=notes.ours(meant[0].id)) if meant else None


def _left_over(fleet: Fleet, agent: str, live: list[Here], notes: Notes) -> list[Here]:
    """The only live session that was started for such an agent and that nobody acts for."""
    taken, view = notes.taken(), fleet.current().view
    mine = []
    for here in live:
        session = model.find(view, here.id) if here.id not in taken else None
        if session is not None and session.agent == agent:
            mine.append(here)
    return mine if len(mine) == 1 else []


def _started(fleet: Fleet, agent: str) -> Note:
    started = fleet.sessions.start(Start(agent=agent))
    session = str(started.answer["session"]["id"])
    if started.status is not Status.TENTATIVE:
        draft.hold(fleet, session)
    return Note(session, ours=True)


def _in_ledger(fleet: Fleet, session: str) -> bool:
    found = model.find(fleet.current().view, session)
    return found is not None and found.node == fleet.ledger.node.id
