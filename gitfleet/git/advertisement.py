"""What a hub shows of its branches to every push, before anything is sent: heard in passing, like its HEAD (`head`).

Git keeps it to itself, and only the trace of its packets shows it. HEAD is not part of it; where the hub is a folder of
this machine, HEAD is read there. A trace that is not understood tells nothing.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

from gitfleet.codec import Struct
from gitfleet.git import head

_PACKET = (
    rb"(?m)^[0-9:.]+ \S+\.c:\d+ +packet: +(?:push|git)< "
    rb"(?:([0-9a-f]{40,64}) refs/heads/([^\s\\]\S*?)(?:\\0[^\n]*)?$)?"
)


class Shown(Struct):
    """Where the branches of a hub are, by name; and the branch that HEAD names, where that could be read ("": it could not)."""

    branches: Mapping[str, str]
    head: str = ""


def tracing(path: str) -> dict[str, str]:
    """The environment in which git notes in the file `path` what it hears.

    Not in what it writes for us: a hub that is a folder here would have its own hooks write the same among their answers.
    """
    return {"GIT_TRACE_PACKET": os.path.abspath(path), "GIT_TRACE_REDACT": "1"}


def shown(trace: str, place: str) -> Shown | None:
    """What the hub has shown to a push, by the file of its `trace`; `place` is the folder that the hub is, or ""."""
    try:
        with open(trace, "rb") as file:
            packets = file.read()
    except OSError:
        return None
    told = re.findall(_PACKET, packets)
    if not told:
        return None
    return Shown({head.plain(name): oid.decode() for oid, name in told if oid}, _head(place))


def _head(place: str) -> str:
    """The branch that HEAD names in the repository at a folder; "" where that is not to be seen."""
    for path in ("HEAD", ".git/HEAD") if place else ():
        try:
            with open(os.path.join(place, path), "rb") as file:
                line = file.read(4096)
        except OSError:
            continue
        target = os.fsdecode(line).removeprefix("ref: ").rstrip("\n")
        return head.named(target).branch if line.startswith(b"ref: ") else ""
    return ""
