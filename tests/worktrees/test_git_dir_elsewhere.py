"""Clones whose git directory is not in the worktree: no managed worktree is made in it, and sessions there end."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gitfleet.git import repository as repositories
from gitfleet.git.repository import discover, main_worktree
from tests.workbench import Git, Gitfleet


@pytest.fixture
def apart(hub: Path, git: Git, tmp_path: Path, gitfleet: Gitfleet) -> Path:
    """A clone whose git directory is `store/git`; it has joined a fleet."""
    (tmp_path / "store").mkdir()
    git(tmp_path, "clone", "--quiet", "--separate-git-dir", tmp_path / "store/git", hub, "apart")
    git.commit(tmp_path / "apart", {"a": "1"})
    git(tmp_path / "apart", "push", "--quiet", "origin", "HEAD:refs/heads/main")
    gitfleet(tmp_path / "apart", "init").ok()
    return tmp_path / "apart"


@pytest.fixture
def submodule(hub: Path, git: Git, tmp_path: Path, gitfleet: Gitfleet) -> Path:
    """A submodule that is a clone of the hub, and has joined a fleet."""
    git(tmp_path, "clone", "--quiet", hub, "seed")
    git.commit(tmp_path / "seed", {"a": "1"})
    git(tmp_path / "seed", "push", "--quiet", "origin", "HEAD:refs/heads/main")
    git(tmp_path, "init", "--quiet", "super")
    git.commit(tmp_path / "super", {"x": "1"})
    git(
        tmp_path / "super",
        "-c",
        "protocol.file.allow=always",
        "submodule",
        "--quiet",
        "add",
        "-b",
        "main",
        hub,
        "libs/sub",
    )
    git(tmp_path / "super", "commit", "--quiet", "-m", "sub")
    gitfleet(tmp_path / "super/libs/sub", "init").ok()
    return tmp_path / "super/libs/sub"


def ended(gitfleet: Gitfleet, clone: Path) -> bool:
    return "lib/" not in gitfleet(clone, "claims").ok().stdout


@pytest.mark.parametrize("start", ["main", "linked"])
def test_worktree_of_a_clone_whose_git_dir_is_elsewhere_lies_below_its_files(
    apart: Path, git: Git, gitfleet: Gitfleet, start: str
) -> None:
    directory = apart
    if start == "linked":
        directory = apart.parent / "linked"
        git(apart, "worktree", "add", "--quiet", "-b", "other", directory)
    ran = gitfleet(directory, "worktree", "ensure", "--session", "s1", "--print-path").ok()
    assert ran.stdout == f"{apart}/.worktrees/s1\n"
    assert git(apart, "status", "--porcelain", "--", ".worktrees") == ""
    assert os.listdir(apart.parent / "store") == ["git"]


@pytest.mark.parametrize("here", [(), ("--here",)])
def test_command_in_a_clone_whose_git_dir_is_elsewhere_ends_its_session(
    apart: Path, gitfleet: Gitfleet, here: tuple[str, ...]
) -> None:
    ran = gitfleet(apart, "session", "start", *here, "--agent", "codex", "--claim", "lib/", "--", "true").ok()
    assert "could not be ended" not in ran.stderr
    assert ended(gitfleet, apart)


def test_clone_whose_git_dir_is_elsewhere_is_left_without_a_trace(apart: Path, gitfleet: Gitfleet) -> None:
    assert (apart.parent / "store/git" / repositories.NOTE_OF_MAIN).exists()
    gitfleet(apart, "uninstall").ok()
    assert not (apart.parent / "store/git" / repositories.NOTE_OF_MAIN).exists()


def test_main_worktree_that_was_moved_is_not_taken_for_what_stands_there_now(
    apart: Path, git: Git, gitfleet: Gitfleet
) -> None:
    linked = apart.parent / "linked"
    git(apart, "worktree", "add", "--quiet", "-b", "other", linked)
    apart.rename(apart.parent / "moved")
    git(apart.parent, "init", "--quiet", "apart")
    ran = gitfleet(linked, "worktree", "ensure", "--session", "s1").ended(2)
    assert "Nothing was changed" in ran.stderr
    assert not (apart / ".worktrees").exists()
    moved = apart.parent / "moved"
    assert (
        gitfleet(moved, "worktree", "ensure", "--session", "s1", "--print-path").ok().stdout
        == f"{moved}/.worktrees/s1\n"
    )


def test_worktree_in_a_submodule_is_refused_in_words(submodule: Path, git: Git, gitfleet: Gitfleet) -> None:
    """There `git submodule deinit` would take it along, with uncommitted work."""
    for command, unharmed in (
        (("worktree", "ensure"), "Nothing was changed."),
        (("session", "start", "--agent", "codex", "--", "true"), "The command was not started."),
    ):
        ran = gitfleet(submodule, *command).ended(2)
        assert "is a submodule" in ran.stderr
        assert unharmed in ran.stderr
    assert not (submodule / ".worktrees").exists()
    assert list((submodule.parents[1] / ".git/modules").rglob(".worktrees")) == []
    assert git(submodule, "for-each-ref", "refs/heads/fleet") == ""


def test_command_in_a_submodule_ends_its_session(submodule: Path, git: Git, gitfleet: Gitfleet) -> None:
    linked = submodule.parents[2] / "linked"
    git(submodule, "worktree", "add", "--quiet", "-b", "other", linked)
    for directory in (submodule, linked):
        ran = gitfleet(
            directory, "session", "start", "--here", "--agent", "codex", "--claim", "lib/", "--", "true"
        )
        assert "could not be ended" not in ran.ok().stderr
        assert ended(gitfleet, submodule)


def test_worktree_of_a_bare_repository_is_refused_or_beside_it(
    git: Git, hub: Path, tmp_path: Path, gitfleet: Gitfleet
) -> None:
    git(tmp_path, "clone", "--quiet", hub, "seed")
    git.commit(tmp_path / "seed", {"a": "1"})
    git(tmp_path / "seed", "push", "--quiet", "origin", "HEAD:refs/heads/main")
    for name in ("plain.git", "folder/.bare"):
        git(tmp_path, "clone", "--quiet", "--bare", hub, name)
        top = (tmp_path / name).parent if name.endswith(".bare") else tmp_path
        git(tmp_path / name, "worktree", "add", "--quiet", "-b", f"w-{top.name}", top / "tree")
        gitfleet(top / "tree", "init").ok()
        ran = gitfleet(top / "tree", "worktree", "ensure", "--session", "s1", "--print-path")
        if name == "plain.git":
            assert "no main worktree" in ran.ended(2).stderr
        else:
            assert ran.ok().stdout == f"{top}/.worktrees/s1\n"


@pytest.mark.parametrize("kind", ["apart", "submodule"])
def test_main_worktree_of_such_a_clone_is_found(kind: str, request: pytest.FixtureRequest, hub: Path) -> None:
    place = request.getfixturevalue(kind)
    here = discover(str(place))
    assert here.main == str(place)
    main_worktree.cache_clear()
    assert main_worktree(here.common_dir) == str(place)
    assert main_worktree(str(hub)) is None
