"""When another node counts as alive, quiet or unknown."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitfleet.base.identity import boot_id
from gitfleet.nodes.observed import NodeJudgement, Observation, Pulse, judge, watched

PATIENCE = 900


def look(before: Observation | None, tip: str, now: int, boot: str = "boot") -> Observation:
    return watched(before, tip, now=now, boot=boot, patience=PATIENCE)


def say(observation: Observation | None, now: int, boot: str = "boot") -> str:
    return judge(observation, now=now, boot=boot, patience=PATIENCE).liveness


def test_node_never_seen_is_unknown() -> None:
    assert say(None, 100) == "unknown"


def test_node_seen_once_is_unknown() -> None:
    assert say(look(None, "a", 100), 100) == "unknown"


def test_node_that_moved_between_two_looks_is_alive() -> None:
    assert say(look(look(None, "a", 100), "b", 160), 170) == "alive"


def test_node_that_moved_and_then_stays_is_alive_for_a_while_then_quiet() -> None:
    moved = look(look(None, "a", 100), "b", 160)
    assert say(look(moved, "b", 400), 400) == "alive"
    found = look(moved, "b", 160 + 720)
    assert judge(found, now=900, boot="boot", patience=PATIENCE) == NodeJudgement("quiet", 720, 160)


def test_node_that_never_moved_is_unknown_then_quiet() -> None:
    first = look(None, "a", 100)
    assert say(look(first, "a", 200), 200) == "unknown"
    assert say(look(first, "a", 500), 500) == "quiet"


def test_node_that_moved_while_nobody_watched_is_unknown() -> None:
    assert say(look(look(None, "a", 100), "b", 100 + PATIENCE + 1), 1010) == "unknown"


def test_node_that_was_looked_at_too_long_ago_is_unknown() -> None:
    moved = look(look(None, "a", 100), "b", 160)
    assert say(moved, 160 + PATIENCE + 1) == "unknown"


def test_observation_from_before_a_reboot_says_nothing() -> None:
    moved = look(look(None, "a", 100), "b", 160)
    assert say(moved, 170, boot="another") == "unknown"
    assert (
        say(moved, 50) == "unknown"
    )  # where the boot has no name: our clock is behind what was written down
    assert say(look(moved, "c", 50), 50) == "unknown"


def test_observations_are_kept_and_forgotten_with_their_node(tmp_path: Path) -> None:
    Pulse(str(tmp_path), PATIENCE).note({"one": "a", "two": "b"})
    Pulse(str(tmp_path), PATIENCE).note({"two": "c"})
    pulse = Pulse(str(tmp_path), PATIENCE)
    found = pulse.load()
    assert found.keys() == {"two"}
    assert found["two"].moved
    assert found["two"].boot == boot_id()
    assert pulse.judge(found["two"]).liveness == "alive"


@pytest.mark.parametrize("content", ["", "[]", "{", '{"two": 1}', '{"two": {"tip": "a"}}'])
def test_observations_that_cannot_be_read_never_were(tmp_path: Path, content: str) -> None:
    (tmp_path / "pulse.json").write_text(content)
    pulse = Pulse(str(tmp_path), PATIENCE)
    assert pulse.load() == {}
    pulse.note({"two": "c"})
    assert pulse.load().keys() == {"two"}
