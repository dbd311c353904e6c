"""Which repository a file that an agent names lies in, and whether that is part of a fleet.

By looking for `.git` upwards from where the file really is (links followed: that is what the edit would change). A
file outside of every repository, in a repository without a fleet, or inside of `.git` is none of ours.
"""

from __future__ import annotations

import os

from gitfleet.githooks import gate


class Place:
    """Files in one worktree of a fleet: `paths` as the fleet names them, from `top`."""

    __slots__ = ("common_dir", "git_dir", "paths", "top")

    def __init__(self, top: str, git_dir: str, common_dir: str) -> None:
        self.top, self.git_dir, self.common_dir = top, git_dir, common_dir
        self.paths: list[str] = []


def find(paths: list[str], folder: str) -> list[Place]:
    """The worktrees that the files lie in, with the files in each; those that are none of ours are left out."""
    found: dict[str, Place | None] = {}
    for path in paths:
        real = os.path.realpath(os.path.join(folder, path))
        top = _top(real)
        if top is None:
            continue
        if top not in found:
            found[top] = _place(top)
        here = found[top]
        if here is not None:
            here.paths.append(real[len(top.rstrip("/")) + 1 :])
    return [here for here in found.values() if here is not None]


def tops(paths: list[str], folder: str) -> list[Place]:
    """The same where something about the repositories is odd: all that lie in one at all."""
    found = []
    for path in paths:
        real = os.path.realpath(os.path.join(folder, path))
        top = _top(real)
        if top is not None:
            here = Place(top, "", "")
            here.paths.append(real[len(top.rstrip("/")) + 1 :])
            found.append(here)
    return found


def in_fleet(top: str) -> bool:
    """Whether the worktree at `top` belongs to a clone that is part of a fleet, as far as that can be told without git.

    A fleet that this user may not look into is one.
    """
    try:
        return _place(top) is not None
    except PermissionError:
        return True
    except (OSError, ValueError):
        return False


def _top(real: str) -> str | None:
    """The worktree that a file lies in; None when it lies in none, or inside of a `.git` (unless in a worktree there)."""
    folder, name = os.path.split(real)
    while name != ".git":
        if os.path.exists(f"{folder}/.git"):
            return folder
        above, name = os.path.split(folder)
        if above == folder:
            return None
        folder = above
    return None


def _place(top: str) -> Place | None:
    git_dir = gate.git_dir_of(f"{top}/.git")
    common_dir = gate.common_dir_of(git_dir)
    return Place(top, git_dir, common_dir) if gate.in_fleet(common_dir) else None
