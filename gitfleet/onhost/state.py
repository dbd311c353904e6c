"""The folder on a host in which scans leave what does not leave the host: full snapshots, for this user alone."""

from __future__ import annotations

import json
import os
import re
import secrets
import time

_SESSION = re.compile(r"pt-[0-9]{8}-[0-9]{6}-[0-9a-f]{4}\Z")
SNAPSHOT = "snapshot.json"
KEPT_DAYS = 14
"""A snapshot of which nothing was carried out is kept so long."""


class BadSessionId(ValueError):
    """What was given is no session id of a host."""


def new_session(at: float) -> str:
    """A session id for a scan at that time (seconds since 1970): `pt-YYYYMMDD-HHMMSS-xxxx`, in UTC."""
    return time.strftime("pt-%Y%m%d-%H%M%S-", time.gmtime(at)) + secrets.token_hex(2)


def base() -> str:
    """The folder with a folder for each session of this host."""
    home = os.environ.get("XDG_STATE_HOME", "")
    if not os.path.isabs(home):
        home = os.path.join(os.path.expanduser("~"), ".local", "state")
    return os.path.join(home, "gitfleet", "triage")


def folder(session_id: str, *, make: bool = False) -> str:
    """The folder of a session of this host. Raises BadSessionId; with `make` also OSError."""
    if not _SESSION.match(session_id):
        raise BadSessionId("this is no session id of a host")
    path = os.path.join(base(), session_id)
    if make:
        os.makedirs(base(), mode=0o700, exist_ok=True)
        os.makedirs(path, mode=0o700, exist_ok=True)
    return path


def write(session_id: str, name: str, value: object) -> str:
    """Write JSON into the folder of a session, for this user alone; its path. It is there whole or not at all. Raises OSError."""
    path = os.path.join(folder(session_id, make=True), name)
    beside = f"{path}.{secrets.token_hex(4)}"
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(json.dumps(value, ensure_ascii=True, sort_keys=True).encode("ascii") + b"\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except BaseException:
        os.unlink(beside)
        raise
    return path


def read(session_id: str, name: str) -> object:
    """What `write` has left there. Raises BadSessionId, OSError, ValueError."""
    with open(os.path.join(folder(session_id), name), "rb") as file:
        found: object = json.loads(file.read())
    return found


def prune(now: float) -> None:
    """Remove old sessions that hold nothing but a snapshot. What fails stays."""
    try:
        names = os.listdir(base())
    except OSError:
        return
    for name in names:
        path = os.path.join(base(), name)
        try:
            old = _SESSION.match(name) and now - os.stat(path).st_mtime > KEPT_DAYS * 86400
            if old and set(os.listdir(path)) <= {SNAPSHOT}:
                if os.path.exists(os.path.join(path, SNAPSHOT)):
                    os.unlink(os.path.join(path, SNAPSHOT))
                os.rmdir(path)
        except OSError:
            continue
