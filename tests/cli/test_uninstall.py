"""What `uninstall` takes away, what it leaves, and what it says of that."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from gitfleet.githooks import hub_hook
from tests.gatebench import GATE
from tests.githooks.hookbench import tree
from tests.workbench import Git, Gitfleet, run

Clone = Callable[[str], Path]


def picture(clone: Path) -> dict[str, object]:
    """All that gitfleet could have changed in a clone: git's own objects, logs and branches left out."""
    gone = (".git/objects", ".git/logs", ".git/refs", ".git/index", ".git/ORIG_HEAD", ".git/FETCH_HEAD")
    return {path: what for path, what in tree(clone).items() if not path.startswith(gone)}


def uninstall(gitfleet: Gitfleet, clone: Path) -> str:
    return gitfleet(clone, "uninstall").ok().stdout


@pytest.mark.sample(2)
@pytest.mark.parametrize("exclude", ["# none\n", "*.log", None])
@pytest.mark.parametrize("folder", [".worktrees", "deep/er"])
def test_uninstall_after_worktrees_leaves_the_clone_as_it_was(
    clone: Clone, git: Git, gitfleet: Gitfleet, exclude: str | None, folder: str
) -> None:
    ada = clone("ada")
    git(ada, "config", "core.hooksPath", ".hooks")
    info = ada / ".git/info/exclude"
    info.unlink()
    if exclude is not None:
        info.write_text(exclude)
    before = picture(ada)
    gitfleet(ada, "init").ok()
    gitfleet(ada, "worktree", "ensure", "--session", "one", "--managed-dir", folder).ok()
    git(ada, "worktree", "remove", "--force", ada / folder / "one")
    said = uninstall(gitfleet, ada)
    after = picture(ada)
    after.pop(".git/worktrees", None)  # git's own
    assert after == before
    assert "`git branch -D NAME`" in said
    assert "fleet/" in said


@pytest.mark.parametrize("touched", [False, True])
def test_uninstall_warns_of_its_own_file_only_where_somebody_has_changed_it(
    clone: Clone, gitfleet: Gitfleet, touched: bool
) -> None:
    ada = clone("ada")
    gitfleet(ada, "init").ok()
    if touched:
        (ada / "gitfleet.yaml").write_text("version: 1\n")
    ran = gitfleet(ada, "uninstall").ok()
    assert ("gitfleet.yaml" in ran.stderr) is touched
    assert ("so it stays" in ran.stdout) is touched


def test_uninstall_with_worktrees_that_stand_leaves_only_what_keeps_them_apart_and_ends_that_later(
    clone: Clone, git: Git, gitfleet: Gitfleet
) -> None:
    ada = clone("ada")
    before = picture(ada)
    gitfleet(ada, "init").ok()
    gitfleet(ada, "worktree", "ensure", "--session", "one").ok()
    said = uninstall(gitfleet, ada)
    assert f"stays: 1 worktree, with what is in them ({ada}/.worktrees/one)" in said
    assert [path for path in tree(ada / ".git") if "gitfleet" in path] == []
    assert git(ada, "status", "--short") == ""
    assert "stays" not in uninstall(gitfleet, ada).replace("stays: branches", "")
    assert git(ada, "status", "--short") == ""
    git(ada, "worktree", "remove", ".worktrees/one")
    uninstall(gitfleet, ada)
    assert picture(ada) == before
    assert gitfleet(ada, "uninstall").returncode == 2


@pytest.mark.parametrize("guarded", [False, True])
def test_last_one_to_leave_takes_the_fleet_off_the_hub_as_it_was_told(
    clone: Clone, hub: Path, git: Git, gitfleet: Gitfleet, *, guarded: bool
) -> None:
    before = git(hub, "for-each-ref")
    ada, ben = clone("ada"), clone("ben")
    for path in (ada, ben):
        gitfleet(path, "init").ok()
        gitfleet(path, "sync").ok()
    if guarded:
        hub_hook.install(str(hub), interpreter="/usr/bin/env", gate=str(GATE))
    uninstall(gitfleet, ada)
    gitfleet(ben, "sync").ok()
    said = uninstall(gitfleet, ben)
    assert "refs/fleet/" in git(hub, "for-each-ref")
    command = re.search(r"`(git push --prune [^`]*)`", said)
    assert command is not None
    if guarded:
        assert run(shlex.split(command[1]), ben).returncode
        gitfleet(ben, "hub-hook", "uninstall", hub).ok()
    run(shlex.split(command[1]), ben).ok()
    assert git(hub, "for-each-ref") == before


def test_uninstall_where_the_clone_is_its_own_hub_speaks_of_no_hub(
    repository: Path, gitfleet: Gitfleet
) -> None:
    gitfleet(repository, "init").ok()
    assert "hub" not in uninstall(gitfleet, repository)
