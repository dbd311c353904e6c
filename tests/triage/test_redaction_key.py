"""The key that stays: made once, for its user alone, also when several make it at once."""

from __future__ import annotations

from pathlib import Path

from gitfleet.triage import redaction_key, reviewing
from tests.workbench import Entrant, Gitfleet, Race

ASK = "import sys; from gitfleet.triage import redaction_key; print(redaction_key.key(sys.argv[1]).hex())"


def test_key_that_several_make_at_once_is_one_and_nobody_else_may_read_it(
    tmp_path: Path, race: Race, gitfleet: Gitfleet
) -> None:
    python = gitfleet.argv()[0]
    state = tmp_path / "state"
    ran = race([Entrant([python, "-c", ASK, state], tmp_path, gitfleet.environment()) for _ in range(4)])
    assert {one.ok().stdout.strip() for one in ran} == {redaction_key.key(str(state)).hex()}
    (path,) = (state / "triage").iterdir()
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_key_that_was_cut_off_is_made_anew_and_each_purpose_has_its_own(tmp_path: Path) -> None:
    first = redaction_key.key(str(tmp_path))
    assert len(first) == 32
    (tmp_path / "triage/key").write_bytes(first[:7])
    second = redaction_key.key(str(tmp_path))
    assert len(second) == 32
    assert second not in {first, first[:7]}
    assert redaction_key.key(str(tmp_path)) == second
    assert len({second, redaction_key.derived(second, "a"), redaction_key.derived(second, "b")}) == 3


def test_plan_that_was_shown_is_known_by_its_commit_alone(tmp_path: Path) -> None:
    state, name = str(tmp_path), "fleet-20261130-120000-a7b3"
    assert reviewing.seen(state, name) == ""
    reviewing.note(state, name, "a" * 40)
    assert reviewing.seen(state, name) == "a" * 40
    (tmp_path / "triage/seen" / name).write_text("HEAD")
    assert reviewing.seen(state, name) == ""
    reviewing.forget(state, name)
    reviewing.forget(state, name)
