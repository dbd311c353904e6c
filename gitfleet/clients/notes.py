"""The notes of one node about its clients' own sessions: which of the fleet's each acts for.

A client knows only its own session's id. With the note beside the node's other papers two of them in one worktree are told
apart, one that is resumed goes on as before, and the commands that it runs find their session (see `acting`).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

from gitfleet.base import files, statefile
from gitfleet.base.identity import ProcessIdentity, state
from gitfleet.base.ids import is_name
from gitfleet.base.names import SessionId
from gitfleet.base.statefile import PROCESS
from gitfleet.clients import acting
from gitfleet.codec import FLAG, Struct, Text, field, replace


class Note(Struct):
    """What is kept of one client's session: the fleet's session, and whether hooks of ours started that.

    `left` after an end from which the same process goes on with another id (`/clear`), and `past` once it has: then the note
    tells only whom those act for that still have the old id, as servers of tools do, which live on. `process` is the
    client's, as its hooks saw it, which many sessions may share.
    """

    session: SessionId = field(Text[SessionId](valid=is_name))
    ours: bool = field(FLAG, default=False)
    left: bool = field(FLAG, default=False)
    past: bool = field(FLAG, default=False)
    process: ProcessIdentity | None = field(PROCESS, default=None, omit=True)

    @property
    def active(self) -> bool:
        """Whether the client's session acts for it now. What cannot be told counts as yes."""
        return not self.left and (self.process is None or state(self.process) != "dead")


class Notes:
    """The notes of one node; `node_state` is its folder."""

    def __init__(self, node_state: str) -> None:
        self._state = node_state
        self._root = os.path.join(node_state, acting.FOLDER)

    def get(self, client: str, own: str) -> Note | None:
        """The note about a client's session `own`; None without one, or where it cannot be read."""
        path = acting.path(self._state, client, own)
        return statefile.load(Note, path) if path else None

    def check(self, client: str, own: str) -> None:
        """Raise LocalStorage unless a note about this client could be kept now."""
        path = acting.path(self._state, client, own)
        if path:
            files.tryout(path, durable=False)

    def keep(self, client: str, own: str, note: Note) -> None:
        """Keep a note. Atomic; nothing happens where the client told no id of its own.

        Notes under ids from which the client has gone on to this one (`/clear`) are past, and go with its process.
        """
        path = acting.path(self._state, client, own)
        if not path:
            return
        if self.get(client, own) != note:
            files.folder(self._root)
            statefile.save(path, note, durable=False)
        for name, other in self._all().items():
            there = os.path.join(self._root, name)
            if other and other.session == note.session and not other.active and there != path:
                self._pass(there, other)

    def _pass(self, path: str, note: Note) -> None:
        """A note about an id from which its client has gone on."""
        if note.process is None or state(note.process) == "dead":
            files.remove(path)
        elif not note.past:
            statefile.save(path, replace(note, past=True), durable=False)

    def leave(self, client: str, own: str) -> None:
        """The client's session has ended, and its process may go on with another one."""
        note = self.get(client, own)
        if note is not None:
            self.keep(client, own, replace(note, left=True))

    def forget(self, client: str, own: str) -> None:
        """Let a note go."""
        path = acting.path(self._state, client, own)
        if path:
            files.remove(path)

    def free(self, session: str) -> None:
        """The session has ended, or begins a new life: nobody acts for it."""
        for name, note in self._all().items():
            if note and note.session == session:
                files.remove(os.path.join(self._root, name))

    def take_over(self, session: str) -> None:
        """From now on hooks of ours end the session, whoever started it."""
        for name, note in self._all().items():
            if note and note.session == session and note.active:
                statefile.save(os.path.join(self._root, name), replace(note, ours=True))

    def bequeath(self, client: str, session: SessionId) -> None:
        """The session is for a client that has not said a word yet: whoever acts for it first ends it, too."""
        files.folder(self._root)
        path = acting.path(self._state, client, f"heir-of-{session}")
        statefile.save(path, Note(session, ours=True, left=True), durable=False)

    def of(self, session: str) -> list[Note]:
        """The notes of those who act for a session."""
        return [note for note in self._all().values() if note and note.session == session and note.active]

    def conversations(self, session: str) -> list[tuple[str, str]]:
        """The clients' own sessions (client, its id) that act, or have acted, for a session: those whose ids are told by the note's name."""
        found = []
        for name, note in self._all().items():
            client, _, own = name.removesuffix(".json").partition("-")
            hidden = own.startswith(("-", "heir-of-"))
            if (
                note
                and not note.past
                and note.session == session
                and client in acting.CLIENTS
                and own
                and not hidden
            ):
                found.append((client, own))
        return found

    def taken(self) -> set[SessionId]:
        """The fleet's sessions that some client here acts for."""
        return {note.session for note in self._all().values() if note and note.active}

    def ours(self, session: str) -> bool:
        """Whether hooks of ours started the session; it may go over to another id of its client."""
        return any(note and note.session == session and note.ours for note in self._all().values())

    def left(self) -> set[SessionId]:
        """The sessions whose client has ended its own one, and may go on with another."""
        return {
            note.session for note in self._all().values() if note and note.left and not note.past
        } - self.taken()

    def prune(self, known: Callable[[str], bool]) -> None:
        """Let notes go about sessions that are not known any more."""
        for name, note in self._all().items():
            if note is None or not known(note.session):
                files.remove(os.path.join(self._root, name))

    def _all(self) -> dict[str, Note | None]:
        names = [name for name in files.names(self._root) if name.endswith(".json")]
        return {name: statefile.load(Note, os.path.join(self._root, name)) for name in names}


def tie(
    node_state: str, environment: Mapping[str, str], session: SessionId, process: ProcessIdentity | None
) -> str | None:
    """Have the client whose command this is act for a session that it has just started.

    The session that it acts for: another one, where it did so already, which stays; None where no client is at work.
    """
    notes = Notes(node_state)
    for client, own in acting.callers(environment)[:1]:
        note = notes.get(client, own)
        if note is None or not note.active:
            note = Note(session, ours=False, process=process)
            notes.keep(client, own, note)
        return note.session
    return None
