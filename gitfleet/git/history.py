"""How commits stand to each other, for many pairs without a git process each.

libgit2 walks the history within this process. Where it cannot open the repository, or does not know an object (a partial
clone), git itself is asked, at one process a question. What cannot be told is None, never 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitfleet.git.program import TIMEOUT, Git

if TYPE_CHECKING:
    import pygit2


class History:
    """The commits of one repository. Not for two threads at once."""

    def __init__(self, git: Git) -> None:
        self._git = git
        self._repository = _open(git.git_dir)

    def ahead_behind(self, head: str, base: str) -> tuple[int, int] | None:
        """Commits of `head` that `base` has not, and the other way round; None when it cannot be told."""
        if head == base:
            return 0, 0
        if self._repository is not None:
            found = _walk(self._repository, head, base)
            if found is not None:
                return found
        return counts(self._git, head, base)

    def is_ancestor(self, older: str, newer: str) -> bool | None:
        """Whether `newer` holds all of `older`; None when it cannot be told."""
        counts = self.ahead_behind(older, newer)
        return None if counts is None else counts[0] == 0


def counts(git: Git, head: str, base: str, *, timeout: float = TIMEOUT) -> tuple[int, int] | None:
    """The same by one git process."""
    done = git.ask("rev-list", "--left-right", "--count", f"{head}...{base}", "--", timeout=timeout)
    found = done.stdout.split()
    return (int(found[0]), int(found[1])) if done.code == 0 and len(found) == 2 else None


def _open(git_dir: str) -> pygit2.Repository | None:
    import pygit2  # 80 ms; only what counts commits pays for it

    try:
        return pygit2.Repository(git_dir)
    except pygit2.GitError:
        return None


def _walk(repository: pygit2.Repository, head: str, base: str) -> tuple[int, int] | None:
    import pygit2  # loaded already

    try:
        return repository.ahead_behind(head, base)
    except (pygit2.GitError, KeyError, ValueError):
        return None
