"""Operations as another program might write them: with any body, of any kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gitfleet.base import clock
from gitfleet.base.ids import ulid
from gitfleet.base.names import NodeId
from gitfleet.clone import OPERATIONS
from gitfleet.codec import replace
from gitfleet.ledger.ledger import Ledger
from gitfleet.ledger.model import Actor, Operation, Timing, Who


def raw(
    kind: str, node: str, session: str, body: Mapping[str, Any], *, who: Who | None = None, at: int = 1
) -> Operation:
    """An operation of `session` (of a person where only persons may, of the node where only nodes may).

    What of `body` tells of the moment (`uptime`, `margin`, `max_age`) or of what was `heard` stands beside it.
    """
    known = OPERATIONS.get(kind)
    if who is None:
        who = "session" if known is None or "session" in known.actors else known.actors[0]
        who = "person" if body.get("outcome") == "released" else who
    rest = dict(body)
    timing = Timing(**{name: rest.pop(name) for name in ("uptime", "margin", "max_age") if name in rest})
    heard = tuple(rest.pop("heard", ()))
    actor = Actor(who, node if who == "node" else session)
    return Operation(kind, ulid(), NodeId(node), actor, at, rest, ulid(), timing, heard)


def ask(
    ledger: Ledger, kind: str, session: str, body: Mapping[str, Any], *, who: Who | None = None
) -> dict[str, Any]:
    """Have one operation decided; its answer, as JSON holds it. Raises what its decision raises."""
    operation = raw(kind, ledger.node.id, session, body, who=who, at=clock.now())
    operation = operation if operation.timing != Timing() else replace(operation, timing=ledger.timing())
    result = ledger.submit([operation])[0]
    if result.error is not None:
        raise result.error
    assert result.answer is not None
    return result.answer.encode()
