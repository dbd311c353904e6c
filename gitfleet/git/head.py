"""Which branch the HEAD of a hub names, heard in passing: every fetch learns it, on the connection that it has anyway.

The hub tells it to every fetch that asks about HEAD, but `git fetch` keeps it to itself; only the trace of its packets
shows it. So a fetch asks about HEAD (`asking`), brings nothing of it, and what was said is read from the trace. A trace
that is not understood tells nothing: then `git ls-remote` is what is left, for a connection of its own.
"""

from __future__ import annotations

import os
import re

from gitfleet.codec import Struct
from gitfleet.git import fleetrefs
from gitfleet.git.refs import is_branch

TRACE = {"GIT_TRACE_PACKET": "1", "GIT_TRACE_REDACT": "1"}
BRANCH, DETACHED, NONE, UNTOLD = "branch", "detached", "none", "untold"

_HEADS = "refs/heads/"
_LINE = rb"[0-9:.]+ \S+\.c:\d+ +packet: +(\S+?)([<>]) ?([^\n]*)\n?"
_CLIENTS = (b"fetch", b"git")  # in whose name the hub's packets come; over http some are git's
_HEAD = rb"[0-9a-f]{40,64} HEAD(?: symref-target:(\S+)|(\\0)([^\n]*))?"
_OCTAL = rb"\\([0-7]{1,3})"


class Head(Struct):
    """What a hub's HEAD is: `BRANCH` with its name; `DETACHED`; `NONE` (it names no branch that is there, or is hidden).

    `UNTOLD` is a hub that does not tell: nothing is known of it.
    """

    state: str
    branch: str = ""


def asking(remote: str) -> tuple[str, str]:
    """The refspecs with which a fetch asks about HEAD: the first does, and the second keeps it from bringing anything."""
    return f"HEAD*:{fleetrefs.seen_head(remote)}*", "^HEAD"


def heard(trace: bytes) -> Head | None:
    """What the packets of a fetch that went well say of HEAD; None where the trace is not understood."""
    told = [match[3] for match in re.finditer(_LINE, trace) if match[1] in _CLIENTS and match[2] == b"<"]
    if not told:
        return None
    for packet in told:
        found = re.fullmatch(_HEAD, packet)
        if found:
            return _head(found)
    return Head(NONE)


def without_trace(output: bytes) -> bytes:
    """What git and the hub wrote besides the trace."""
    return re.sub(_LINE, b"", output)


def named(target: str) -> Head:
    """What HEAD is that leads to the ref `target`: strangers may have put anything there."""
    name = target.removeprefix(_HEADS)
    return Head(BRANCH, name) if name != target and is_branch(name) else Head(NONE)


def _head(found: re.Match[bytes]) -> Head:
    target, old_protocol, abilities = found[1], found[2], found[3]
    if old_protocol:  # there a symref is among the abilities, and a hub that names none may just not know how
        told = [word for word in abilities.split(b" ") if word.startswith(b"symref=HEAD:")]
        if not told:
            return Head(UNTOLD)
        target = told[0].removeprefix(b"symref=HEAD:")
    if target is None:
        return Head(DETACHED)
    return named(plain(target))


def plain(name: bytes) -> str:
    """A name as it is, from a trace."""
    if b"\\" in name:
        name = re.sub(_OCTAL, lambda code: bytes([int(code[1], 8) & 255]), name)
    return os.fsdecode(name)
