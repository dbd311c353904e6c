"""What the ledger and the other refs of a fleet hold, read from the declarations: refs, records, and operations with their bodies.

For the reference and for tests; nothing that runs imports this module.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from gitfleet.claims.ended_grants import EndedGrant
from gitfleet.claims.model import Claim
from gitfleet.claims.tickets import Ticket
from gitfleet.clone import OPERATIONS
from gitfleet.codec import Choice, Field, Maybe, One, Record, Shape, Struct, Table, Text, Whole
from gitfleet.dispatch.model import JobPrompt, SharedJob
from gitfleet.dispatch.pools import PoolPause
from gitfleet.dispatch.risk import RiskBudget, StakedPlan
from gitfleet.dispatch.work import TakenWork
from gitfleet.gates.leases import GateLease
from gitfleet.gates.model import GateHistory, Verdict
from gitfleet.git import fleetrefs
from gitfleet.jobs.archives.archived_job import ArchivedJob
from gitfleet.ledger.commits import Transaction
from gitfleet.ledger.model import NODE, PERSON, SESSION
from gitfleet.mergequeue.model import CandidateResult, GateRun, QueueEntry, QueueState
from gitfleet.nodes.records import Detail, Heartbeat
from gitfleet.sessions.inbox import Message
from gitfleet.sessions.session_records import Session
from gitfleet.sessions.told_conflicts import ToldPair
from gitfleet.triage.plan_record import FleetPlan, HostPart

REFS: Mapping[str, str] = {
    fleetrefs.COORD: "The ledger: a chain of commits, each of which carries one transaction. Moves forwards only.",
    fleetrefs.node(
        "NODE"
    ): "A node's signs of life, and what it tells of its sessions: `heartbeat`, `detail`.",
    fleetrefs.jobs("NODE"): "A node's jobs that have ended: `archived-job`.",
    fleetrefs.streams("NODE"): "What the agents of these jobs wrote; fetched by whoever asks for it.",
    fleetrefs.plan(
        "SESSION"
    ): "A plan over hosts, and behind it what became of it: `fleet-plan`, `fleet-plan-host`.",
    fleetrefs.bulk(
        "NODE", "NAME"
    ): "Bulky things that a node keeps for others; fetched by whoever asks for one.",
    f"{fleetrefs.PROBE}…": "What `init` tries a hub with; taken away at once, where the hub lets it.",
    f"{fleetrefs.seen('REMOTE')}…": "This clone only: what it last saw of the hub.",
    f"{fleetrefs.ARCHIVE}ID": "This clone only: the archive of a worktree.",
}
"""Every ref, and what it is."""
RECORDS: Sequence[type[Record]] = (
    Transaction, Session, Claim, EndedGrant, Ticket, Message, ToldPair, Verdict, GateHistory, GateLease, QueueState, QueueEntry, GateRun,
    CandidateResult, SharedJob, JobPrompt, TakenWork, PoolPause, RiskBudget, StakedPlan, Heartbeat, Detail, ArchivedJob,
    FleetPlan, HostPart,
)  # fmt: skip
"""The records that travel. Those that stay in a clone are nobody else's business."""
_USUAL = 4096
"""What a text may be long if nothing else is said."""
_WHO = {SESSION: "sessions", PERSON: "persons", NODE: "nodes"}


class FieldRow(NamedTuple):
    """One field: its name in JSON, what it may hold, and what it is when it is not there ("": it must be)."""

    key: str
    holds: str
    default: str


class KindRow(NamedTuple):
    """One kind of operation: what it does, who may, and what its body has."""

    name: str
    words: str
    who: str
    moves: bool
    body: Sequence[FieldRow]


def operations() -> Iterator[KindRow]:
    """Every kind of operation, by name."""
    for kind in sorted(OPERATIONS, key=lambda one: one.name):
        who = " and ".join(_WHO[actor] for actor in kind.actors)
        words = _paragraph(kind.__doc__).removeprefix(f"`{kind.name}`: ")
        yield KindRow(kind.name, words[:1].upper() + words[1:], who, kind.moves, fields(kind.body))


def fields(kind: type[Struct]) -> list[FieldRow]:
    """The fields of a record or body that are written, in their order."""
    return [FieldRow(one.key, holds(one.shape), _default(one)) for one in kind.FIELDS if not one.local]


def parts(kinds: Sequence[type[Struct]]) -> list[type[Struct]]:
    """The structs that fields of these are, and fields of those, each once and by name; not these themselves."""
    found: dict[str, type[Struct]] = {}
    waiting = [shape for kind in kinds for shape in _structs(kind)]
    while waiting:
        kind = waiting.pop()
        if kind.__name__ not in found and kind not in kinds:
            found[kind.__name__] = kind
            waiting += _structs(kind)
    return [found[name] for name in sorted(found)]


def bodies() -> list[type[Struct]]:
    """The bodies of all operations."""
    return [kind.body for kind in OPERATIONS]


def holds(shape: Shape[object]) -> str:
    """What a value may be, in words."""
    given = vars(shape)
    if "_shape" not in given:
        return _alone(shape)
    inner = holds(given["_shape"])
    match shape:
        case Maybe():
            return f"{inner}, or null"
        case Table():
            return f"{inner}, by name"
        case _:
            return f"list of {inner}"


def anchor(kind: type[Struct]) -> str:
    """The heading of a part, as links spell it."""
    return f"{kind.__name__.lower()}-part"


def _alone(shape: Shape[object]) -> str:
    given = vars(shape)
    match shape:
        case Text():
            return "text" if given["_most"] == _USUAL else f"text of up to {given['_most']}"
        case Whole():
            return f"number{_bounds(given['_least'], given['_most'])}"
        case Choice():
            return ", ".join(f"`{word}`" for word in shape.words)
        case One():
            return f"[{given['_kind'].__name__}](#{anchor(given['_kind'])})"
        case _:
            return (
                _first_sentence(type(shape).__doc__).rstrip(".") if type(shape) is not Shape else "any JSON"
            )


def _paragraph(text: str | None) -> str:
    return " ".join((text or "").strip().partition("\n\n")[0].split())


def _first_sentence(text: str | None) -> str:
    words = _paragraph(text).partition(". ")[0]
    return words[:1].lower() + words[1:]


def _bounds(least: int | None, most: int | None) -> str:
    if least is None:
        return "" if most is None else f", up to {most}"
    return f" from {least}" + ("" if most is None else f" to {most}")


def _default(one: Field) -> str:
    if not _has_default(one):
        return ""
    return "left out" if one.omit else f"`{_spelled(one.default)}`"


def _has_default(one: Field) -> bool:
    return type(one.default) is not object


def _spelled(value: object) -> str:
    names = {None: "null", True: "true", False: "false"}
    if isinstance(value, bool) or value is None:
        return names[value]
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, Struct):
        return "{…}" if any(value.encode().values()) else "{}"
    return "[]" if value == () else "{}" if value == {} else str(value)


def _structs(kind: type[Struct]) -> list[type[Struct]]:
    found = []
    for one in kind.FIELDS:
        shape: object = one.shape
        while "_shape" in vars(shape):
            shape = vars(shape)["_shape"]
        if isinstance(shape, One):
            found.append(vars(shape)["_kind"])
    return found
