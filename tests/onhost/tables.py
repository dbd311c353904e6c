"""Tables of processes made by hand, for tests of what is thought of them."""

from __future__ import annotations

import shlex
from typing import Any

from gitfleet.onhost.grouping import client
from gitfleet.onhost.inference import judge
from gitfleet.onhost.records import (
    HostFacts,
    HostProcess,
    Identity,
    Judgement,
    Origin,
    ProcessGroup,
    ProcessTable,
)

UID = 1000
HOUR, DAY = 3600.0, 86400.0


def process(command: str = "", pid: int = 100, *, uid: int = UID, **fields: Any) -> HostProcess:
    """A quiet process without a terminal, of which everything could be read."""
    words = tuple(shlex.split(command))
    name = words[0].rsplit("/", 1)[-1][:15] if words else ""
    known: dict[str, Any] = {
        "ppid": 1,
        "pgid": pid,
        "sid": pid,
        "tpgid": -1,
        "terminal": 0,
        "state": "S",
        "name": name,
        "command": words,
        "cwd": "/home/ada/shop",
        "age": HOUR,
        "cpu": 0.0,
        "io": 0.0,
        "listening": (),
        "connections": 0,
        "stdin": "null",
    }
    return HostProcess(Identity("boot", pid, 1, uid), **{**known, **fields})


def host(*processes: HostProcess) -> ProcessTable:
    """A host with these processes."""
    facts = HostFacts("boot", UID, "ada", "host", "Linux", "3.8", 8, 100, 2**34, 2**33)
    return ProcessTable(facts, {one.identity.pid: one for one in processes}, 1_700_000_000.0, 1.0)


def of_session(state: str = "ended", by: str = "marker", *, supervised: bool = False) -> Origin:
    """Started by a session."""
    return Origin("01SESSION", by, state, supervised, 50 if supervised else None, not supervised)


OF_NOBODY = Origin(None, "none", "unknown", supervised=False, orphan=True)
OF_A_USER = Origin(None, "none", "unknown", supervised=True, supervisor=50)


def judged(origin: Origin, *members: HostProcess, **options: Any) -> Judgement:
    """What is thought of one group."""
    group = ProcessGroup(members[0], members, members[0].pgid, client=client(members))
    return judge(group, origin, host(*members), **options)
