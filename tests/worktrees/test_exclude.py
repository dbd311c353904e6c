"""The line that keeps managed folders out of `git status`: put in once, taken out to the byte."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gitfleet.worktrees import exclude
from tests.workbench import Git, Gitfleet
from tests.worktrees.yard import Yard

FOLDERS = [".worktrees", "other/place"]


@pytest.mark.parametrize("order", [FOLDERS, FOLDERS[::-1]])
@pytest.mark.parametrize("before", [None, b"", b"*.log\n", b"*.log", b"# x\r\n/y/\r\n", b"\xff\xfe\n\n"])
def test_exclude_after_adding_and_removing_is_as_it_was(
    tmp_path: Path, before: bytes | None, order: list[str]
) -> None:
    path = tmp_path / "info/exclude"
    if before is not None:
        path.parent.mkdir()
        path.write_bytes(before)
    for folder in [*FOLDERS, *FOLDERS]:
        exclude.add(str(tmp_path), folder)
    assert exclude.folders(str(tmp_path)) == FOLDERS
    for folder in [*order, *order]:
        exclude.remove(str(tmp_path), folder)
    assert (path.read_bytes() if path.exists() else None) == before


def test_exclude_that_others_wrote_to_after_us_keeps_their_lines_apart(tmp_path: Path) -> None:
    (tmp_path / "info").mkdir()
    path = tmp_path / "info/exclude"
    path.write_bytes(b"*.log")
    exclude.add(str(tmp_path), ".worktrees")
    path.write_bytes(path.read_bytes() + b"theirs\n")
    exclude.remove(str(tmp_path), ".worktrees")
    assert path.read_bytes() == b"*.log\ntheirs\n"


def test_exclude_that_has_the_line_already_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "info").mkdir()
    (tmp_path / "info/exclude").write_bytes(b"/.worktrees/\r\n")
    exclude.add(str(tmp_path), ".worktrees")
    exclude.remove(str(tmp_path), ".worktrees")
    assert (tmp_path / "info/exclude").read_bytes() == b"/.worktrees/\r\n"


def test_exclude_that_is_a_link_stays_one(tmp_path: Path) -> None:
    (tmp_path / "info").mkdir()
    (tmp_path / "mine").write_bytes(b"x\n")
    (tmp_path / "info/exclude").symlink_to(tmp_path / "mine")
    exclude.add(str(tmp_path), ".worktrees")
    assert (tmp_path / "info/exclude").is_symlink()
    assert (tmp_path / "mine").read_bytes().endswith(b"/.worktrees/\n")


@pytest.mark.parametrize(
    "folder", [".worktrees", "odd [name]*?", "back\\slash", "ends in blank ", "é/ü", "!x", "#x"]
)
def test_folder_with_an_odd_name_is_kept_out_and_no_other(yard: Yard, git: Git, folder: str) -> None:
    yard.make("one", folder=folder)
    (yard.top / "odd nn").mkdir()
    (yard.top / "odd nn/x").write_text("x")
    assert git(yard.top, "status", "--porcelain", "--untracked-files=all", "-z") == "?? odd nn/x\0"


def test_uninstall_takes_the_line_out_once_no_managed_worktree_is_left(
    yard: Yard, gitfleet: Gitfleet, git: Git
) -> None:
    path = yard.make("one")
    git_dir = yard.top / ".git/worktrees" / path.name
    answer = gitfleet(yard.top, "uninstall", "--force", "--json").ok().json()["data"]
    assert [name for name in os.listdir(git_dir) if name.startswith("gitfleet")] == []
    assert any(str(path) in kept for kept in answer["kept"])
    assert git(yard.top, "status", "--porcelain") == ""
    assert (path / "README.md").exists()
    gitfleet(yard.top, "init").ok()
    git(yard.top, "worktree", "remove", path)
    gitfleet(yard.top, "uninstall", "--force").ok()
    assert b"gitfleet" not in (yard.top / ".git/info/exclude").read_bytes()
    assert not (yard.top / ".worktrees").exists()


def test_folder_that_holds_other_files_has_only_its_worktrees_kept_out(yard: Yard, git: Git) -> None:
    (yard.top / "notes").mkdir()
    (yard.top / "notes/mine").write_text("x")
    yard.make("one", folder="notes")
    yard.make("two", folder="notes")
    git(yard.top, "worktree", "add", "--quiet", ".worktrees/theirs")
    yard.make("three")
    yard.make("four")
    assert git(yard.top, "status", "--porcelain", "--untracked-files=all") == "?? notes/mine"
    assert (yard.top / ".git/info/exclude").read_text().count("/.worktrees/\n") == 1
