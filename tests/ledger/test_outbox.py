"""The outbox: each operation is in exactly one place, whatever happens around it."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitfleet.base.names import SessionId
from gitfleet.errors import Conflict
from gitfleet.ledger.model import Operation, Result, Status
from gitfleet.ledger.outbox import Outbox
from gitfleet.obstacles import Obstacle
from tests.operations import raw


@pytest.fixture
def outbox(tmp_path: Path) -> Outbox:
    found = Outbox(str(tmp_path))
    found.prepare()
    return found


def make(session: str = "s") -> Operation:
    return raw("claim.acquire", "node", session, {"x": [1, "\udcff"]})


def places(outbox: Outbox, operation: Operation) -> list[str]:
    return [path.parent.name for path in Path(outbox.root).rglob(f"{operation.id}.json")]


def test_operation_that_was_left_is_taken_as_it_was_in_order(outbox: Outbox) -> None:
    operations = [make() for _ in range(5)]
    for operation in reversed(operations):
        outbox.leave(operation)
    assert outbox.take() == operations
    assert outbox.take() == operations
    assert all(places(outbox, operation) == ["taken"] for operation in operations)


def test_operation_that_was_left_can_be_withdrawn_until_it_is_taken(outbox: Outbox) -> None:
    one, two = make(), make()
    outbox.leave(one)
    assert outbox.withdraw(one)
    assert not outbox.withdraw(one)
    assert outbox.take() == []
    outbox.leave(two)
    outbox.take()
    assert not outbox.withdraw(two)
    assert outbox.holds(two)


def test_tentative_operation_comes_before_all_others_and_is_in_one_place(outbox: Outbox) -> None:
    first, second, third = make(), make(), make()
    outbox.leave(second)
    outbox.take()
    outbox.keep_tentative(second)
    outbox.leave(first)
    outbox.leave(third)
    assert places(outbox, second) == ["tentative"]
    assert outbox.take() == [second, first, third]
    assert outbox.tentative() == [second]
    assert outbox.is_tentative(second)
    assert not outbox.is_tentative(first)


def test_operation_that_a_crash_left_in_two_places_is_taken_once(outbox: Outbox) -> None:
    operation = make()
    outbox.leave(operation)
    outbox.take()
    (Path(outbox.root) / "tentative" / f"{operation.id}.json").write_bytes(
        (Path(outbox.root) / "taken" / f"{operation.id}.json").read_bytes()
    )
    assert outbox.take() == [operation]
    outbox.finish(Result(operation.id, Status.CONFIRMED))
    assert places(outbox, operation) == []


def test_finish_tells_the_caller_once_and_lets_the_operation_go(outbox: Outbox) -> None:
    operation = make()
    outbox.leave(operation)
    outbox.take()
    error = Conflict("held", hint="wait", conflicts=(Obstacle(session=SessionId("x"), node="n"),))
    outbox.finish(Result(operation.id, Status.REFUSED, error=error))
    assert not outbox.holds(operation)
    told = outbox.result(operation)
    assert told is not None
    assert isinstance(told.error, Conflict)
    assert told.error.conflicts == error.conflicts
    assert outbox.result(operation) is None


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"words", b'{"operation":1,"status":"sunny"}', b'{"status":"failed","error":{}}']
)
def test_result_that_cannot_be_read_is_none_and_gone(outbox: Outbox, tmp_path: Path, data: bytes) -> None:
    operation = make()
    path = tmp_path / "results" / f"{operation.id}.json"
    path.write_bytes(data)
    assert outbox.result(operation) is None
    assert not path.exists()


def test_attempts_add_up_until_they_end(outbox: Outbox) -> None:
    assert outbox.attempt() is None
    outbox.begin_attempt("a" * 40, ["1", "2"])
    outbox.begin_attempt("b" * 40, ["2", "3"])
    attempt = outbox.attempt()
    assert attempt is not None
    assert (attempt.base, attempt.operations) == ("a" * 40, frozenset({"1", "2", "3"}))
    outbox.end_attempt()
    outbox.end_attempt()
    assert outbox.attempt() is None
