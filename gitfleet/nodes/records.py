"""What a node says of itself and of its sessions: the records behind its own ref, and how they are believed.

Pure. A node's ref holds one parentless commit; its tree has `heartbeat.json` and, for each session of that node,
`sessions/<shard>/<id>.json`. What other nodes wrote is checked field by field, since anybody who may push to the hub
may have written it. Times that are compared are durations, measured by the node that tells them.
"""

from __future__ import annotations

from typing import Final, Literal

from gitfleet.base.ids import shard
from gitfleet.codec import Choice, Maybe, Record, Shape, Text, Whole, field
from gitfleet.errors import Corrupt
from gitfleet.ledger import format

HEARTBEAT = "heartbeat.json"
SESSIONS = "sessions"
MAX_NUMBER = 2**53
ALIVE: Final = "alive"
DEAD: Final = "dead"
UNKNOWN: Final = "unknown"
PERSON: Final = "person"
SessionState = Literal["alive", "dead", "unknown", "person"]
"""What the node of a session says of it."""
_SKIPPED = "It was skipped."
_TEXT: Shape[str] = Text(4096)
_COUNT = Whole(0, MAX_NUMBER)


class Heartbeat(Record):
    """One beat of a node: `beat` counts them, `at` is its own wall clock (shown, never compared), `host` its name."""

    KIND = "heartbeat"
    node: str = field(_TEXT)
    beat: int = field(_COUNT)
    at: int = field(_COUNT)
    boot: str = field(_TEXT)
    host: str = field(_TEXT)
    nonce: str = field(_TEXT)


class Detail(Record):
    """What the node of a session knows of it beyond the ledger. None is "not looked at" or "does not apply".

    `liveness` is told of the process `pid` that started at `start`. `ahead` and `behind` count commits against the
    trunk as that node knows it, `dirty` uncommitted paths. `active_at` is when that node last saw activity, on the
    clock of its heartbeat's `at`, so that the detail of an idle session stays the same object. `log_tail` is raw
    text (surrogates for bytes that are no UTF-8): not safe to show.
    """

    KIND = "session-detail"
    id: str = field(_TEXT)
    liveness: SessionState = field(Choice[SessionState](ALIVE, DEAD, UNKNOWN, PERSON))
    pid: int = field(_COUNT, default=0)
    start: int = field(_COUNT, default=0)
    branch: str | None = field(Maybe(_TEXT), default=None)
    ahead: int | None = field(Maybe(_COUNT), default=None)
    behind: int | None = field(Maybe(_COUNT), default=None)
    dirty: int | None = field(Maybe(_COUNT), default=None)
    active_at: int = field(_COUNT, default=0)
    log_tail: str = field(Text[str](64 * 1024), default="")


def detail_path(session_id: str) -> str:
    """Where the detail of a session is filed."""
    return f"{SESSIONS}/{shard(session_id)}/{session_id}.json"


def heartbeat(data: bytes, node: str) -> Heartbeat:
    """The heartbeat in `data`, which `node` should have written. Raises Corrupt, NewerFormat."""
    found = format.read(Heartbeat, data, HEARTBEAT, of=f" of node {node}", then=_SKIPPED)
    if found.node != node:
        raise Corrupt(f"{HEARTBEAT} of node {node} belongs to another node. {_SKIPPED}", where=HEARTBEAT)
    return found


def detail(data: bytes, node: str, session_id: str) -> Detail:
    """The detail of a session in `data`, which `node` should have written. Raises Corrupt, NewerFormat."""
    where = detail_path(session_id)
    found = format.read(Detail, data, where, of=f" of node {node}", then=_SKIPPED)
    if found.id != session_id:
        raise Corrupt(f"{where} of node {node} belongs to another session. {_SKIPPED}", where=where)
    return found
