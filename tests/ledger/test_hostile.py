"""What another client may have written: whatever it is, it is decided or refused, and what is filed can be read again."""

from __future__ import annotations

from typing import Any

import pytest

from gitfleet.base import canonical
from gitfleet.clone import OPERATIONS
from gitfleet.codec import Record, replace
from gitfleet.errors import InternalError, Malformed
from gitfleet.ledger.model import Accepted, Refused
from tests.claims.world import World, wanted
from tests.ledger.hostile import Hostile
from tests.operations import raw
from tests.sampling import RUN, shards

ROUNDS = 60
ID = "01HZY8M5Q4E3T2R1W0V9K8J7N6"


def world() -> World:
    made = World("ada-1", "ada-2", "bob-1")
    made.take("ada-1", "claim.acquire", **wanted("src/", "docs/*.md"))
    made.ask("bob-1", "claim.acquire", **wanted("src/a.py", wait=True))
    for branch in ("main", "topic", "x"):
        made.ask("ada-1", "queue.add", branch=branch, head="1" * 40, target="trunk", base="")
    made.ask("ada", "work.take", who="node", source="s", ref="r", job="j", place="p", ttl=60)
    return made


def record_types(kind: type[Record] = Record) -> dict[str, type[Record]]:
    found = {kind.KIND: kind} if "KIND" in vars(kind) else {}
    for below in kind.__subclasses__():
        found |= record_types(below)
    return found


@pytest.mark.parametrize("shard", shards("hostile", 8, most=1))
def test_operation_of_any_kind_and_body_is_decided_or_refused_and_its_records_can_be_read(shard: str) -> None:
    chance = RUN.choice(f"hostile {shard}")
    there = world()
    kinds = list(OPERATIONS)
    types = record_types()
    for _ in range(ROUNDS):
        hostile = Hostile(chance, there.view)
        for kind in chance.sample(kinds, 20):
            operation = hostile.operation(kind)
            there.generation += 1
            decision = OPERATIONS.apply(there.view, operation, there.generation)
            if isinstance(decision, Refused):
                assert not isinstance(decision.error, InternalError), (operation, decision.error)
                continue
            canonical.dump(decision.answer)
            kind.paths(kind.read(operation), decision.answer)
            for data in decision.changes.values():
                record: dict[str, Any] = canonical.load(data) if data else {}
                if "kind" in record:  # else marks that say all by their names
                    types[record["kind"]].decode(record)


@pytest.mark.parametrize("name", ["", "K", "../../x", ID.lower(), f"8{ID[1:]}", f"{ID}A"])
@pytest.mark.parametrize("kind", ["queue.add", "claim.acquire", "message.send"])
def test_operation_whose_id_is_none_is_malformed_and_files_nothing(kind: str, name: str) -> None:
    bodies: dict[str, Any] = {
        "queue.add": {"branch": "topic", "head": "1" * 40, "target": "main", "base": ""},
        "claim.acquire": wanted("src/"),
        "message.send": {"to": "ada-1", "text": "x"},
    }
    there = World("ada-1")
    asked = raw(kind, "ada", "ada-1", bodies[kind], at=1_000_000)
    assert isinstance(OPERATIONS.decide(there.view, asked, 9), Accepted)
    decision = OPERATIONS.decide(there.view, replace(asked, id=name), 9)
    assert isinstance(decision, Refused)
    assert isinstance(decision.error, Malformed)
    assert decision.error.part == "id"
