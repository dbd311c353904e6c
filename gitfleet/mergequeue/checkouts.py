"""Worktrees that have the target checked out, in a clone that is its own hub: they follow when something lands.

What would be overwritten there keeps the landing back. What is to follow is noted before the target moves, so whatever a crash left
undone, or a worktree did not let be done, is done by whoever comes next. One landing of a clone at a time.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from gitfleet.base import files, statefile
from gitfleet.base.locks import NodeLock
from gitfleet.base.text import display, one_line
from gitfleet.codec import TEXT, Many, One, Struct, field
from gitfleet.errors import Blocked
from gitfleet.git import git_worktrees, refs
from gitfleet.git.program import Git
from gitfleet.mergequeue.site import Site
from gitfleet.trunk import landing

_TIME = 600.0
_PATIENCE = 60.0


class Following(Struct):
    """A worktree that is to be brought from one commit to another."""

    git_dir: str = field(TEXT)
    path: str = field(TEXT)
    old: str = field(TEXT)
    new: str = field(TEXT)


class FollowingNote(Struct):
    """What is kept of those that have not followed yet."""

    worktrees: tuple[Following, ...] = field(Many(One(Following)), default=())


class CheckoutInTheWay(Blocked):
    """A worktree has the target checked out, and cannot follow it."""


class Checkouts:
    """The worktrees of a clone that is its own hub. Of a clone with a hub there are none."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._note = os.path.join(site.ledger.state, "queue-checkouts.json")
        self._lock = NodeLock(os.path.join(site.ledger.state, "queue-checkouts-lock"))

    @contextmanager
    def following(self, commit: str) -> Iterator[None]:
        """Have what the body lands, `commit`, be checked out where the target is. Raises CheckoutInTheWay, with nothing changed."""
        if self._site.ledger.node.hub:
            yield
            return
        with self._lock.held(_PATIENCE):
            self._bring()
            noted = self._found(commit)
            if noted:
                statefile.save(self._note, FollowingNote(noted))
            try:
                yield
            finally:
                self._bring()

    def recover(self) -> None:
        """Bring worktrees along that a landing has left behind."""
        if not self._site.ledger.node.hub and os.path.exists(self._note):
            with self._lock.held(_PATIENCE):
                self._bring()

    def _bring(self) -> None:
        """Have worktrees show what their branch has become, and keep the note of those that cannot yet."""
        before = self._noted()
        left = tuple(one for one in before if not self._has_followed(one))
        if left:
            statefile.save(self._note, FollowingNote(left))
        elif before:
            files.remove(self._note)

    def _noted(self) -> Sequence[Following]:
        found = statefile.load(FollowingNote, self._note)
        return found.worktrees if found else ()

    def _has_followed(self, one: Following) -> bool:
        """Bring a worktree along; whether nothing is left to do. What was changed there meanwhile is not touched."""
        git = self._git(one.git_dir, one.path)
        if not os.path.isdir(one.path) or refs.head(git) != f"refs/heads/{self._site.target}":
            return True
        head = refs.resolve(git, "HEAD")
        if head == one.old:
            return False  # it has not landed, or not yet
        if not head or not landing.contains(git, head, one.new):
            return True
        why = _read_tree(git, one.old, head)
        if why:
            words = f"{display(self._site.target)} has moved, and {display(one.path)} could not follow: {why}"
            self._site.listener.say(f"warning: {words}; it does with the next round")
        return not why

    def _found(self, commit: str) -> tuple[Following, ...]:
        """The worktrees that have the target checked out. Raises CheckoutInTheWay."""
        behind = {one.git_dir for one in self._noted() if one.old != self._site.base}
        found = []
        for git_dir, path in self._worktrees():
            git = self._git(git_dir, path)
            if refs.head(git) != f"refs/heads/{self._site.target}":
                continue
            why = "an earlier landing could not be checked out" if git_dir in behind else ""
            why = why or _read_tree(git, self._site.base, commit, "-n")
            if why:
                words = f"{display(self._site.target)} is checked out in {display(path)}, and what is changed there is in the way of what would land: {why}"
                hint = "Commit that, or take it elsewhere, and process the queue again."
                raise CheckoutInTheWay(words, hint=hint, path=path)
            found.append(Following(git_dir, path, self._site.base, commit))
        return tuple(found)

    def _worktrees(self) -> Iterator[tuple[str, str]]:
        """The git directory and the path of each worktree of the clone."""
        repository = self._site.repository
        if repository.main:
            yield repository.common_dir, repository.main
        for path, git_dir in git_worktrees.folders(repository.common_dir).items():
            if os.path.isdir(path):
                yield git_dir, path

    def _git(self, git_dir: str, path: str) -> Git:
        return Git(git_dir, cwd=path, env={"GIT_WORK_TREE": path})


def _read_tree(git: Git, old: str, new: str, *options: str) -> str:
    """Bring index and files from one commit to another as `git switch` does; why not, in words. All of it, or nothing."""
    git.ask(
        "update-index", "-q", "--refresh", timeout=_TIME
    )  # else a file that was only touched is in the way
    done = git.ask("read-tree", *options, "-m", "-u", old, new, timeout=_TIME)
    if not done.code:
        return ""
    said = done.stderr.decode("utf-8", "replace").strip().splitlines() or [f"git ended with {done.code}"]
    return one_line(display(said[0]).removeprefix("error: ").removeprefix("fatal: "), 300)
