"""Operations and results as data."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from gitfleet import errors
from gitfleet.base.names import SessionId
from gitfleet.codec import WHOLE, field, replace
from gitfleet.errors import Conflict, Corrupt, HubAlarm, NewerFormat
from gitfleet.git.program import GitFailed
from gitfleet.ledger.model import (
    Answer,
    ErrorRecord,
    Result,
    Status,
    operation_from,
    result_from,
)
from gitfleet.obstacles import Obstacle
from tests.operations import raw

RECORD: dict[str, Any] = replace(
    raw("kind", "node", "session", {"x": 1}, at=7), id="id", nonce="nonce"
).encode()


class Told(Answer):
    number: int = field(WHOLE)


def test_operation_reads_back() -> None:
    assert operation_from(RECORD, "here").encode() == RECORD
    assert operation_from(RECORD | {"surprise": 1}, "here").encode() == RECORD


@pytest.mark.parametrize(
    "change",
    [{"v": 0}, {"v": "1"}, {"v": None}, {"kind": 1}, {"id": None}, {"id": "x" * 257}, {"at": "7"}, {"at": True},
     {"body": []}, {"actor": "x"}, {"actor": {"kind": "god", "id": "x"}}, {"nonce": 1}],
    ids=str,
)  # fmt: skip
def test_operation_with_a_broken_field_is_corrupt(change: dict[str, Any]) -> None:
    with pytest.raises(Corrupt):
        operation_from(RECORD | change, "here")


def test_operation_of_a_newer_version_is_refused_by_name() -> None:
    with pytest.raises(NewerFormat, match="format 2"):
        operation_from(RECORD | {"v": 2, "body": "anything"}, "here")


@pytest.mark.parametrize(
    "error",
    [
        Conflict("m", hint="h", conflicts=(Obstacle(session=SessionId("a"), node="n"),)),
        HubAlarm("m", hint="h", kind="behind", hub="origin", verified="a", found=None),
        errors.LockHeld("m", lock="/x", holder="process 1"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_error_reads_back_with_its_class_and_facts(error: errors.FleetError) -> None:
    again = ErrorRecord.decode(ErrorRecord.of(error).encode()).error
    assert (type(again), again.message, again.hint, again.facts) == (
        type(error),
        error.message,
        error.hint,
        error.facts,
    )


@pytest.mark.parametrize("unharmed", ["", "The archive is unharmed.", errors.UNCHANGED])
@pytest.mark.parametrize("kind", [errors.UsageError, errors.HubRefused])
def test_error_reads_back_with_what_it_left_unharmed(kind: type[errors.FleetError], unharmed: str) -> None:
    error = kind("m", unharmed=unharmed)
    assert ErrorRecord.decode(ErrorRecord.of(error).encode()).error.unharmed == unharmed
    assert pickle.loads(pickle.dumps(error)).unharmed == unharmed


def test_error_below_the_drawn_tree_reads_back_as_the_nearest_that_is_drawn() -> None:
    again = ErrorRecord.decode(
        ErrorRecord.of(GitFailed("m", hint="h", command="git", code=1, output="o")).encode()
    ).error
    assert isinstance(again, errors.Blocked)
    assert (type(again), again.exit_code, again.code) == (errors.Blocked, 20, 1)


@pytest.mark.parametrize("name", ["NoSuchError", "EXIT_CODES", "Any", "", "__doc__"])
def test_error_of_an_unknown_class_reads_back_as_internal(name: str) -> None:
    again = ErrorRecord.decode(
        {"class": name, "message": "m", "hint": "h", "unharmed": "", "facts": {}}
    ).error
    assert type(again) is errors.InternalError


def test_facts_that_are_no_json_become_text() -> None:
    record = ErrorRecord.of(errors.Queued("m", ticket={"a": 1.5, "b": {"c": (1, b"x")}})).encode()
    assert record["facts"] == {"ticket": {"a": "1.5", "b": {"c": [1, "b'x'"]}}}


@pytest.mark.parametrize("status", Status)
def test_result_reads_back(status: Status) -> None:
    error = Conflict("m") if status is Status.REFUSED else None
    result = Result("id", status, None if error else Told(7), error, "c", 3, "why")
    again = result_from(result.encode(), Told)
    assert (again.status, again.answer, again.receipt, again.ok) == (
        status,
        None if error else Told(7),
        result.receipt,
        not error,
    )
