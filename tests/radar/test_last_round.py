"""The last round is kept for who only looks: what it found, and since when each conflict is there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gitfleet.base import clock
from gitfleet.radar.last_round import RoundKeeper
from gitfleet.radar.model import BaseClash, Doublet, Effort, Findings, PairClash, PathClash, Untold, WorkHead

A, B, C = (
    WorkHead(name, oid * 40, oid * 40, owner=f"s-{name}", title=name)
    for name, oid in zip("abc", "123", strict=True)
)
PATHS = (PathClash("x.py", ("contents",), ((3, 4),)),)


def findings(
    *clashes: PairClash, broken: tuple[BaseClash, ...] = (), doublets: tuple[Doublet, ...] = ()
) -> Findings:
    return Findings(
        "f" * 40, [A, B, C], clashes, broken, doublets, [Untold(("z",), "it is gone")], [C, A, B], [], Effort(3, 3, 1, 1, 1, 0)
    )  # fmt: skip


@pytest.fixture
def keeper(tmp_path: Path) -> RoundKeeper:
    (tmp_path / "radar").mkdir()
    return RoundKeeper(str(tmp_path))


def test_round_is_read_as_it_was_kept(keeper: RoundKeeper) -> None:
    keeper.keep(
        findings(PairClash(A, B, PATHS), broken=(BaseClash(C, PATHS),), doublets=(Doublet(A, C, "t.py", "f"),)), ["the hub is away"]
    )  # fmt: skip
    last = keeper.last()
    assert last is not None
    names = [head.name for head in last.heads]
    assert [(names[one.one], names[one.two] if one.two >= 0 else "") for one in last.conflicts] == [
        ("c", ""),
        ("a", "b"),
    ]
    assert [(path.path, path.kinds, path.hunks) for path in last.conflicts[1].paths] == [
        ("x.py", ("contents",), ((3, 4),))
    ]
    assert [(names[one.one], names[one.two], one.path, one.name) for one in last.doublets] == [
        ("a", "c", "t.py", "f")
    ]
    assert [names[place] for place in last.order] == ["c", "a", "b"]
    assert (last.lines, last.untold[0].why, last.warnings) == (3, "it is gone", ("the hub is away",))


def test_conflict_keeps_the_time_at_which_it_was_first_seen(
    keeper: RoundKeeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = iter([100, 200, 300])
    monkeypatch.setattr(clock, "now", lambda: next(times))
    keeper.keep(findings(PairClash(A, B, PATHS)), [])
    keeper.keep(findings(PairClash(A, B, PATHS), PairClash(B, C, PATHS)), [])
    last = keeper.last()
    assert last is not None
    assert (last.at, [one.since for one in last.conflicts]) == (200, [100, 200])
    keeper.keep(findings(PairClash(B, C, PATHS)), [])
    last = keeper.last()
    assert last is not None
    assert [one.since for one in last.conflicts] == [200]


def test_file_of_a_round_is_this_users_alone(keeper: RoundKeeper) -> None:
    keeper.keep(findings(), [])
    assert os.stat(keeper.path).st_mode & 0o777 == 0o600


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"at":1}', b"\xff"])
def test_file_that_is_none_counts_as_no_round(keeper: RoundKeeper, data: bytes) -> None:
    Path(keeper.path).write_bytes(data)
    assert keeper.last() is None


def test_place_where_there_is_no_head_counts_as_no_round(keeper: RoundKeeper) -> None:
    keeper.keep(findings(PairClash(A, B, PATHS)), [])
    path = Path(keeper.path)
    path.write_bytes(path.read_bytes().replace(b'"two":1', b'"two":7'))
    assert keeper.last() is None
