"""What git says of its worktrees, read as it is meant, however they are named and whatever state they are in."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gitfleet.git import git_worktrees
from gitfleet.git.git_worktrees import in_progress, listed, unlisted
from gitfleet.git.program import Git as Program
from gitfleet.git.program import GitFailed
from tests.workbench import Git

NAMES = ["plain", "two words", "né", "line\nbreak", os.fsdecode(b"\xff\xfe"), "-dash", "detached", "locked x"]


def program(repository: Path) -> Program:
    return Program(str(repository / ".git"), cwd=str(repository))


def test_listed_tells_path_folder_branch_and_head_of_each_whatever_its_name(
    repository: Path, git: Git
) -> None:
    top = repository / "trees"
    for number, name in enumerate(NAMES):
        git(repository, "worktree", "add", "--quiet", "-b", f"b/{number}", "--", top / name)
    found = {os.path.basename(item.path): item for item in listed(program(repository))[1:]}
    head = git(repository, "rev-parse", "HEAD")
    assert set(found) == set(NAMES)
    for number, name in enumerate(NAMES):
        item = found[name]
        assert (item.path, item.head, item.branch) == (str(top / name), head, f"refs/heads/b/{number}")
        assert item.git_dir == git(top / name, "rev-parse", "--absolute-git-dir")
        assert (item.bare, item.locked, item.prunable) == (False, None, None)
    main = listed(program(repository))[0]
    assert (main.path, main.git_dir, main.branch) == (
        str(repository),
        str(repository / ".git"),
        "refs/heads/main",
    )


def test_listed_tells_what_is_locked_detached_unborn_gone_or_bare(
    repository: Path, hub: Path, git: Git
) -> None:
    for name in ("quiet", "said", "detached", "unborn", "gone"):
        git(repository, "worktree", "add", "--quiet", "-b", f"b-{name}", name)
    git(repository, "worktree", "lock", "quiet")
    git(repository, "worktree", "lock", "--reason", "two\nlines", "said")
    git(repository / "detached", "checkout", "--quiet", "--detach")
    git(repository / "unborn", "symbolic-ref", "HEAD", "refs/heads/nothing-yet")
    (repository / "gone").rename(repository.parent / "moved")
    found = {os.path.basename(item.path): item for item in listed(program(repository))}
    assert (found["quiet"].locked, found["said"].locked, found["gone"].locked) == ("", "two\nlines", None)
    assert found["detached"].branch is None
    assert (found["unborn"].branch, found["unborn"].head) == ("refs/heads/nothing-yet", None)
    assert found["gone"].prunable is not None
    assert found["gone"].git_dir == str(repository / ".git/worktrees/gone")
    (bare,) = listed(Program(str(hub)))
    assert (bare.bare, bare.path, bare.head) == (True, str(hub), None)


def test_unlisted_names_what_git_passes_over(repository: Path, git: Git) -> None:
    for name in ("good", "bad"):
        git(repository, "worktree", "add", "--quiet", name)
    (repository / ".git/worktrees/bad/gitdir").unlink()
    found = listed(program(repository))
    assert unlisted(str(repository / ".git"), found) == [str(repository / ".git/worktrees/bad")]


def test_in_progress_names_each_operation_that_was_begun(repository: Path, git: Git, tmp_path: Path) -> None:
    git(repository, "checkout", "--quiet", "-b", "other")
    other = git.commit(repository, {"README.md": "other\n"})
    patch = git(repository, "format-patch", "-1", "--stdout")
    (tmp_path / "patch").write_text(patch + "\n")
    git(repository, "checkout", "--quiet", "main")
    mine = git.commit(repository, {"README.md": "mine\n"})
    git_dir = str(repository / ".git")
    for name, command in {
        "merge": ["merge", "other"],
        "rebase": ["rebase", "other"],
        "cherry-pick": ["cherry-pick", other],
        "revert": ["revert", "--no-edit", f"{mine}~"],
        "am": ["am", str(tmp_path / "patch")],
        "bisect": ["bisect", "start"],
    }.items():
        assert in_progress(git_dir) is None
        if name == "revert":
            git(repository, "revert", "--no-commit", "HEAD")
        else:
            git.ask(repository, *command)
        assert in_progress(git_dir) == name
        git(repository, name, "reset" if name == "bisect" else "--abort")
    git.ask(repository, "rebase", "--apply", "other")
    assert in_progress(git_dir) == "rebase"


def test_add_and_remove_make_and_take_away_what_they_name_only(
    repository: Path, git: Git, tmp_path: Path
) -> None:
    asked, head = program(repository), git(repository, "rev-parse", "HEAD")
    path = tmp_path / "-x y"
    git_worktrees.add(asked, str(path), branch="b/one", commit=head, create=True)
    assert git(path, "symbolic-ref", "HEAD") == "refs/heads/b/one"
    with pytest.raises(GitFailed):
        git_worktrees.add(asked, str(tmp_path / "again"), branch="b/one", commit=head, create=False)
    assert not (tmp_path / "again").exists()
    (path / "new").write_text("x")
    with pytest.raises(GitFailed):
        git_worktrees.remove(asked, str(path))
    assert (path / "new").exists()
    git_worktrees.remove(asked, str(path), force=True)
    assert not path.exists()
    git_worktrees.add(asked, str(path), branch="b/one", commit=head, create=False)
    assert git_worktrees.short(listed(asked)[1].branch) == "b/one"
