"""The folders of git around a worktree, found without asking git, which would cost more than all else on the way to yes.

Standard library only.
"""

from __future__ import annotations

import os


def here() -> tuple[str, str]:
    """The git dir of the worktree that a hook runs in, and the folder that all worktrees share."""
    git_dir = os.environ.get("GIT_DIR") or git_dir_of(".git")
    return git_dir, common_dir_of(git_dir)


def git_dir_of(path: str) -> str:
    """The git dir of a worktree whose `.git` is at `path`."""
    if os.path.isdir(path):
        return path
    target = os.fsdecode(content(path)).removeprefix("gitdir: ").rstrip("\n")
    return os.path.join(os.path.dirname(path), target)


def common_dir_of(git_dir: str) -> str:
    """The folder that all worktrees of a git dir share."""
    link = f"{git_dir}/commondir"
    if not os.path.exists(link):
        return git_dir
    return os.path.join(git_dir, os.fsdecode(content(link)).rstrip("\n"))


def in_fleet(common_dir: str) -> bool:
    """Whether a clone is part of a fleet. Raises PermissionError where that cannot be seen and there are traces of one."""
    try:
        os.stat(f"{common_dir}/gitfleet/node.json")
    except (FileNotFoundError, NotADirectoryError):
        return False
    except PermissionError:
        if os.path.lexists(f"{common_dir}/gitfleet"):
            raise
        return False
    return True


def listed(folder: str) -> list[str]:
    """The names in a folder; none where there is no folder."""
    try:
        return os.listdir(folder)
    except FileNotFoundError:
        return []


def content(path: str) -> bytes:
    """The bytes of a file. Raises OSError."""
    with open(path, "rb") as file:
        return file.read()
