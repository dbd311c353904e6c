"""What a worktree's branch has that its base has not: work that is not another task's, and branches that are finished.

Local, but for the hub's branches that are lent; what is pushed and has not landed is somebody's work all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import cache

from gitfleet.base.text import counted, display
from gitfleet.git import refs
from gitfleet.git.program import Git
from gitfleet.ledger.own_node import Node
from gitfleet.trunk import landed
from gitfleet.worktrees import only_here, upstream
from gitfleet.worktrees.model import Managed
from gitfleet.worktrees.upstream import Base


def words(common: Git, managed: Managed, head: str | None, base: Base) -> str:
    """What of the worktree's work its base does not have, so that no other task may begin there; "" for nothing."""
    if head is None:
        return "its branch has no commit"
    found = landed.judge(common, head, base.commit, base.name)
    if not found.safe:
        if found.word == landed.UNKNOWN:
            return found.reason
        verb = "has" if found.commits == 1 else "have"
        return f"{counted(found.commits, 'commit')} of its branch {display(managed.branch)} {verb} not landed on {base.name}"
    entries = only_here.stashes(Git(managed.git_dir, cwd=managed.path), common, [managed.branch])
    return f"the stash has work of it: {entries[0]}" if entries else ""


class Pushed:
    """Which commits are on branches of the hub: as last seen here, and, where that does not say so, as the hub has them now."""

    def __init__(self, git: Git, node: Node, *, ask: bool = True) -> None:
        self._git = git
        theirs = f"refs/remotes/{node.hub}/"
        self._looks: list[Callable[[], Collection[str]]] = []
        if node.hub:
            self._looks.append(cache(lambda: set(refs.read(git, theirs).values())))
        if ask:
            self._looks.append(cache(lambda: upstream.tips(git, node)))

    def has(self, head: str, base: Base) -> bool:
        """Whether the hub has all commits of `head` but merges that bring nothing; only what its base does not have counts."""
        every = (look() for look in self._looks)
        return any(
            tips and landed.judge(self._git, head, base.commit, base.name, tips).word == "pushed"
            for tips in every
        )
