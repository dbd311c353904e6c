"""What commits would bring: the paths that each one changes, and the claims that it names.

What counts as a change is `commit_log`'s. Raises GitFailed where git cannot tell: nothing found is not the same as nothing there.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import NamedTuple

from gitfleet.git import refs
from gitfleet.git.program import Git
from gitfleet.git.repository import Repository
from gitfleet.git.trees import EMPTY_TREE
from gitfleet.githooks import commit_log
from gitfleet.githooks.fast_commit import DIFF


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


def pending(repository: Repository) -> list[str]:
    """The paths that a commit of what is staged here would change; while a merge is open, as for a merge."""
    git = repository.here
    merging = os.path.join(repository.git_dir, "MERGE_HEAD")
    head = refs.resolve(git, "HEAD")
    if head and os.path.exists(merging):
        with open(merging, encoding="ascii") as file:
            return merged(git, file.read().split())
    return staged(git, head or EMPTY_TREE)


def merged(git: Git, others: list[str]) -> list[str]:
    """The staged paths that differ from HEAD and from every other parent of the merge that is being committed."""
    return sorted(set.intersection(*(set(staged(git, parent)) for parent in ["HEAD", *others])))


def staged(git: Git, against: str) -> list[str]:
    """The paths in which the index differs from a commit."""
    out = git.run(*DIFF, against, "--", env=_index())
    return [name for name in os.fsdecode(out).split("\0") if name]


def content(repository: Repository, path: str) -> bytes | None:
    """The file that a commit of what is staged here would bring at `path`; None where it brings nothing new there."""
    git = repository.here
    asked = git.ask("rev-parse", "--verify", "--quiet", f":0:{path}", env=_index())
    oid = asked.stdout.decode("ascii").strip()
    if not oid or oid == refs.resolve(git, f"HEAD:{path}"):
        return None
    return git.run("cat-file", "blob", oid)


def _index() -> dict[str, str | None] | None:
    """The index that git commits from: another than the worktree's own for `git commit PATH`."""
    index = os.environ.get("GIT_INDEX_FILE")
    return {"GIT_INDEX_FILE": os.path.abspath(index)} if index else None
