"""The registry of operations: what it takes, and what becomes of what others wrote."""

from __future__ import annotations

from typing import Any

import pytest

from gitfleet.base import canonical
from gitfleet.base.names import Oid, RefName
from gitfleet.clone import OPERATIONS
from gitfleet.codec import FLAG, TEXT, Struct, field, replace
from gitfleet.errors import Corrupt, FleetError, InternalError, Malformed, NewerFormat, PolicyRefused
from gitfleet.git.objects import open_objects
from gitfleet.git.trees import Snapshot
from gitfleet.ledger import commits
from gitfleet.ledger.model import Accepted, Actor, Answer, Move, Operation, Refused, View
from gitfleet.ledger.operations import BY_NODES, Decision, Kind, Nothing, Registry, operation
from tests.claims.world import Store
from tests.operations import raw


class Note(Struct):
    text: str = field(TEXT)
    wrong: bool = field(FLAG, default=False)


class Noted(Answer):
    text: str = field(TEXT)


@operation("note.put", body=Note, answer=Noted)
def put(view: View, operation: Operation, body: Note, generation: int) -> Decision[Noted]:
    del view, generation
    if body.wrong:
        raise KeyError("our mistake")
    return Accepted({f"notes/{operation.id}": b"{}\n"}, Noted(body.text), "noted")


@operation("note.sweep", body=Nothing, answer=Answer, actors=BY_NODES)
def sweep(view: View, operation: Operation, body: Nothing, generation: int) -> Decision[Answer]:
    del view, operation, body, generation
    move = Move(RefName("refs/heads/x"), Oid("1" * 40), Oid(""))
    return Accepted({}, Answer(), "swept", moves=(move,))


KINDS = Registry([put, sweep])


def decide(asked: Operation) -> Any:
    return KINDS.decide(Snapshot(Store(), None), asked, 1)


def refused(asked: Operation) -> FleetError:
    decision = decide(asked)
    assert isinstance(decision, Refused), decision
    return decision.error


def test_two_kinds_of_one_name_fail_where_the_registry_is_made() -> None:
    with pytest.raises(ValueError, match=r"note\.put"):
        Registry([put, sweep, put])


def test_every_kind_of_the_product_says_all_of_itself() -> None:
    for kind in OPERATIONS:
        assert isinstance(kind, Kind)
        assert issubclass(kind.answer, Answer)
        assert kind.actors
        assert f"`{kind.name}`" in (kind.__doc__ or ""), kind.name


def test_body_is_decided_as_its_type() -> None:
    decision = decide(raw("note.put", "n", "s-1", {"text": "x", "surprise": 1}))
    assert decision.answer == Noted("x")


@pytest.mark.parametrize("body", [{}, {"text": 5}, {"text": "x", "wrong": "yes"}, {"text": "x" * 5000}])
def test_malformed_body_from_elsewhere_is_refused_as_such_and_is_no_bug_of_ours(body: dict[str, Any]) -> None:
    error = refused(raw("note.put", "n", "s-1", body))
    assert isinstance(error, Malformed)
    assert (error.exit_code, error.part) == (20, "wrong" if "wrong" in body else "text")
    assert "note.put" in error.message
    assert "bug" not in error.words


@pytest.mark.parametrize("kind", [kind.name for kind in OPERATIONS])
def test_no_body_however_wrong_is_taken_for_a_bug_of_ours(kind: str) -> None:
    view = Snapshot(Store(), None)
    fields = [one.key for one in next(one for one in OPERATIONS if one.name == kind).body.FIELDS]
    wrong: list[Any] = [None, 7, "x", [], {}, [None], {"a": None}, [[]], True, "\udcff", -1]
    for value in wrong:
        for name in fields or ["x"]:
            decision = OPERATIONS.decide(view, raw(kind, "n", "s-1", {name: value}), 1)
            assert not isinstance(getattr(decision, "error", None), InternalError), (name, value, decision)


def test_mistake_of_a_rule_is_a_bug_of_ours() -> None:
    assert isinstance(refused(raw("note.put", "n", "s-1", {"text": "x", "wrong": True})), InternalError)


def test_kind_that_moves_refs_without_saying_so_is_a_bug_of_ours() -> None:
    assert isinstance(refused(raw("note.sweep", "n", "n", {}, who="node")), InternalError)


def test_kind_that_is_not_known_is_left_to_a_newer_gitfleet() -> None:
    assert isinstance(refused(raw("note.burn", "n", "s-1", {})), NewerFormat)


@pytest.mark.parametrize(
    ("kind", "actor", "error"),
    [
        ("note.put", Actor("node", "n"), PolicyRefused),
        ("note.sweep", Actor("session", "s-1"), PolicyRefused),
        ("note.sweep", Actor("person", "s-1"), PolicyRefused),
        ("note.sweep", Actor("node", "another"), Malformed),
    ],
    ids=str,
)
def test_actor_who_may_not_is_refused(kind: str, actor: Actor, error: type[FleetError]) -> None:
    assert type(refused(replace(raw(kind, "n", "s-1", {"text": "x"}), actor=actor))) is error


@pytest.mark.parametrize(("schema", "error"), [(2, NewerFormat), ("1", Corrupt), (None, Corrupt)])
def test_transaction_of_another_schema_is_refused_by_its_number(
    repository: Any, schema: Any, error: type[FleetError]
) -> None:
    objects = open_objects(str(repository / ".git"))
    root = commits.read(objects, commits.write_root(objects))
    tip = commits.write(objects, Snapshot(objects, root.tree), root, [], ["x"], node="n", at=1)
    record = canonical.load(Snapshot(objects, tip.tree).get("transaction.json") or b"")
    assert record["schema"] == 1
    tree = Snapshot(objects, tip.tree)
    tree.put("transaction.json", canonical.dump({**record, "schema": schema}))
    forged = replace(tip, tree=Oid(tree.write()))
    with pytest.raises(error):
        commits.transaction(objects, forged)
    objects.close()
