"""Two cleanups at once, a cleanup beside a session that comes, and a cleanup or restore that is killed at any step."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.sampling import shards
from tests.workbench import ROOT, Entrant, Git, Gitfleet, Race, run
from tests.worktrees.attic import age, archives, listed
from tests.worktrees.yard import Yard

DRIVER = ROOT / "tests/worktrees/cleanup_crashes.py"
PARTS = {"cleanup": 32, "restore": 24}


@pytest.mark.sample(1)
@pytest.mark.parametrize("trials", range(3))
def test_two_cleanups_at_once_lose_nothing(
    yard: Yard, git: Git, gitfleet: Gitfleet, race: Race, trials: int
) -> None:
    for trial in range(4):
        session = f"s{trials}-{trial}"
        worktree = yard.make(session)
        (worktree / "only here").write_text(f"trial {trial}\n", encoding="ascii")
        age(git, worktree)
        entrant = Entrant(gitfleet.argv("worktree", "cleanup", "--json"), yard.top, gitfleet.environment())
        answers = [ran.ok().json()["data"]["outcomes"] for ran in race([entrant, entrant])]
        removed = [row for rows in answers for row in rows if row["result"] == "removed"]
        assert [row["session"] for row in removed] == [session], answers
        (made,) = [one for one in archives(yard) if one.owner.session == session]
        assert git(yard.top, "show", f"{made.ref}:worktree/only here") == f"trial {trial}"
    assert listed(yard) == []


def test_archives_of_one_worktree_at_once_are_one_or_several_and_all_whole(
    yard: Yard, git: Git, gitfleet: Gitfleet, race: Race
) -> None:
    worktree = yard.make("s1")
    (worktree / "only here").write_text("x\n", encoding="ascii")
    entrant = Entrant(gitfleet.argv("worktree", "archive", "s1", "--json"), yard.top, gitfleet.environment())
    ids = {ran.ok().json()["data"]["archive"]["id"] for ran in race([entrant] * 4)}
    assert ids == {one.id for one in archives(yard)}
    for one in archives(yard):
        assert git(yard.top, "show", f"{one.ref}:worktree/only here") == "x"


def test_session_that_wants_the_worktree_meanwhile_gets_it_or_another_whole_one(
    yard: Yard, git: Git, gitfleet: Gitfleet, race: Race
) -> None:
    for trial in range(4):
        age(git, yard.make(f"s{trial}"))
        environment = gitfleet.environment()
        cleanup = Entrant(gitfleet.argv("worktree", "cleanup"), yard.top, environment)
        ensure = Entrant(gitfleet.argv("worktree", "ensure", "--print-path"), yard.top, environment)
        _, ensured = race([cleanup, ensure])
        worktree = Path(ensured.ok().stdout.rstrip("\n"))
        assert (worktree / "README.md").exists()
        assert git(worktree, "status", "--porcelain") == ""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux, to wait for the processes of a dead one")
@pytest.mark.parametrize(
    ("scenario", "shard"),
    [(name, shard) for name, count in PARTS.items() for shard in shards(f"kill {name}", count)],
)
@pytest.mark.always
def test_kill_after_any_effect_loses_nothing(
    prepared_fleet: Path, tmp_path: Path, scenario: str, shard: str
) -> None:
    output = tmp_path / "outcome.json"
    argv: list[str | Path] = [sys.executable, "-P", DRIVER, prepared_fleet, scenario, shard, output]
    run(argv, tmp_path, env={"PYTHONPATH": str(ROOT)}).ok()
    outcome = json.loads(output.read_text(encoding="utf-8"))
    assert outcome["failures"] == []
    assert outcome["all"] > 20, outcome
    assert len(outcome["missed"]) <= outcome["tried"] / 2, (
        outcome
    )  # on a busy machine waiting has fewer turns
