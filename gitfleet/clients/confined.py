"""What a command that an agent runs in a sandbox can do about it, where that is why it failed.

Codex keeps git's folder read-only by default and takes the network away from the commands that it runs; what its hooks do,
and edits with its own tools, is outside of that. So a failure there is no matter of room or permission, and is said otherwise.
"""

from __future__ import annotations

import errno
from collections.abc import Mapping

from gitfleet.base import advice
from gitfleet.clients import acting, codex
from gitfleet.errors import FleetError, HubError, LocalStorage

READ_ONLY = "ead-only file system"
"""As the system says it, however its sentence begins."""
_READ_ONLY = frozenset([errno.EROFS, errno.EPERM])
_FORBIDDEN = "Operation not permitted"
_NEXT = {
    "claim": "Edit the files with your edit tools: that claims them, outside of the sandbox",
    "release": "Leave it: what your session holds is released when it ends",
    "session start": "Leave it: your first edit starts a session, outside of the sandbox",
    "session end": "Leave it: your session ends when you do",
    "sync": "Leave it: your edits, and the end of your session, tell the hub from outside of the sandbox",
    "commit": f"Leave the changes as they are: your user commits them, or has that done ({advice.START_COMMITTING})",
}
_OTHER = "Leave it to your user"
COMMITTED = "Leave the changes as they are: they are committed for you when your session ends"


def explained(error: FleetError, command: str, environment: Mapping[str, str]) -> FleetError:
    """The error as an agent in a sandbox should read it, in one line; the same error anywhere else."""
    why = _why(error, environment)
    return error.again(words(_client(environment), why, command), hint="") if why else error


def reason(error: FleetError, environment: Mapping[str, str]) -> str:
    """What of which sandbox is in the way, for those who go on without; "" where it is something else."""
    why = _why(error, environment)
    return f"the sandbox of {_client(environment)} {why}" if why else ""


def words(client: str, why: str, command: str, *, committed: bool = False) -> str:
    """What is the matter, and what to do; `committed` where the session's work is committed for it."""
    following = COMMITTED if committed and command == "commit" else _NEXT.get(command, _OTHER)
    opened = f" Or your user opens it: {advice.OPEN_SANDBOX}."
    return f"The sandbox of {client} {why}. {following}.{opened if client == codex.NAME else ''}"


FOLDER = "keeps the folder of git read-only"
_NETWORK = "lets no command reach the network, and so not the hub"


def _why(error: FleetError, environment: Mapping[str, str]) -> str:
    """What of the sandbox is in the way; "" where it is something else, or no agent's command."""
    if not _client(environment):
        return ""
    if isinstance(error, HubError):
        cut = environment.get(codex.NO_NETWORK) or _FORBIDDEN in _text(error)
        return _NETWORK if cut else ""
    if READ_ONLY in _text(error) or (isinstance(error, LocalStorage) and _number(error) in _READ_ONLY):
        return FOLDER
    return ""


def _client(environment: Mapping[str, str]) -> str:
    return next((name for name, _ in acting.callers(environment)), "")


def _text(error: FleetError) -> str:
    return f"{error.message}\n{getattr(error, 'output', '')}"


def _number(error: BaseException) -> int | None:
    cause = error.__cause__
    return cause.errno if isinstance(cause, OSError) else None
