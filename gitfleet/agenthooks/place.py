"""Which repository a file that an agent names lies in, and whether that is part of a fleet.

By looking for `.git` upwards from where the file really is (links followed: that is what the edit would change), and as
git does: one that is no git dir (agents' sandboxes leave empty ones behind) is passed over. A file outside of every
repository, in a repository without a fleet, or inside of `.git` is none of ours.
"""

from __future__ import annotations

import os

from gitfleet.githooks import gitdirs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class EditedTree:
    """Files in one worktree of a fleet, as the fleet names them, from `top`: `paths` are edited, `written` by a shell command."""

    __slots__ = ("common_dir", "git_dir", "paths", "top", "written")

    def __init__(self, top: str, git_dir: str, common_dir: str) -> None:
        self.top, self.git_dir, self.common_dir = top, git_dir, common_dir
        self.paths: list[str] = []
        self.written: list[str] = []


def find(paths: list[str], folder: str, written: Sequence[str] = ()) -> list[EditedTree]:
    """The worktrees that the files lie in, with the files in each; those that are none of ours are left out."""
    return _find(paths, folder, written, _place)


def tops(paths: list[str], folder: str, written: Sequence[str] = ()) -> list[EditedTree]:
    """The same where something about the repositories is odd: all that lie in one at all."""
    return _find(paths, folder, written, lambda top: EditedTree(top, "", ""))


def _find(
    paths: list[str], folder: str, written: Sequence[str], place: Callable[[str], EditedTree | None]
) -> list[EditedTree]:
    found: dict[str, EditedTree | None] = {}
    for number, path in enumerate([*paths, *written]):
        real = os.path.realpath(os.path.join(folder, path))
        top = _top(real)
        if top is None:
            continue
        if top not in found:
            found[top] = place(top)
        here = found[top]
        if here is not None:
            named = here.paths if number < len(paths) else here.written
            named.append(real[len(top.rstrip("/")) + 1 :])
    return [here for here in found.values() if here is not None]


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
        if _is_repository(f"{folder}/.git"):
            return folder
        above, name = os.path.split(folder)
        if above == folder:
            return None
        folder = above
    return None


def _is_repository(path: str) -> bool:
    """Whether git would take `path` for the git dir of a worktree, or for the file that names it.

    One that is broken, but was a fleet's, counts: then nothing can be said of the files below it.
    """
    if not os.path.lexists(path):
        return False
    try:
        git_dir = gitdirs.git_dir_of(path)
        common_dir = gitdirs.common_dir_of(git_dir)
    except PermissionError:
        return True  # what may not be looked at may be one
    except (OSError, ValueError):
        return False
    sound = os.path.lexists(f"{git_dir}/HEAD")
    sound = sound and os.path.isdir(f"{common_dir}/objects") and os.path.isdir(f"{common_dir}/refs")
    return sound or os.path.exists(f"{common_dir}/gitfleet/node.json")


def _place(top: str) -> EditedTree | None:
    git_dir = gitdirs.git_dir_of(f"{top}/.git")
    common_dir = gitdirs.common_dir_of(git_dir)
    return EditedTree(top, git_dir, common_dir) if gitdirs.in_fleet(common_dir) else None
