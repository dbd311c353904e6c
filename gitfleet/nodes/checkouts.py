"""What git says of the worktrees of this clone: branch, uncommitted paths, commits against the trunk.

Which worktrees there are is asked of the clone itself, never of a session's record: records come from the hub, and
git must not run in whatever folder somebody wrote down. One git process a worktree, in parallel, with a time limit.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple, TypeVar

from gitfleet.base import clock
from gitfleet.base.text import counted
from gitfleet.git import worktrees as git_worktrees
from gitfleet.git.program import Git
from gitfleet.git.repository import Repository

THREADS = 8
_STATUS = (
    "status",
    "--porcelain=v2",
    "--branch",
    "-z",
    "--no-renames",
    "--no-ahead-behind",
    "--untracked-files=normal",
)

_Item = TypeVar("_Item")
_Found = TypeVar("_Found")


class Checkout(NamedTuple):
    """One worktree: its branch ("" when detached), HEAD (None before the first commit), and counts.

    `dirty` counts paths that differ from HEAD or are untracked; `ahead` and `behind` commits against the trunk, None
    when either is unknown.
    """

    branch: str
    head: str | None
    dirty: int
    ahead: int | None = None
    behind: int | None = None


def known(repository: Repository) -> dict[str, str]:
    """The git directories of this clone's worktrees, by the real path of the worktree."""
    found = {}
    main = repository.main
    if main:
        found[os.path.realpath(main)] = repository.common_dir
    if repository.worktree:
        found[os.path.realpath(repository.worktree)] = repository.git_dir
    return found | git_worktrees.folders(repository.common_dir)


def look(worktrees: Mapping[str, str], git: Git, trunk: str | None, *, seconds: float) -> dict[str, Checkout]:
    """What git says of each worktree (path to git directory). Those that fail or take too long are left out."""
    end = clock.elapsed() + seconds
    found = _parallel(lambda item: _status(*item, end), worktrees.items())
    sound = {path: checkout for (path, _), checkout in found.items() if checkout is not None}
    heads = {checkout.head for checkout in sound.values() if checkout.head and trunk}
    counts = _parallel(lambda head: _count(git, trunk or "", head, end), sorted(heads))
    return {path: _with(checkout, counts.get(checkout.head or "")) for path, checkout in sound.items()}


def _with(checkout: Checkout, counts: tuple[int, int] | None) -> Checkout:
    ahead, behind = counts or (None, None)
    return Checkout(checkout.branch, checkout.head, checkout.dirty, ahead, behind)


def _status(worktree: str, git_dir: str, end: float) -> Checkout | None:
    left = end - clock.elapsed()
    if left <= 0 or not os.path.exists(os.path.join(worktree, ".git")):
        return None
    try:
        done = Git(git_dir, cwd=worktree).ask(*_STATUS, timeout=left)
    except OSError:  # it went away just now, or may not be entered
        return None
    if done.code:
        return None
    head, branch, dirty = None, "", 0
    for row in done.stdout.split(b"\0"):
        if row.startswith(b"# branch.oid "):
            head = None if row.endswith(b"(initial)") else row[13:].decode("ascii", "replace")
        elif row.startswith(b"# branch.head "):
            branch = "" if row[14:] == b"(detached)" else os.fsdecode(row[14:])
        elif row and not row.startswith(b"# "):
            dirty += 1
    return Checkout(branch, head, dirty)


def _count(git: Git, trunk: str, head: str, end: float) -> tuple[int, int] | None:
    """Commits of `head` that the trunk has not, and the other way round."""
    left = end - clock.elapsed()
    if head == trunk:
        return 0, 0
    if left <= 0:
        return None
    done = git.ask("rev-list", "--left-right", "--count", f"{head}...{trunk}", "--", timeout=left)
    counts = done.stdout.split()
    return (int(counts[0]), int(counts[1])) if done.code == 0 and len(counts) == 2 else None


def _parallel(function: Callable[[_Item], _Found], items: Iterable[_Item]) -> dict[_Item, _Found]:
    todo = list(items)
    if len(todo) < 2:
        return {item: function(item) for item in todo}
    from concurrent.futures import ThreadPoolExecutor  # 10 ms, only where there is something to share out

    with ThreadPoolExecutor(min(THREADS, len(todo))) as pool:
        return dict(zip(todo, pool.map(function, todo), strict=True))


def left_behind(repository: Repository) -> list[str]:
    """What a session leaves in its worktree: uncommitted changes, and commits that no remote has."""
    git = repository.here
    status = os.fsdecode(git.run("status", "--porcelain", "-z", "--no-renames"))
    dirty = [line for line in status.split("\0") if line]
    lines = [f"left in the worktree, not committed: {counted(len(dirty), 'path')}"] if dirty else []
    unpushed = git.line("rev-list", "--count", "HEAD", "--not", "--remotes")
    if unpushed and unpushed != "0" and git.run("remote").strip():
        lines.append(f"left: {counted(int(unpushed), 'commit')} that no remote has")
    return lines
