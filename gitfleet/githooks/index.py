"""What is staged here, as the commit that it would become. Raises GitFailed where git cannot tell."""

from __future__ import annotations

import os

from gitfleet.git import refs
from gitfleet.git.program import Git
from gitfleet.git.repository import Repository
from gitfleet.git.trees import EMPTY_TREE
from gitfleet.githooks.catfile import DIFF


def paths(repository: Repository) -> list[str]:
    """The paths that a commit of what is staged would change; while a merge is open, as for a merge."""
    git = repository.here
    merging = os.path.join(repository.git_dir, "MERGE_HEAD")
    head = refs.resolve(git, "HEAD")
    if head and os.path.exists(merging):
        with open(merging, encoding="ascii") as file:
            return merged(git, file.read().split())
    return differing(git, head or EMPTY_TREE)


def merged(git: Git, others: list[str]) -> list[str]:
    """The staged paths that differ from HEAD and from every other parent of the merge that is being committed."""
    return sorted(set.intersection(*(set(differing(git, parent)) for parent in ["HEAD", *others])))


def differing(git: Git, against: str) -> list[str]:
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
