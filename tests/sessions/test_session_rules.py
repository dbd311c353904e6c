"""Sessions as records, and how the ledger changes when they start, go on and change."""

from __future__ import annotations

from typing import Any

import pytest

from gitfleet.base import canonical
from gitfleet.base.names import NodeId, SessionId
from gitfleet.clone import OPERATIONS
from gitfleet.errors import Conflict, Corrupt, FleetError, Malformed, NewerFormat
from gitfleet.git.objects import open_objects
from gitfleet.git.trees import Snapshot
from gitfleet.ledger.model import Accepted
from gitfleet.sessions import session_records
from gitfleet.sessions.session_records import Session
from tests.operations import raw


@pytest.fixture
def view(repository: Any) -> Snapshot:
    return Snapshot(open_objects(str(repository / ".git")), None)


def ask(view: Snapshot, kind: str, body: dict[str, Any], *, node: str = "n", at: int = 100) -> Any:
    body = {"worktree": "/w", **body} if kind == "session.start" else body
    decision = OPERATIONS.decide(view, raw(kind, node, "s-1", body, at=at), 1)
    if isinstance(decision, Accepted):
        view.change(decision.changes)
        return session_records.find(view, "s-1")
    return decision.error


def test_start_keeps_the_facts_and_the_process(view: Snapshot) -> None:
    body = {"worktree": "/w", "pid": 5, "start": 7, "boot": "b", "namespace": 9, "title": "t", "unknown": 1}
    session = ask(view, "session.start", body)
    assert (session.pid, session.start, session.boot, session.namespace) == (5, 7, "b", 9)
    assert (session.started_at, session.renewed_at, session.renewed, session.person) == (100, 100, 0, False)


def test_start_with_fields_of_wrong_types_is_refused(view: Snapshot) -> None:
    for body in ({"pid": "5"}, {"title": 5}, {"worktree": None}, {"pid": True}):
        assert isinstance(ask(view, "session.start", body), Malformed)
    assert session_records.find(view, "s-1") is None


def test_start_again_needs_the_same_node_leave_and_process(view: Snapshot) -> None:
    ask(view, "session.start", {"pid": 5, "start": 7, "title": "t"})
    assert isinstance(ask(view, "session.start", {}), Conflict)
    assert isinstance(ask(view, "session.start", {"resume": True}, node="m"), Conflict)
    wrong = {"resume": True, "pid": 6, "was": {"pid": 5, "start": 8}}
    assert isinstance(ask(view, "session.start", wrong), Conflict)
    session = ask(view, "session.start", {"resume": True, "pid": 6, "was": {"pid": 5, "start": 7}}, at=200)
    assert (session.pid, session.renewed, session.renewed_at, session.started_at) == (6, 1, 200, 100)


def test_process_that_did_not_hear_that_its_session_began_may_begin_it_again(view: Snapshot) -> None:
    body = {"pid": 5, "start": 7, "boot": "b", "namespace": 9}
    ask(view, "session.start", {**body, "title": "t"})
    assert ask(view, "session.start", body).title == "t"
    assert isinstance(ask(view, "session.start", body, node="m"), Conflict)
    for other in ({"pid": 6}, {"start": 8}, {"boot": "c"}, {"namespace": 1}):
        assert isinstance(ask(view, "session.start", {**body, **other}), Conflict)


def test_renewals_are_counted_and_going_on_renews(view: Snapshot) -> None:
    ask(view, "session.start", {"title": "t"})
    assert ask(view, "session.renew", {}, at=300).renewed == 1
    again = {"resume": True, "branch": "b", "id": "x", "node": "m", "renewed": 99}
    changed = ask(view, "session.start", again)
    assert (changed.branch, changed.id, changed.node, changed.renewed, changed.title) == (
        "b",
        "s-1",
        "n",
        2,
        "t",
    )


def test_texts_beyond_measure_are_cut_so_that_the_record_is_read_back(view: Snapshot) -> None:
    assert len(ask(view, "session.start", {"title": "x" * 10_000}).title) == 4096


@pytest.mark.parametrize(
    "damage",
    [{"id": "s-2"}, {"id": "../x"}, {"node": 1}, {"worktree": None}, {"pid": "1"}, {"pid": True}, {"person": 1},
     {"title": "x" * 5000}, {"kind": "claim"}, {"v": 0}],
    ids=str,
)  # fmt: skip
def test_record_that_is_no_session_for_its_place_is_corrupt(damage: dict[str, Any]) -> None:
    record = {**Session(SessionId("s-1"), NodeId("n"), "/w").encode(), **damage}
    data = canonical.dump({name: value for name, value in record.items() if value is not None})
    with pytest.raises(Corrupt):
        session_records.parse(data, session_records.path("s-1"))


def test_record_keeps_fields_of_newer_versions_and_refuses_newer_formats() -> None:
    record = {**Session(SessionId("s-1"), NodeId("n"), "/w").encode(), "mood": "good"}
    assert session_records.parse(canonical.dump(record), session_records.path("s-1")).encode() == record
    with pytest.raises(NewerFormat):
        session_records.parse(canonical.dump({**record, "v": 2}), session_records.path("s-1"))


def test_everyone_tells_of_records_that_cannot_be_read(view: Snapshot) -> None:
    ask(view, "session.start", {})
    view.put(session_records.path("s-2"), b"{")
    found = list(session_records.everyone(view))
    assert len(found) == 2
    assert [item.id for item in found if isinstance(item, Session)] == ["s-1"]
    assert [type(item) for item in found if isinstance(item, FleetError)] == [Corrupt]


def test_everyone_passes_over_a_session_that_has_ended_but_is_not_written_yet(view: Snapshot) -> None:
    ask(view, "session.start", {})
    view.write()
    ask(view, "session.end", {})
    assert list(session_records.everyone(view)) == []
    view.put(f"{session_records.folder('s-2')}/claims/x", b"")
    assert [type(item) for item in session_records.everyone(view)] == [Corrupt]
