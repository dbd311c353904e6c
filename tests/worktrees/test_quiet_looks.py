"""Rounds ask git of a worktree where something may have changed since the last, and of no other; what they do stays the same."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gitfleet.git import checkout
from gitfleet.git.checkout import CheckoutState
from gitfleet.nodes import checkout_signs
from tests.workbench import Git
from tests.worktrees.yard import Yard


@pytest.fixture
def asked(yard: Yard, git: Git, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths of the worktrees `one`, with a commit of its own, and `two`, of which git was asked since they were first noted."""
    monkeypatch.setattr(checkout_signs, "_YOUNG", -1)
    found: list[str] = []
    look = checkout.look

    def noted(path: str, git_dir: str, **named: Any) -> CheckoutState:
        found.append(path)
        return look(path, git_dir, **named)

    one = yard.make("one")
    git.commit(one, {"mine.txt": "mine\n"}, "mine")
    yard.make("two")
    yard.reconcile()
    monkeypatch.setattr(checkout, "look", noted)
    return found


def test_rounds_while_nothing_changes_ask_git_of_no_worktree(yard: Yard, asked: list[str]) -> None:
    assert [outcome.result for outcome in yard.reconcile().outcomes] == ["up-to-date"] * 2
    assert asked == []
    assert yard.status()["one"].seen.counts == (1, 0)
    assert len(asked) == 2


def stages(yard: Yard, git: Git, one: Path) -> None:
    yard.advance({"theirs.txt": "theirs\n"})
    (one / "new.txt").write_text("x")
    git(one, "add", "new.txt")


def begins_a_merge(yard: Yard, git: Git, one: Path) -> None:
    yard.advance({"theirs.txt": "theirs\n"})
    git(yard.top, "fetch", "--quiet", "origin")
    git(one, "merge", "--quiet", "--no-commit", "origin/main")


def is_in_conflict(yard: Yard, git: Git, one: Path) -> None:
    git.commit(one, {"README.md": "mine\n"}, "mine")
    (one / "README.md").write_text("stashed\n")
    git(one, "stash")
    git.commit(one, {"README.md": "mine, too\n"}, "mine")
    git.ask(one, "stash", "pop")


def detaches(yard: Yard, git: Git, one: Path) -> None:
    git(one, "checkout", "--quiet", "--detach")


def switches(yard: Yard, git: Git, one: Path) -> None:
    git(one, "checkout", "--quiet", "-b", "elsewhere")


def commits(yard: Yard, git: Git, one: Path) -> None:
    git(one, "commit", "--quiet", "--no-verify", "--allow-empty", "-m", "more")


def is_moved_from_elsewhere(yard: Yard, git: Git, one: Path) -> None:
    new = git(one, "commit-tree", "-m", "more", "HEAD^{tree}", "-p", "HEAD")
    git(yard.top, "update-ref", git(one, "symbolic-ref", "HEAD"), new)


def is_gone(yard: Yard, git: Git, one: Path) -> None:
    shutil.rmtree(one)


def loses_its_link(yard: Yard, git: Git, one: Path) -> None:
    (one / ".git").unlink()


@pytest.mark.sample(4)
@pytest.mark.parametrize(
    ("happens", "kind"),
    [
        (stages, "dirty"),
        (begins_a_merge, "in-progress"),
        (is_in_conflict, "in-progress"),
        (detaches, "detached"),
        (switches, "switched"),
        (commits, "ahead"),
        (is_moved_from_elsewhere, "ahead"),
        (is_gone, "missing"),
        (loses_its_link, "unreadable"),
    ],
)
def test_round_after_a_change_judges_as_if_nothing_was_noted(
    yard: Yard, git: Git, asked: list[str], happens: Callable[[Yard, Git, Path], None], kind: str
) -> None:
    (one,) = [Path(managed.path) for managed in yard.managed() if managed.session == "one"]
    happens(yard, git, one)
    found = yard.outcome("one")
    assert found.facts["kind"] == kind
    Path(yard.top, ".git/gitfleet/worktrees/looked.json").unlink()
    assert yard.outcome("one") == found


def test_base_that_has_moved_is_brought_in_after_another_look(yard: Yard, git: Git, asked: list[str]) -> None:
    base = yard.advance({"theirs.txt": "theirs\n"})
    assert {outcome.session: outcome.result for outcome in yard.reconcile().outcomes} == {
        "one": "merged", "two": "fast-forwarded",
    }  # fmt: skip
    assert len(asked) == 2
    assert yard.outcome("two").result == "up-to-date"
    assert base in git(yard.top, "rev-list", "fleet/codex/one").split()
