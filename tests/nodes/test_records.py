"""Records of other nodes: what is believed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gitfleet.base import canonical
from gitfleet.errors import Corrupt, NewerFormat
from gitfleet.nodes import records
from gitfleet.nodes.records import Detail, Heartbeat

BEAT = Heartbeat("node-1", 7, 1700000000, "boot", "host", "nonce")
DETAIL = Detail("s1", "alive", 12, 34, "main", 1, 2, 3, 1700000000, "a log\n\x1b[31m\udcff")


def changed(data: bytes, **changes: Any) -> bytes:
    return json.dumps({**json.loads(data), **changes}).encode()


def test_records_survive_the_way_there_and_back() -> None:
    assert records.heartbeat(canonical.dump(BEAT), "node-1") == BEAT
    assert records.detail(canonical.dump(DETAIL), "node-1", "s1") == DETAIL


def test_field_that_is_not_known_is_passed_over() -> None:
    assert records.heartbeat(changed(canonical.dump(BEAT), more=[1]), "node-1") == BEAT


@pytest.mark.parametrize(
    "changes",
    [
        {"node": "another"}, {"node": 1}, {"beat": "7"}, {"beat": True}, {"beat": -1}, {"beat": 2**60}, {"beat": 1.5},
        {"at": None}, {"host": "x" * 5000}, {"kind": "claim"}, {"v": 0}, {"v": "1"}, {"boot": []},
    ],
)  # fmt: skip
def test_heartbeat_with_a_broken_field_is_corrupt(changes: dict[str, Any]) -> None:
    with pytest.raises(Corrupt, match="node-1"):
        records.heartbeat(changed(canonical.dump(BEAT), **changes), "node-1")


@pytest.mark.parametrize(
    "changes",
    [
        {"id": "s2"}, {"liveness": "immortal"}, {"ahead": "1"}, {"behind": -1}, {"dirty": {}}, {"active_at": None},
        {"log_tail": 3}, {"log_tail": "x" * 70_000}, {"branch": 1}, {"pid": None},
    ],
)  # fmt: skip
def test_detail_with_a_broken_field_is_corrupt(changes: dict[str, Any]) -> None:
    with pytest.raises(Corrupt, match="node-1"):
        records.detail(changed(canonical.dump(DETAIL), **changes), "node-1", "s1")


@pytest.mark.parametrize("data", [b"", b"\xff\xfe", b"[]", b"nul", b"{}", b"[" * 100_000, b'{"a":' * 5000])
def test_record_that_is_none_is_corrupt(data: bytes) -> None:
    with pytest.raises(Corrupt, match="node-1"):
        records.heartbeat(data, "node-1")


def test_record_of_a_newer_format_is_named_as_such() -> None:
    with pytest.raises(NewerFormat, match="format 2"):
        records.heartbeat(changed(canonical.dump(BEAT), v=2), "node-1")
