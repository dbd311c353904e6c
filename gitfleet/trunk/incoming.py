"""What commits would bring: the paths that each one changes, and the claims that it names.

What counts as a change is `commit_log`'s. Raises GitFailed where git cannot tell: nothing found is not the same as nothing there.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from gitfleet.git.program import Git
from gitfleet.trunk import commit_log


class IncomingCommit(NamedTuple):
    """One commit: its id, the paths it changes, the session and the claims (`id@token`) that its trailers name.

    One that was amended by another session names both, and the claims of both; `session` is the last of `sessions`.
    """

    oid: str
    paths: tuple[str, ...]
    session: str
    claims: tuple[str, ...]
    sessions: tuple[str, ...] = ()


def commits(git: Git, *revisions: str) -> Iterator[IncomingCommit]:
    """The commits of a revision range (as for `git rev-list`), newest first. One git process, one pass."""
    mark = commit_log.mark()
    answer = git.run(*commit_log.arguments(mark, *revisions), timeout=300.0)
    for (oid,), paths, sessions, claims in commit_log.rows(mark, answer):
        yield IncomingCommit(oid, paths, sessions[-1] if sessions else "", claims, sessions)
