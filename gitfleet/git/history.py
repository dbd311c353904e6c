"""How commits stand to each other: for many pairs, or for all that some branches contain, without a git process each.

libgit2 walks the history within this process. Where it cannot open the repository, or does not know an object (a partial
clone), git itself is asked, at one process a question. What cannot be told is None, never 0.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from gitfleet.git import trailers
from gitfleet.git.program import TIMEOUT, Git

if TYPE_CHECKING:
    import pygit2


_TIME = 300.0
_FIELDS = 4
_FORMAT = "%H%x00%P%x00" + "%x00".join(f"%(trailers:key={name},valueonly)" for name in trailers.NAMES)


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


class Commit(NamedTuple):
    """One commit: its parents, and the sessions and claims (`id@token`) that its message names."""

    oid: str
    parents: tuple[str, ...]
    sessions: tuple[str, ...]
    claims: tuple[str, ...]


def carriers(
    git: Git, tips: Mapping[str, str], without: str | None, names: Callable[[Commit], Iterable[str]]
) -> dict[str, frozenset[str]]:
    """By the name of each tip, whatever `names` says of the commits that it contains and `without` does not. Raises GitFailed.

    A tip whose commit is missing has none. Costs one git process, and memory for each commit that is not in `without`.
    """
    found: dict[str, frozenset[str]] = {}
    for commit in _parents_first(git, sorted(set(tips.values())), without):
        own = frozenset(names(commit))
        found[commit.oid] = own.union(*[found.get(parent, frozenset()) for parent in commit.parents])
    return {name: found[tip] for name, tip in tips.items() if found.get(tip)}


def _parents_first(git: Git, tips: Iterable[str], without: str | None) -> Iterable[Commit]:
    asked = [f"{tip}\n" for tip in tips]
    if not asked:
        return
    data = "".join([*asked, *([f"^{without}\n"] if without else [])]).encode()
    out = git.run(
        *trailers.PLAIN, "log", "--ignore-missing", "--stdin", "--topo-order", "--reverse", "--no-show-signature", "--no-color", "-z",
        f"--format={_FORMAT}", data=data, timeout=_TIME,
    )  # fmt: skip
    fields = os.fsdecode(out).split("\0")
    for at in range(0, len(fields) - _FIELDS + 1, _FIELDS):
        oid, parents, sessions, claims = fields[at : at + _FIELDS]
        yield Commit(oid, tuple(parents.split()), tuple(sessions.split()), tuple(claims.split()))
