"""What git says of one worktree now: its branch, HEAD, and the paths that differ from HEAD.

One git process, which writes nothing (`git status` would otherwise refresh the index, and so look like activity).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import TypeVar

from gitfleet.base.processes import Completed
from gitfleet.codec import Struct, replace
from gitfleet.git import git_worktrees
from gitfleet.git.program import Git

THREADS = 8
SECONDS = 120.0
GONE = "its folder is gone"
_STATUS = ("status", "--porcelain=v2", "-z", "--no-renames")
_BRANCH = ("--branch", "--no-ahead-behind", "--ignore-submodules=none", "--untracked-files=normal")
_FIELDS = {"1": 8, "u": 10, "?": 1}
"""How many fields come before the path in each kind of row."""

_Item = TypeVar("_Item")
_Found = TypeVar("_Found")


class CheckoutState(Struct):
    """One worktree as it is. `branch` is "" when detached, `head` None before the first commit.

    `staged` are paths whose index entry differs from HEAD, `unstaged` those whose file differs from the index (submodules that
    have moved or are dirty too), `unmerged` those in conflict, `untracked` files and folders (with `/` at the end). `shifted`
    are submodules that are clean, but at another commit than the index says. `problem` says why git could not tell; nothing
    else is then known.
    """

    branch: str = ""
    head: str | None = None
    staged: tuple[str, ...] = ()
    unstaged: tuple[str, ...] = ()
    unmerged: tuple[str, ...] = ()
    untracked: tuple[str, ...] = ()
    shifted: tuple[str, ...] = ()
    operation: str | None = None
    problem: str = ""

    @property
    def changed(self) -> set[str]:
        """Every tracked path with changes that are in no commit."""
        return {*self.staged, *self.unstaged, *self.unmerged}

    @property
    def dirty(self) -> int:
        """How many paths differ from HEAD or are untracked."""
        return len(self.changed) + len(self.untracked)


def look(path: str, git_dir: str, *, seconds: float = SECONDS) -> CheckoutState:
    """The state of the worktree at `path`. One git process. Never raises for what it finds there."""
    operation = git_worktrees.in_progress(git_dir)
    if not os.path.isdir(path):
        return CheckoutState(operation=operation, problem=GONE)
    if not os.path.lexists(os.path.join(path, ".git")):
        return CheckoutState(operation=operation, problem="its .git file is gone")
    try:
        done = Git(git_dir, cwd=path).ask(*_STATUS, *_BRANCH, timeout=seconds)
    except OSError as error:  # it went away just now, or may not be entered
        return CheckoutState(operation=operation, problem=f"it cannot be entered: {error.strerror}")
    if done.code:
        return CheckoutState(operation=operation, problem=_why(done))
    return replace(_parse(done.stdout), operation=operation)


def differing(git: Git, *, submodules: str) -> list[tuple[str, str]]:
    """Every path that differs from HEAD or is untracked, behind the kind of its row (`?`: untracked). Raises GitFailed."""
    how = ("--untracked-files=all", f"--ignore-submodules={submodules}")
    rows = os.fsdecode(git.run(*_STATUS, *how, timeout=300.0)).split("\0")
    return [(row[0], row.split(" ", _FIELDS[row[0]])[-1]) for row in rows if row[:1] in _FIELDS]


def parallel(function: Callable[[_Item], _Found], items: Iterable[_Item]) -> dict[_Item, _Found]:
    """`function` of each item, several at once."""
    todo = list(items)
    if len(todo) < 2:
        return {item: function(item) for item in todo}
    from concurrent.futures import ThreadPoolExecutor  # 10 ms, only where there is something to share out

    with ThreadPoolExecutor(min(THREADS, len(todo))) as pool:
        return dict(zip(todo, pool.map(function, todo), strict=True))


def _why(done: Completed) -> str:
    lines = os.fsdecode(done.stderr).strip().split("\n")
    words = next((line for line in lines if line.startswith("fatal: ")), lines[0])  # what, and why
    return f"git cannot read it: {words or f'exit code {done.code}'}"


def _parse(out: bytes) -> CheckoutState:
    """Rows of git's porcelain version 2: `1 XY sub … path`, `u XY sub … path`, `? path`."""
    branch, head = "", None
    staged, unstaged, unmerged, untracked, shifted = [], [], [], [], []
    for row in os.fsdecode(out).split("\0"):
        kind, _, rest = row.partition(" ")
        if row.startswith("# branch.oid "):
            head = None if row.endswith("(initial)") else row[13:]
        elif row.startswith("# branch.head "):
            branch = "" if row[14:] == "(detached)" else row[14:]
        elif kind == "1":
            codes, sub, _, _, _, _, _, path = row[2:].split(" ", 7)
            if codes[0] != ".":
                staged.append(path)
            if codes[1] != ".":
                unstaged.append(path)
            if codes[0] == "." and sub == "SC..":
                shifted.append(path)
        elif kind == "u":
            unmerged.append(row.split(" ", 10)[10])
        elif kind == "?":
            untracked.append(rest)
    return CheckoutState(
        branch, head, tuple(staged), tuple(unstaged), tuple(unmerged), tuple(untracked), tuple(shifted)
    )
