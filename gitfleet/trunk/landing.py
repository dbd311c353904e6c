"""Whether a commit's work is on the trunk: by ancestry, patch by patch, or as a whole.

Only yes is certain. No, and "it cannot be told" (commits that are not here, a git that is too old), are the same to
callers: nothing is let go.
"""

from __future__ import annotations

from typing import NamedTuple

from gitfleet.base.locks import NodeLock
from gitfleet.errors import FleetError
from gitfleet.git.program import Git
from gitfleet.git.remote import Remote
from gitfleet.trunk import landed

HEADS = "refs/heads/"
ANCESTOR, PATCHES, TREE = "ancestor", "patches", "tree"
_WORDS = {"merged": ANCESTOR, "rebased": PATCHES, "squashed": TREE}


class Branch(NamedTuple):
    """A branch at one commit."""

    name: str
    head: str


class Judge:
    """Judges branches against one commit of the trunk. Fetches a branch whose commits are not here, once."""

    def __init__(self, git: Git, hub: str | None, lock: NodeLock, tip: str) -> None:
        self._git = git
        self._hub = hub
        self._lock = lock
        self._tip = tip
        self._fetched: set[str] = set()

    def how(self, branch: Branch, there: str | None) -> str | None:
        """How the branch's recorded head has landed, or the branch with it as it now is on the hub (`there`).

        "" if it has not; None where it cannot be told, for want of commits.
        """
        for commit in (branch.head, there):
            if commit and not _is_here(self._git, commit) and there:
                self._fetch(branch.name)
        if not _is_here(self._git, branch.head) or (there and not _is_here(self._git, there)):
            return None
        found = how(self._git, self._tip, branch.head)
        if found or not there or there == branch.head:
            return found
        return how(self._git, self._tip, there) if contains(self._git, there, branch.head) else ""

    def _fetch(self, name: str) -> None:
        """Bring a branch's commits here, into no ref."""
        if not self._hub or name in self._fetched:
            return
        self._fetched.add(name)
        try:
            with self._lock.held(30.0):
                Remote(self._git, self._hub).fetch(f"{HEADS}{name}", prune=False)
        except FleetError:
            return  # its commits stay unknown, and so does whether it has landed


def how(git: Git, trunk: str, head: str) -> str:
    """How the work of `head` came to be on `position`: by ancestry, as the same patches, as one with the same effect; else "".

    Of a history that is not whole here, only ancestry is told. The costs are those of `trunk.landed`.
    """
    if contains(git, trunk, head):
        return ANCESTOR
    return _WORDS.get(landed.judge(git, head, trunk, "the trunk").word, "")


def contains(git: Git, commit: str, other: str) -> bool:
    """Whether a commit contains another one."""
    return git.ask("merge-base", "--is-ancestor", other, commit).code == 0


def _is_here(git: Git, commit: str) -> bool:
    return git.ask("cat-file", "-e", f"{commit}^{{commit}}").code == 0
