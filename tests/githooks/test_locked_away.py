"""Traces of a fleet that the user may not read: every gate stops, and says so; none passes without a word."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.gatebench import Gated
from tests.githooks.test_ref_gate import made, switch_on
from tests.places import PLAIN, needs_plain
from tests.workbench import Gitfleet, Ran, run

PATH = "src/api/a.py"
PLACES = ["", "node.json", "policy.json", "launcher", "outbox/tentative"]
"""Below the state folder of a clone; "" is that folder."""
Lock = Callable[[Path], None]
pytestmark = needs_plain


@pytest.fixture
def lock() -> Iterator[Lock]:
    """Take all permissions from a path until the test has ended."""
    locked: list[tuple[Path, int]] = []

    def take(path: Path) -> None:
        locked.append((path, path.stat().st_mode))
        path.chmod(0)

    yield take
    for path, mode in locked:
        os.chmod(path, mode)


def git(clone: Gated, *args: str) -> Ran:
    return run([*PLAIN, "git", *args], clone.path, env=clone.as_session(clone.session))


def stopped(ran: Ran) -> None:
    assert ran.returncode, f"not stopped\n{ran}"
    assert "gitfleet: " in ran.stderr, ran
    for bug in ("Traceback", "internal error"):
        assert bug not in ran.stderr, ran


@pytest.mark.parametrize("place", PLACES)
def test_commit_where_the_state_cannot_be_read_is_stopped_and_says_so(
    ada: Gated, lock: Lock, place: str
) -> None:
    ada.policy(commits="require-claim")
    ada.claim(PATH)
    ada.write(PATH)
    lock(ada.fleets.state("ada") / place)
    ran = git(ada, "commit", "-m", "try")
    stopped(ran)
    assert f".git/gitfleet{place and '/'}{place}" in ran.stderr, "it names what is closed"
    assert "is gone" not in ran.stderr, ran
    stopped(git(ada, "commit", "--no-verify", "-m", "try"))
    for name in ("pre-commit", "prepare-commit-msg"):
        (ada.path / ".git/hooks" / name).unlink()
    if not place:  # nothing waits for `commit-msg` that it would need the rest for
        stopped(git(ada, "commit", "-m", "try"))


@pytest.mark.parametrize("place", ["", "node.json", "launcher", "policy.json"])
def test_push_where_the_state_cannot_be_read_is_stopped(ada: Gated, lock: Lock, place: str) -> None:
    ada.policy(commits="require-claim")
    ada.claim(PATH)
    ada.write(PATH)
    ada.commit().ok()
    lock(ada.fleets.state("ada") / place)
    stopped(git(ada, "push", "--quiet", "origin", "main"))


@pytest.mark.parametrize("place", ["", "node.json", "launcher", "policy.json"])
def test_move_of_a_branch_where_the_state_cannot_be_read_is_stopped(
    ada: Gated, lock: Lock, place: str
) -> None:
    clone = switch_on(ada)
    clone.claim(PATH)
    commit = made(clone)
    lock(clone.fleets.state("ada") / place)
    stopped(git(clone, "update-ref", "refs/heads/main", commit))


@pytest.mark.parametrize("place", ["refs/fleet", "refs/fleet/coord"])
def test_gates_where_the_ledger_cannot_be_read_stop(ada: Gated, lock: Lock, place: str) -> None:
    ada.claim(PATH)
    ada.write(PATH)
    lock(ada.path / ".git" / place)
    ran = git(ada, "commit", "-m", "try")
    stopped(ran)
    assert place in ran.stderr


def test_commit_where_the_ledger_has_gone_is_stopped(ada: Gated) -> None:
    ada.write(PATH)
    ada.out("update-ref", "-d", "refs/fleet/coord")
    ran = git(ada, "commit", "-m", "try")
    stopped(ran)
    assert "no ledger" in ran.stderr


def test_commit_with_a_hook_of_the_users_own_where_the_state_cannot_be_read_is_stopped(
    ada: Gated, lock: Lock
) -> None:
    kept = ada.path / ".git/hooks-before-gitfleet/pre-commit"
    kept.parent.mkdir()
    kept.write_text("#!/bin/sh\nexit 0\n")
    kept.chmod(0o755)
    ada.write(PATH)
    lock(ada.fleets.state("ada"))
    stopped(git(ada, "commit", "-m", "try"))


def test_commit_in_a_clone_without_a_fleet_beside_one_passes(ada: Gated) -> None:
    ada.fleets.state("ada").joinpath("node.json").unlink()
    ada.write(PATH)
    git(ada, "commit", "--quiet", "-m", "try").ok()


def test_hook_that_may_not_be_read_is_named_and_never_taken_for_somebody_elses(
    ada: Gated, lock: Lock, gitfleet: Gitfleet
) -> None:
    """Kept as the user's own and run first, it would be our gate that runs itself."""
    ada.folder_only()  # git 2.55 runs the gate from its configuration, whatever stands in the folder
    hook = ada.path / ".git/hooks/pre-commit"
    lock(hook)
    argv = [*PLAIN, *gitfleet.argv("-C", ada.path, "doctor")]
    said = run(argv, ada.path, env=gitfleet.environment()).ended(20).stdout
    assert "pre-commit: this user may not read the hook that stands there" in said
    ran = run([*PLAIN, *gitfleet.argv("-C", ada.path, "init")], ada.path, env=gitfleet.environment()).ended(
        20
    )
    assert f"{hook} cannot be read by this user" in ran.stderr
    assert not (ada.path / ".git/hooks-before-gitfleet/pre-commit").exists()
    hook.chmod(0o755)
    assert b"# gitfleet hook: pre-commit" in hook.read_bytes()


def test_doctor_where_the_ledger_may_not_be_read_names_it(ada: Gated, lock: Lock, gitfleet: Gitfleet) -> None:
    lock(ada.path / ".git/refs/fleet")
    argv = [*PLAIN, *gitfleet.argv("-C", ada.path, "doctor")]
    ran = run(argv, ada.path, env=gitfleet.environment()).ended(20)
    assert f"no permission for {ada.path}/.git/refs/fleet" in ran.stderr
