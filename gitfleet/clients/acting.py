"""Which of the fleet's sessions a client's own session stands for, as its hooks have noted it.

`<common dir>/gitfleet/agents/<client>-<its id>.json` holds the note (see `notes`). Commands that a client runs are told its
id by variables of its own, so a process that many sessions share (a daemon) decides nothing. On the way of hooks to yes.
"""

from __future__ import annotations

import os

from gitfleet.base.ids import is_name
from gitfleet.clients import claude, codex

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Protocol

    class Client(Protocol):
        """What is known of one client; its module says what each means."""

        NAME: str
        TRIED: str
        VARIABLES: tuple[str, ...]
        CALL: str
        PROCESS: str
        TURN: str
        PROJECT: str
        USER: str
        HOME: tuple[str, str]
        BLOCK: str
        SKILL: str
        SKILL_HOME: tuple[str, str]
        EVENTS: tuple[tuple[str, str | None, str, int, str], ...]
        NOTE: str
        READS_MAIN: bool
        OWN: bool
        BACKGROUND: frozenset[str]
        SANDBOX: str
        FOLDER: str
        SHELLS: frozenset[str]

        def edited(self, tool: str, given: object) -> list[str] | None: ...
        def in_shell(self, command: str) -> str: ...
        def is_shared(self, arguments: Sequence[str]) -> bool: ...


CLIENTS: dict[str, Client] = {claude.NAME: claude, codex.NAME: codex}
VARIABLES = (*codex.VARIABLES, *claude.VARIABLES)
FOLDER = "agents"


def callers(environment: Mapping[str, str]) -> list[tuple[str, str]]:
    """The clients' sessions that a command runs in (client, its id), the innermost first. An empty variable counts as unset."""
    found = []
    for client in (codex, claude):
        own = next((environment[name] for name in client.VARIABLES if environment.get(name)), "")
        if own:
            found.append((client.NAME, own))
    if len(found) > 1 and _within(environment):
        found.reverse()
    return found


def _within(environment: Mapping[str, str]) -> bool:
    """Whether Claude Code, whose session is named beside one of Codex, was itself started by a command of that one."""
    from gitfleet.base.identity import environment_values  # 2 ms, and only where one runs in the other

    pid = environment.get(claude.PROCESS, "")
    given = environment_values(int(pid), codex.VARIABLES) if pid.isdecimal() and len(pid) < 10 else {}
    return any(value and value == environment.get(name) for name, value in given.items())


def path(state: str, client: str, own: str) -> str:
    """The file of the note about a client's session `own`, which may be any text; "" where there is none to keep."""
    if not own:
        return ""
    name = f"{client}-{own}"
    if not is_name(name):
        from gitfleet.base.digests import sha256  # no client names its sessions so

        name = f"{client}--{sha256(own.encode('utf-8', 'surrogatepass')).hexdigest()[:32]}"
    return os.path.join(state, FOLDER, f"{name}.json")


def session_of(state: str, client: str, own: str) -> str | None:
    """The fleet's session that is noted for a client's own; None without one. Raises ValueError, KeyError for a broken note."""
    file = path(state, client, own)
    if not file or not os.path.exists(file):
        return None
    from gitfleet.base import fast_json

    with open(file, "rb") as note:
        session = fast_json.load(note.read())["session"]
    return session if isinstance(session, str) and is_name(session) else None


def anybody(state: str) -> bool:
    """Whether any client's session is noted here at all."""
    try:
        return bool(os.listdir(os.path.join(state, FOLDER)))
    except OSError:
        return False
