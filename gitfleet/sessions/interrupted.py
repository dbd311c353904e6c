"""Sessions that the end of the machine has ended: noted before they are let go of, so that their agents can be gone on with.

`<common dir>/gitfleet/interrupted/<session>.json` holds what is known of one: written by upkeep, for a session of an earlier boot, and
by who has launched an agent that was told to end (SIGTERM, as at an orderly shutdown). It goes when a session of that name is at work
again, or after thirty days. Nothing here starts anything.
"""

from __future__ import annotations

import os

from gitfleet.base import clock, files, statefile
from gitfleet.base.ids import is_name
from gitfleet.clients.notes import Notes
from gitfleet.codec import TEXT, WHOLE, Struct, Text, field
from gitfleet.sessions.local import LocalSessions
from gitfleet.sessions.session_records import Session

KEPT = 30 * 86_400
"""Seconds."""
_FOLDER = "interrupted"
_RESUMES = {"claude": ("claude", "--resume"), "codex": ("codex", "resume")}
_LATEST = {"claude": ("claude", "--continue"), "codex": ("codex", "resume", "--last")}


class InterruptedSession(Struct):
    """A session that ended with its machine. `client` and `conversation` are its agent's own, "" where they are not known.

    `command` is for people: shortened, and without secrets. `at`: when it was last heard of, in seconds since 1970.
    """

    session: str = field(Text[str](valid=is_name))
    worktree: str = field(TEXT)
    agent: str = field(TEXT, default="")
    title: str = field(TEXT, default="")
    command: str = field(TEXT, default="")
    client: str = field(TEXT, default="")
    conversation: str = field(TEXT, default="")
    at: int = field(WHOLE, default=0)

    @property
    def resumes(self) -> tuple[str, ...]:
        """The command that goes on with its agent's conversation, or the latest one in its worktree; empty for no known client."""
        if self.conversation and self.client in _RESUMES:
            return (*_RESUMES[self.client], self.conversation)
        return _LATEST.get(self.agent, ())


def of(node_state: str, session: Session) -> InterruptedSession:
    """What is known of a session that has died."""
    client, own = next(iter(Notes(node_state).conversations(session.id)), ("", ""))
    heard = max(session.started_at, session.renewed_at)
    return InterruptedSession(
        session.id, session.worktree, session.agent, session.title, session.command, client, own, heard
    )


def keep(node_state: str, found: InterruptedSession) -> None:
    """Note it. Atomic; a later note of the same session takes the place of the earlier one. Raises LocalStorage."""
    folder = files.folder(os.path.join(node_state, _FOLDER))
    statefile.save(os.path.join(folder, f"{found.session}.json"), found, mode=0o600)


def forget(node_state: str, session: str) -> None:
    """It is at work again. Twice is harmless. Raises LocalStorage."""
    files.remove(os.path.join(node_state, _FOLDER, f"{session}.json"))


def kept(node_state: str) -> list[InterruptedSession]:
    """Those that are noted and not at work again, oldest first; old notes go."""
    folder = os.path.join(node_state, _FOLDER)
    local, since, found = LocalSessions(node_state), clock.now() - KEPT, []
    for name in files.names(folder):
        path = os.path.join(folder, name)
        one = statefile.load(InterruptedSession, path)
        if one is None:
            continue
        here = local.get(one.session)
        if one.at < since or (here is not None and here.alive):
            files.remove(path)
        else:
            found.append(one)
    return sorted(found, key=lambda one: (one.at, one.session))
