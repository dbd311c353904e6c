"""What git says of the worktrees of this clone: branch, uncommitted paths, commits against the trunk.

Which worktrees there are is asked of the clone itself, never of a session's record: records come from the hub, and
git must not run in whatever folder somebody wrote down. One git process a worktree, in parallel, with a time limit.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from gitfleet.base import clock
from gitfleet.base.text import counted
from gitfleet.codec import Struct
from gitfleet.git import checkout, git_worktrees, history
from gitfleet.git.checkout import CheckoutState
from gitfleet.git.program import Git
from gitfleet.git.repository import Repository


class Checkout(Struct):
    """One worktree: its branch ("" when detached), and counts.

    `dirty` counts paths that differ from HEAD or are untracked; `ahead` and `behind` commits against the trunk, None
    when either is unknown.
    """

    branch: str
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
    states = checkout.parallel(lambda item: _state(*item, end - clock.elapsed()), worktrees.items())
    sound = {path: state for (path, _), state in states.items() if not state.problem}
    heads = {state.head for state in sound.values() if state.head and trunk}
    counts = checkout.parallel(lambda head: _count(git, trunk or "", head, end), sorted(heads))
    return {
        path: Checkout(state.branch, state.dirty, *(counts.get(state.head or "") or ()))
        for path, state in sound.items()
    }


def _state(path: str, git_dir: str, seconds: float) -> CheckoutState:
    return (
        checkout.look(path, git_dir, seconds=seconds)
        if seconds > 0
        else CheckoutState(problem="no time is left")
    )


def _count(git: Git, trunk: str, head: str, end: float) -> tuple[int, int] | None:
    """Commits of `head` that the trunk has not, and the other way round."""
    left = end - clock.elapsed()
    if head == trunk:
        return 0, 0
    return history.counts(git, head, trunk, timeout=left) if left > 0 else None


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
