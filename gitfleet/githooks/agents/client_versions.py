"""The client that is found on PATH, held against the versions for which what we know of it holds (the tables in `clients`)."""

from __future__ import annotations

import os
import shutil
from typing import NamedTuple

from gitfleet.base import processes
from gitfleet.clients.acting import CLIENTS


class ClientVersion(NamedTuple):
    """`version` ("": not there, or it does not tell), whether it is `known`: from `least`, with which the last of our events came, to the newest that was `tried`."""

    agent: str
    version: str
    known: bool
    least: str
    tried: str


def look(agent: str) -> ClientVersion:
    """How it stands with the client on PATH. Starts it once, for `--version`; ten seconds at most."""
    return judged(agent, version(agent))


def judged(agent: str, found: str) -> ClientVersion:
    """How it stands with that version. Pure."""
    tried = CLIENTS[agent].TRIED
    least = max((since for *_, since in CLIENTS[agent].EVENTS), key=numbers)
    known = bool(found) and numbers(least) <= numbers(found) <= numbers(tried)
    return ClientVersion(agent, found, known, least, tried)


def doubt(one: ClientVersion) -> str:
    """Why a client may not do what we expect of it, in words; "" where it does, or is not there."""
    if not one.version or one.known:
        return ""
    if numbers(one.version) > numbers(one.tried):
        return f"{one.agent} {one.version} is newer than {one.tried}, which gitfleet was tried with: its hooks may behave differently"
    events = CLIENTS[one.agent].EVENTS
    missing = [event for event, *_, since in events if numbers(since) > numbers(one.version)]
    return (
        f"{one.agent} {one.version} is too old for all of gitfleet's hooks: it does not call {', '.join(missing)} "
        f"as they need it, which came with {one.least} at the latest: update {one.agent}"
    )


def version(agent: str) -> str:
    """The version of the client on PATH; "" where that cannot be told."""
    program = shutil.which(agent)
    if program is None:
        return ""
    try:
        done = processes.run([program, "--version"], cwd=None, env=os.environ, timeout=10.0)
    except (OSError, processes.TimedOut):
        return ""
    words = done.stdout.decode("utf-8", "replace").split()
    return next((word for word in words if word[:1].isdigit() and "." in word), "")


def numbers(text: str) -> list[int]:
    """A version in an order; a part that is none counts as 0, and what follows a dash as nothing."""
    parts = text.partition("-")[0].split(".")
    return [int(part) if part.isdecimal() and len(part) < 9 else 0 for part in parts]
