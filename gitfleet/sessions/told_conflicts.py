"""Conflicts to come of which a session was told: in the ledger, so that it is told once, whoever finds out. Pure.

A record for each two branches (`radar/<pair>.json`) says what was told, and goes when the conflict does: then it may be
told again. Each alert is a message of its own. A node takes away what it told itself, since others may not see what it
sees (uncommitted work, branches that were not pushed); what sessions leave that have ended, any node.
"""

from __future__ import annotations

from collections.abc import Iterator

from gitfleet.base import canonical
from gitfleet.base.ids import is_name
from gitfleet.base.names import NodeId, SessionId
from gitfleet.base.text import counted
from gitfleet.codec import TEXT, WHOLE, Many, One, Record, Struct, Text, field
from gitfleet.errors import FleetError
from gitfleet.ledger import format
from gitfleet.ledger.model import NODE_ID, SESSION_ID, Accepted, Answer, Operation, View
from gitfleet.ledger.operations import BY_NODES, Decision, operation
from gitfleet.sessions import inbox, session_records

ROOT = "radar"
MOST = 200
"""Alerts of one operation; what is more is told by the next."""
MAX_PATHS = 50
_PAIR = Text[str](64, valid=is_name)
_TWO = Many(TEXT, least=2, most=2)
_PATHS = Many(TEXT, most=MAX_PATHS)


class Alert(Struct):
    """A conflict to come of `branches` in `paths`, for the session `to`; `owners` are the sessions of the branches ("": nobody's)."""

    pair: str = field(_PAIR)
    branches: tuple[str, ...] = field(_TWO)
    owners: tuple[str, ...] = field(_TWO)
    paths: tuple[str, ...] = field(_PATHS)
    to: SessionId = field(SESSION_ID)
    text: str = field(Text[str](inbox.MAX_MESSAGE, cut=True))


class ToldPair(Record):
    """What was told of two branches, by which node, and when (seconds, that node's clock)."""

    KIND = "alert"

    pair: str = field(_PAIR)
    branches: tuple[str, ...] = field(_TWO)
    owners: tuple[str, ...] = field(_TWO)
    paths: tuple[str, ...] = field(_PATHS)
    node: NodeId = field(NODE_ID)
    at: int = field(WHOLE)


class Alerts(Struct):
    """Conflicts as they are now, and pairs that have none any more."""

    alerts: tuple[Alert, ...] = field(Many(One(Alert), most=MOST), default=())
    cleared: tuple[str, ...] = field(Many(_PAIR), default=())


class Alerted(Answer):
    """The pairs of which a session was told just now."""

    told: tuple[str, ...] = field(Many(_PAIR), default=())


@operation("radar.tell", body=Alerts, answer=Alerted, actors=BY_NODES)
def tell(view: View, operation: Operation, body: Alerts, generation: int) -> Decision[Alerted]:
    """`radar.tell`: sessions get a message of each conflict that is new or worse; what is cleared may be told again."""
    del generation
    changes: dict[str, bytes | None] = {}
    told: list[str] = []
    for number, alert in enumerate(body.alerts):
        before = find(view, alert.pair)
        if before is not None and set(before.paths) == set(alert.paths):
            continue
        if session_records.find(view, alert.to) is None:
            continue
        if before is None or not set(alert.paths) <= set(before.paths):
            changes |= inbox.post(view, alert.to, alert.text, operation, number=number)
            told.append(alert.pair)
        record = ToldPair(alert.pair, alert.branches, alert.owners, alert.paths, operation.node, operation.at)
        changes[_path(alert.pair)] = canonical.dump(record.encode())
    for pair in body.cleared:
        if view.get(_path(pair)) is not None:
            changes[_path(pair)] = None
    words = f"{operation.node} tells of {counted(len(told), 'conflict')} to come, {len(body.cleared)} cleared"
    return Accepted(changes, Alerted(tuple(told)), words)


def find(view: View, pair: str) -> ToldPair | None:
    """What was told of a pair; None for nothing, or nothing that can be read."""
    where = _path(pair)
    data = view.get(where)
    try:
        return format.read(ToldPair, data, where) if data else None
    except FleetError:
        return None


def everything(view: View) -> Iterator[ToldPair]:
    """All that was told and is not cleared."""
    view.load(ROOT)
    for name, is_folder in view.names(ROOT):
        found = None if is_folder else find(view, name.removesuffix(".json"))
        if found is not None:
            yield found


def _path(pair: str) -> str:
    return f"{ROOT}/{pair}.json"


KINDS = (tell,)
