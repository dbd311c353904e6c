"""What an agent did inside submodules: the attempt's branch has at most which commit each is at, and that is told."""

from __future__ import annotations

import os

from gitfleet.base.text import display, some
from gitfleet.git import checkout, merging
from gitfleet.git.program import Git
from gitfleet.git.repository import Repository


def notes(repository: Repository, base: str, head: str) -> tuple[str, ...]:
    """In words, what of submodules is not on the branch; nothing where the worktree has none. Raises GitFailed."""
    if not os.path.lexists(os.path.join(repository.worktree or "", ".gitmodules")):
        return ()
    said = []
    everything = {path for _, path in checkout.differing(repository.here, submodules="none")}
    known = {path for _, path in checkout.differing(repository.here, submodules="dirty")}
    if inside := sorted(everything - known):
        said.append(f"what is uncommitted inside submodules stays in the worktree: {_words(inside)}")
    if moved := _moved(repository.here, base, head):
        said.append(f"the commits that submodules are at now are pushed by nobody: {_words(moved)}")
    return tuple(said)


def _words(paths: list[str]) -> str:
    return some([display(path) for path in paths], 5)


def _moved(git: Git, base: str, head: str) -> list[str]:
    """The submodules that are at another commit than before."""
    return [one.path for one in merging.changes(git, base, head) if one.gitlink]
