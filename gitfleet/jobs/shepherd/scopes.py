"""Whether attempts can run in systemd scopes here, and what such a scope is called. For whoever starts shepherds.

A scope needs the user's own systemd. Without lingering that ends some seconds after the user's last session, and everything
in its scopes with it: then it is better to say so, or to run outside.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping

from gitfleet.base import processes
from gitfleet.codec import FLAG, TEXT, Struct, Table, field

NEEDED = ("XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS")
"""What tells a program where the user's systemd is."""
_RUNNING = {"running", "degraded", "starting"}
_PATIENCE = 5.0


class ScopeSupport(Struct):
    """`usable`: scopes can be had. `lasting`: they outlive the user's sessions. `why` says what is missing, in words.

    `environment` is what a `ScopeSpec` needs.
    """

    usable: bool = field(FLAG)
    lasting: bool = field(FLAG, default=False)
    why: str = field(TEXT, default="")
    environment: Mapping[str, str] = field(Table(TEXT), default={})


def support(environ: Mapping[str, str]) -> ScopeSupport:
    """What there is for a user with this environment. Starts three short programs, where that user's systemd has a socket."""
    if not environ.get("XDG_RUNTIME_DIR"):
        return ScopeSupport(usable=False, why="this user has no runtime folder, hence no systemd of its own")
    if not os.path.exists(os.path.join(environ["XDG_RUNTIME_DIR"], "systemd", "private")):
        return ScopeSupport(usable=False, why="this user's systemd does not run here")
    known = {name: environ[name] for name in NEEDED if environ.get(name)}
    env = {"PATH": environ.get("PATH", ""), "LC_ALL": "C", **known}
    state = _told(["systemctl", "--user", "is-system-running"], env)
    if state not in _RUNNING or _told(["systemd-run", "--version"], env) is None:
        return ScopeSupport(usable=False, why="this user's systemd does not run here", environment=known)
    if _told(["loginctl", "show-user", "--property=Linger", "--value"], env) == "yes":
        return ScopeSupport(usable=True, lasting=True, environment=known)
    why = "without lingering (`loginctl enable-linger`) the system ends what runs in scopes when this user logs out"
    return ScopeSupport(usable=True, why=why, environment=known)


def unit(session: str, attempt: int) -> str:
    """The name of the scope of a session's attempt."""
    return f"gitfleet-{re.sub(r'[^A-Za-z0-9:_.-]+', '_', session)[:64]}-{attempt}.scope"


def _told(argv: list[str], env: Mapping[str, str]) -> str | None:
    """What a program printed, however it ended; None where it could not be run."""
    try:
        path = shutil.which(argv[0], path=env["PATH"])
        done = processes.run([path, *argv[1:]], cwd=None, env=env, timeout=_PATIENCE) if path else None
    except (OSError, processes.TimedOut):
        return None
    return done.stdout.decode("utf-8", "replace").strip() if done else None
