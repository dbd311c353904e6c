"""Clones of the usual form, recognised without git, whose start would take longer than all that is asked of it.

A `.git` folder, or the file that `git worktree add` leaves, both this user's own (whom git trusts), and a configuration
without a word that could make anything else of it. Whatever is not just so is for git itself to tell (`repository`).
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from gitfleet.base import files
from gitfleet.base.ids import is_oid

_TELLING = (
    "GIT_DIR", "GIT_WORK_TREE", "GIT_COMMON_DIR", "GIT_DISCOVERY_ACROSS_FILESYSTEM", "GIT_TEST_ASSUME_DIFFERENT_OWNER",
)  # fmt: skip
_BOUNDS = "GIT_CEILING_DIRECTORIES"
_FORM = (b"bare", b"repositoryformatversion", b"worktree", b"[extensions")
_USUAL = [b"bare = false", b"repositoryformatversion = 0"]


def find(path: str) -> tuple[str, str, str] | None:
    """The common git directory, the git directory and the top of the worktree around a folder; None where git has to be asked."""
    if any(name in os.environ for name in _TELLING):
        return None
    try:
        start = os.getcwd() if path == "." else os.path.realpath(path, strict=True)
        top = next(_upward(start), "") if os.access(f"{start}/", os.X_OK) else ""
        if not top or (top != start and _BOUNDS in os.environ):
            return None
        link = os.path.join(top, ".git")
        git_dir = _linked(link) if os.path.isfile(link) else link
        common = git_dir.rpartition("/worktrees/")[0] if git_dir != link else link
        ours = all(os.lstat(one).st_uid == os.geteuid() for one in (top, link, git_dir))
        usual = ours and _is_git_dir(git_dir, common) and _is_usual(os.path.join(common, "config"))
    except (OSError, ValueError):
        return None
    return (common, git_dir, top) if usual and "\n" not in top else None


def _upward(folder: str) -> Iterator[str]:
    """The first folder from this one upward that has a `.git`, unless something on the way is for git to judge."""
    device = os.stat(folder).st_dev
    while os.stat(folder).st_dev == device and not os.path.lexists(os.path.join(folder, "HEAD")):
        if os.path.lexists(os.path.join(folder, ".git")):
            yield folder
        folder, before = os.path.dirname(folder), folder
        if folder == before:
            return


def _linked(link: str) -> str:
    """The git directory that the file `.git` of a linked worktree names. Raises ValueError for anything else."""
    said = os.fsdecode(files.read(link) or b"")
    git_dir = said.removeprefix("gitdir: ").removesuffix("\n")
    above = files.read(os.path.join(git_dir, "commondir"))
    if said != f"gitdir: {git_dir}\n" or above != b"../..\n" or os.path.realpath(git_dir) != git_dir:
        raise ValueError(link)
    return git_dir


def _is_git_dir(git_dir: str, common: str) -> bool:
    head = os.fsdecode(files.read(os.path.join(git_dir, "HEAD")) or b"")
    folders = [git_dir, *(os.path.join(common, name) for name in ("objects", "refs"))]
    plain = all(os.path.isdir(one) and not os.path.islink(one) for one in folders)
    return plain and (head.startswith("ref: refs/") or is_oid(head.rstrip("\n")))


def _is_usual(config: str) -> bool:
    """Whether a configuration says what git writes into every new clone, and nothing else of what a clone is."""
    lines = [line.strip() for line in (files.read(config) or b"").lower().split(b"\n")]
    said = [line for line in lines if line.startswith(_FORM)]
    heads = [line for line in lines if line.startswith(b"[")]
    return lines[0] == b"[core]" and all(line.endswith(b"]") for line in heads) and sorted(said) == _USUAL
