"""Worktrees that are made at the same time, and the sessions that come to them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from gitfleet.git.repository import discover
from gitfleet.worktrees import making, notes
from gitfleet.worktrees.ensure import Chooser, Wish
from gitfleet.worktrees.upstream import Base
from tests.workbench import PATIENCE, Entrant, Git, Gitfleet, Race, overlaid
from tests.worktrees.yard import Yard


@pytest.fixture
def gate(yard: Yard, git: Git, tmp_path: Path) -> Path:
    """A pipe that the first checkout waits for; those after it do not."""
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    script = f"sh -c 'mkdir {tmp_path}/first 2>/dev/null && cat {gate}; cat'"
    git(yard.top, "config", "filter.gate.smudge", script)
    git(yard.top, "config", "filter.gate.clean", "cat")
    git(yard.top, "config", "filter.gate.required", "true")
    yard.advance({".gitattributes": "slow filter=gate\n", "slow": "1\n"})
    return gate


def test_checkout_that_takes_long_keeps_no_other_waiting(
    yard: Yard, git: Git, gitfleet: Gitfleet, gate: Path
) -> None:
    argv = gitfleet.argv("worktree", "ensure", "--session", "one", "--print-path")
    env = overlaid(gitfleet.environment())
    with subprocess.Popen(
        argv, cwd=yard.top, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as slow:
        try:
            with gate.open("w"):  # opens as soon as the checkout of the first is under way
                ran = gitfleet(yard.top, "worktree", "ensure", "--session", "two", "--print-path").ok()
                assert Path(ran.stdout.strip(), "slow").exists()
                refused = gitfleet(yard.top, "worktree", "ensure", "--session", "one").ended(10)
                assert "is being made" in refused.stderr
                assert "Nothing was changed" in refused.stderr
                assert [managed.session for managed in yard.managed()] == ["two"]
                yard.reconcile()
                gitfleet(yard.top, "worktree", "cleanup", "--ttl-hours", "0").ok()
            out, said = slow.communicate(timeout=PATIENCE)
        finally:
            slow.kill()
    assert (slow.returncode, os.fsdecode(out)) == (0, f"{yard.top}/.worktrees/one\n"), said
    assert git(yard.top / ".worktrees/one", "status", "--porcelain") == ""
    assert "one" in [managed.session for managed in yard.managed()]


def test_checkout_that_fails_is_taken_back_whole(yard: Yard, git: Git, gitfleet: Gitfleet) -> None:
    git(yard.top, "config", "filter.bad.smudge", "no-such-program-anywhere")
    git(yard.top, "config", "filter.bad.required", "true")
    yard.advance({".gitattributes": "f filter=bad\n", "f": "1\n"})
    ran = gitfleet(yard.top, "worktree", "ensure", "--session", "one").ended(20)
    assert "bad" in ran.stderr
    assert not (yard.top / ".worktrees/one").exists()
    assert git(yard.top, "for-each-ref", "refs/heads/fleet") == ""
    assert os.listdir(yard.top / ".git/gitfleet/worktrees/making") == []
    git(yard.top, "config", "filter.bad.required", "false")
    gitfleet(yard.top, "worktree", "ensure", "--session", "one").ok()


def test_one_session_from_many_processes_at_once_gets_one_worktree(
    yard: Yard, gitfleet: Gitfleet, race: Race
) -> None:
    argv = gitfleet.argv("worktree", "ensure", "--session", "one")
    own = [("sh", "-c", '"$@"; exit $?', "sh", *argv)] * 6
    ran = race([Entrant(entrant, yard.top, gitfleet.environment()) for entrant in own])
    assert {one.returncode for one in ran} <= {0, 10}, ran
    assert [managed.session for managed in yard.managed()] == ["one"]


def test_worktree_that_is_finished_after_another_has_looked_is_handed_to_it(yard: Yard, git: Git) -> None:
    repository = discover(str(yard.top))
    state, wish = str(yard.top / ".git/gitfleet"), Wish(session="one")
    base = Base("main", git(yard.top, "rev-parse", "main"), fresh=True)
    first = Chooser(repository, state, wish, base).choose()
    second = Chooser(repository, state, wish, base)
    assert first.begun is not None
    making.fill(first.begun)
    chosen = second.choose()
    assert (chosen.managed.path, chosen.created) == (first.managed.path, False)


def test_session_that_starts_where_a_worktree_was_made_for_it_takes_its_id(
    yard: Yard, gitfleet: Gitfleet
) -> None:
    path = Path(yard.ensure("codex", "api").managed.path)
    start = ("session", "start", "--agent", "codex", "--pid", str(os.getpid()))
    assert gitfleet(path, *start).ok().stdout == "api\n"
    second = gitfleet(path, *start).ok().stdout.strip()
    assert second not in {"api", ""}


@pytest.mark.parametrize("how", ["adopted", "launched"])
def test_session_that_begins_otherwise_where_a_worktree_was_made_for_it_takes_its_id_too(
    yard: Yard, gitfleet: Gitfleet, how: str
) -> None:
    path = Path(yard.ensure("codex", "api").managed.path)
    if how == "adopted":
        with subprocess.Popen(["sleep", "600"], cwd=path) as agent:
            try:
                ran = gitfleet(yard.top, "session", "adopt", "--agent", "codex", "--pid", str(agent.pid)).ok()
            finally:
                agent.kill()
        assert ran.stdout == "api\n"
        return
    launch = ("session", "start", "--agent", "codex", "--here", "--", "sh", "-c", "echo $GITFLEET_SESSION")
    assert gitfleet(path, *launch).ok().stdout == "api\n"
    assert gitfleet(path, *launch).ok().stdout.strip() not in {"api", ""}


def test_session_takes_the_id_of_a_new_worktree_however_late_it_comes(yard: Yard, gitfleet: Gitfleet) -> None:
    made = yard.ensure("codex").managed
    note = Path(made.git_dir, notes.TAKEN)
    note.write_text(note.read_text().replace('"at":', '"at":1,"was":'))
    ran = gitfleet(Path(made.path), "session", "start", "--agent", "codex", "--pid", str(os.getpid())).ok()
    assert ran.stdout.strip() == made.session


def test_session_in_a_worktree_that_is_used_again_gets_an_id_of_its_own(
    yard: Yard, gitfleet: Gitfleet
) -> None:
    """The former session may have ended long ago, and its id stands in its commits."""
    path = yard.make("old")
    assert not yard.ensure("codex").choice.created
    ran = gitfleet(path, "session", "start", "--agent", "codex", "--pid", str(os.getpid())).ok()
    assert ran.stdout.strip() not in {"old", ""}


@pytest.mark.parametrize("named", ["--id", "taken"])
def test_session_with_an_id_of_its_own_or_whose_reserved_one_is_taken_starts_all_the_same(
    yard: Yard, gitfleet: Gitfleet, named: str
) -> None:
    path = Path(yard.ensure("codex", "api").managed.path)
    start = ("session", "start", "--agent", "codex", "--pid", str(os.getpid()))
    if named == "--id":
        assert gitfleet(path, *start, "--id", "mine").ok().stdout == "mine\n"
        return
    gitfleet(yard.fleets.clone("bob"), *start, "--id", "api").ok()
    assert gitfleet(path, *start).ok().stdout.strip() not in {"api", ""}
