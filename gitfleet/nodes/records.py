"""What a node says of itself and of its sessions: the records behind its own ref, and how they are believed.

Pure. A node's ref holds one parentless commit; its tree has `heartbeat.json` and, for each session of that node,
`sessions/<shard>/<id>.json`. What other nodes wrote is checked field by field, since anybody who may push to the hub
may have written it. Times that are compared are durations, measured by the node that tells them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal, NamedTuple, TypeVar

from gitfleet.base import canonical
from gitfleet.base.ids import shard
from gitfleet.errors import Corrupt, NewerFormat

FORMAT = 1
HEARTBEAT = "heartbeat.json"
SESSIONS = "sessions"
MAX_TEXT = 4096
MAX_TAIL = 64 * 1024
MAX_NUMBER = 2**53
ALIVE: Final = "alive"
DEAD: Final = "dead"
UNKNOWN: Final = "unknown"
PERSON: Final = "person"
SessionState = Literal["alive", "dead", "unknown", "person"]
"""What the node of a session says of it."""


class Heartbeat(NamedTuple):
    """One beat of a node: `beat` counts them, `at` is its own wall clock (shown, never compared), `host` its name."""

    node: str
    beat: int
    at: int
    boot: str
    host: str
    nonce: str


class Detail(NamedTuple):
    """What the node of a session knows of it beyond the ledger. None is "not looked at" or "does not apply".

    `liveness` is told of the process `pid` that started at `start`. `ahead` and `behind` count commits against the
    trunk as that node knows it, `dirty` uncommitted paths. `active_at` is when that node last saw activity, on the
    clock of its heartbeat's `at`, so that the detail of an idle session stays the same object. `log_tail` is raw
    text (surrogates for bytes that are no UTF-8): not safe to show.
    """

    id: str
    liveness: SessionState
    pid: int = 0
    start: int = 0
    branch: str | None = None
    ahead: int | None = None
    behind: int | None = None
    dirty: int | None = None
    active_at: int = 0
    log_tail: str = ""


_Record = TypeVar("_Record", Heartbeat, Detail)


def detail_path(session_id: str) -> str:
    """Where the detail of a session is filed."""
    return f"{SESSIONS}/{shard(session_id)}/{session_id}.json"


def as_bytes(record: Heartbeat | Detail) -> bytes:
    """The canonical bytes of a record."""
    return canonical.dump({**record._asdict(), "v": FORMAT, "kind": _KINDS[type(record)]})


def heartbeat(data: bytes, node: str) -> Heartbeat:
    """The heartbeat in `data`, which `node` should have written. Raises Corrupt, NewerFormat."""
    found = _read(Heartbeat, data, node, HEARTBEAT)
    if found.node != node:
        raise _broken(node, HEARTBEAT, "belongs to another node")
    return found


def detail(data: bytes, node: str, session_id: str) -> Detail:
    """The detail of a session in `data`, which `node` should have written. Raises Corrupt, NewerFormat."""
    where = detail_path(session_id)
    found = _read(Detail, data, node, where)
    if found.id != session_id or found.liveness not in {ALIVE, DEAD, UNKNOWN, PERSON}:
        raise _broken(node, where, "belongs to another session, or cannot be understood")
    return found


_KINDS: Mapping[type, str] = {Heartbeat: "heartbeat", Detail: "session-detail"}
_LIMITS = {"log_tail": MAX_TAIL}
_NAMES: Mapping[type, Mapping[str, tuple[type, ...]]] = {
    Heartbeat: {name: (int,) if name in {"beat", "at"} else (str,) for name in Heartbeat._fields},
    Detail: {
        "id": (str,), "liveness": (str,), "pid": (int,), "start": (int,), "branch": (str, type(None)),
        "ahead": (int, type(None)), "behind": (int, type(None)), "dirty": (int, type(None)),
        "active_at": (int,), "log_tail": (str,),
    },
}  # fmt: skip


def _read(kind: type[_Record], data: bytes, node: str, where: str) -> _Record:
    try:
        raw = canonical.load(data)
    except ValueError as error:
        raise _broken(node, where, f"cannot be read ({error})") from error
    version = raw.get("v")
    if type(version) is int and version > FORMAT:
        raise NewerFormat(
            f"{where} of node {node} has format {version}; this gitfleet reads up to {FORMAT}. It was skipped.",
            hint="Upgrade gitfleet on this machine.",
            where=where,
            version=version,
            understood=FORMAT,
        )
    if version != FORMAT or raw.get("kind") != _KINDS[kind]:
        raise _broken(node, where, f"is no {_KINDS[kind]}")
    known = {}
    for name, kinds in _NAMES[kind].items():
        if name not in raw or type(raw[name]) not in kinds or not _sane(name, raw[name]):
            raise _broken(node, where, f"has a broken field '{name}'")
        known[name] = raw[name]
    return kind(**known)


def _sane(name: str, value: Any) -> bool:
    if isinstance(value, str):
        return len(value) <= _LIMITS.get(name, MAX_TEXT)
    return value is None or 0 <= value <= MAX_NUMBER


def _broken(node: str, where: str, what: str) -> Corrupt:
    return Corrupt(f"{where} of node {node} {what}. It was skipped.", where=where)
