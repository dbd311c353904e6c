"""What of a command's work goes on when the command itself has ended.

A client may work in a daemon that many windows share, or leave commands running behind. The session then is not over, or
people should know what still runs in its name.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from gitfleet.base import identity
from gitfleet.base.identity import ProcessIdentity
from gitfleet.base.names import SessionId
from gitfleet.clients.acting import CLIENTS
from gitfleet.clients.notes import Notes
from gitfleet.clone import Clone
from gitfleet.errors import FleetError
from gitfleet.sessions.local import VARIABLE
from gitfleet.sessions.service import Start

_OURS = ("agenthooks/run.py", "githooks/run.py")


def handed_over(
    clone: Clone, session: SessionId, agent: str, command: Sequence[str]
) -> ProcessIdentity | None:
    """The process in which a session goes on: its client works there, and has not said that it ended. None where it is over.

    From then on the session lives with that process, and the client's hooks end it.
    """
    notes = Notes(clone.ledger.state)
    found = [note.process for note in notes.of(session) if note.process]
    alive = [process for process in found if identity.state(process) == "alive"]
    client = identity.program_name(command[0])
    if not alive and client in CLIENTS and CLIENTS[client].BACKGROUND & set(command):
        alive = _daemons(session, client)
        if alive:
            notes.bequeath(client, session)
    if not alive:
        return None
    try:
        clone.sessions.start(Start(id=session, agent=agent, pid=alive[0].pid))
    except FleetError:  # it has ended just now
        return None
    notes.take_over(session)
    return alive[0]


def _daemons(session: str, client: str) -> list[ProcessIdentity]:
    """Where a client works for a session that its command has left to it, the process that many share first. Linux only."""
    running = {pid: words for pid, words in _named(session) if client in identity.program_name(words[0])}
    shared = sorted(running, key=lambda pid: (not CLIENTS[client].is_shared(running[pid]), pid))
    return [process for pid in shared if (process := identity.identify(pid))]


def _named(session: str) -> Iterator[tuple[int, list[str]]]:
    """The processes with a session's name in their environment, and their arguments."""
    for pid in identity.pids():
        if identity.environment_values(pid, [VARIABLE]).get(VARIABLE) != session or pid == os.getpid():
            continue
        arguments = identity.command_line(pid)
        if arguments and not any(argument.endswith(_OURS) for argument in arguments):
            yield pid, arguments
