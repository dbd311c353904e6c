"""A lease counts as lapsed for what this machine has itself watched, by its own clock, and for nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gitfleet.claims.observed_leases import PAUSE, Watch
from gitfleet.codec import replace
from gitfleet.obstacles import Obstacle

ITEM = Obstacle(path="src/", claim="C1", renewed=3, ttl=600 - PAUSE, token=7, session="s-1")


@pytest.fixture
def watch(tmp_path: Path) -> Watch:
    return Watch(str(tmp_path))


def shift(tmp_path: Path, seconds: int, **more: Any) -> None:
    """As if what was seen had been seen so many seconds earlier."""
    path = tmp_path / "watch.json"
    seen = json.loads(path.read_text())
    for item in seen.values():
        item["since"] -= seconds
        item["granted"] -= seconds
        item.update(more)
    path.write_text(json.dumps(seen))


def test_lease_seen_once_has_not_lapsed(watch: Watch) -> None:
    watch.saw([ITEM])
    assert watch.lapsed(120) == {}


def test_lease_unchanged_for_its_time_and_margin_has_lapsed(watch: Watch, tmp_path: Path) -> None:
    watch.saw([ITEM])
    shift(tmp_path, 719)
    assert watch.lapsed(120) == {}
    shift(tmp_path, 3)
    watch.saw([ITEM])  # seen again, unchanged: the same observation
    assert watch.lapsed(120) == {"C1": 3}


def test_lease_renewed_in_between_is_watched_anew(watch: Watch, tmp_path: Path) -> None:
    watch.saw([ITEM])
    shift(tmp_path, 5000)
    watch.saw([replace(ITEM, renewed=4)])
    assert watch.lapsed(0) == {}
    shift(tmp_path, 601)
    assert watch.lapsed(0) == {"C1": 4}


def test_lease_watched_before_a_reboot_is_watched_anew(watch: Watch, tmp_path: Path) -> None:
    watch.saw([ITEM])
    shift(tmp_path, 5000, boot="11111111-2222-3333-4444-555555555555")
    assert watch.lapsed(0) == {}
    watch.saw([ITEM])
    assert watch.lapsed(0) == {}


def test_lease_seen_in_the_future_is_watched_anew(watch: Watch, tmp_path: Path) -> None:
    watch.saw([ITEM])
    shift(tmp_path, -10_000_000)
    watch.saw([ITEM])
    shift(tmp_path, 601)
    assert watch.lapsed(0) == {"C1": 3}


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"[]", b"\xff", b'{"C1":1}', b'{"C1":{"renewed":true,"ttl":1,"since":-9999999,"boot":"x","token":1,"granted":1,"session":"s","pause":0}}',
     b'{"C1":{"renewed":1,"since":-9999999}}'],
)  # fmt: skip
def test_observations_that_cannot_be_read_count_for_nothing(
    watch: Watch, tmp_path: Path, data: bytes
) -> None:
    (tmp_path / "watch.json").write_bytes(data)
    assert watch.lapsed(0) == {}
    watch.saw([ITEM])
    shift(tmp_path, 601)
    assert watch.lapsed(0) == {"C1": 3}


def test_conflicts_without_a_lease_are_passed_over(watch: Watch) -> None:
    watch.saw([Obstacle(path="src/", held="src/", problem="unreadable"), Obstacle(session="s-1", node="n")])
    assert watch.lapsed(-10) == {}


def test_observations_do_not_grow_for_ever(watch: Watch, tmp_path: Path) -> None:
    watch.saw([replace(ITEM, claim=f"C{n:05}") for n in range(3000)])
    assert len(json.loads((tmp_path / "watch.json").read_text())) == 1000


def test_lapsed_lease_is_left_alone_for_a_pause_unless_its_process_is_dead(
    watch: Watch, tmp_path: Path
) -> None:
    watch.saw([ITEM])
    shift(tmp_path, 600 - PAUSE + 120 + 2)
    asked: list[str] = []

    def lives(session: str) -> bool:
        asked.append(session)
        return False

    assert watch.lapsed(120, lives) == {}
    assert asked == ["s-1"]
    assert watch.lapsed(120, lambda _: True) == {"C1": 3}
    shift(tmp_path, PAUSE)
    assert watch.lapsed(120) == {"C1": 3}


def test_process_is_asked_about_only_where_that_makes_a_difference(watch: Watch, tmp_path: Path) -> None:
    def never(session: str) -> bool:
        raise AssertionError(session)

    watch.saw([ITEM])
    assert watch.lapsed(120, never) == {}
    shift(tmp_path, 800)
    assert watch.lapsed(120, never) == {"C1": 3}


def test_place_in_line_lapses_without_a_pause(watch: Watch, tmp_path: Path) -> None:
    watch.saw([replace(ITEM, waiting=True)])
    shift(tmp_path, 600 - PAUSE + 120 + 2)
    assert watch.lapsed(120) == {"C1": 3}


def test_grant_that_is_renewed_for_ever_is_outlived_by_its_token(watch: Watch, tmp_path: Path) -> None:
    for renewed in range(4):
        watch.saw([replace(ITEM, renewed=renewed)])
        assert watch.outlived(3000) == {}
        shift(tmp_path, 1000)
    watch.saw([replace(ITEM, renewed=9)])
    assert watch.lapsed(0) == {}
    assert watch.outlived(3000) == {"C1": 7}
    watch.saw([replace(ITEM, renewed=9, token=8)])
    assert watch.outlived(3000) == {}
    shift(tmp_path, 5000, boot="11111111-2222-3333-4444-555555555555")
    assert watch.outlived(3000) == {}
