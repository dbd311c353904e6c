"""A range of commits with all that is needed to judge it, also where a clone has only its newest commit.

A history that was cut off shows its last commit as if it had made every file. So a range is judged only where it is
whole: every commit of it with its parents. What the clone lacks is read from the hub into a throwaway repository,
further and further back, up to `DEPTHS`; the clone itself stays as it is.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from gitfleet.base import files
from gitfleet.base.ids import is_oid
from gitfleet.base.text import display
from gitfleet.errors import Unverifiable, UsageError
from gitfleet.git import refs
from gitfleet.git.program import Git
from gitfleet.git.repository import Repository
from gitfleet.git.scratch import Scratch, scratch

DEPTHS = (50, 250, 1250, 6250)
"""Commits of history that are asked for, one after the other, until the range is whole."""


class Ends(NamedTuple):
    """The two names of a range as they were given."""

    base: str
    head: str


class Range(NamedTuple):
    """The commits of `head` that `base` does not have (both object ids), and git for where they can be read."""

    git: Git
    base: str
    head: str

    @property
    def revisions(self) -> tuple[str, str]:
        """As `git rev-list` takes it."""
        return self.head, f"^{self.base}"


def ends(text: str) -> Ends:
    """The two ends of `BASE..HEAD`; a missing HEAD is the commit that is checked out. Raises UsageError."""
    base, dots, head = text.partition("..")
    if not dots or not base or head.startswith(".") or "\0" in text:
        raise UsageError(
            f"'{display(text[:80])}' is not a range of commits.",
            hint="Write it as BASE..HEAD, e.g. origin/main..HEAD.",
        )
    return Ends(base, head or "HEAD")


@contextmanager
def opened(repository: Repository, hub: str, trunk: str, text: str) -> Iterator[Range]:
    """The range that `text` names, whole. A base of zeros (a branch that is new) stands for the hub's trunk.

    Raises UsageError for names of nothing, Unverifiable when the range cannot be made whole, HubUnreachable, HubRefused.
    """
    wanted = ends(text)
    if wanted.base == refs.ZERO:
        wanted = wanted._replace(base=f"{hub}/{trunk}" if hub else trunk)
    git = repository.here
    base, head = (refs.resolve(git, f"{name}^{{commit}}") for name in wanted)
    if base and head and is_whole(git, repository.common_dir, base, head):
        yield Range(git, base, head)
        return
    if not hub:
        raise _unknown(wanted.base if base is None else wanted.head)
    with scratch(repository.git, hub) as place:
        asked = [found or _on_hub(place, name) for found, name in zip((base, head), wanted, strict=True)]
        yield _fetched(place, asked)


def is_whole(git: Git, common_dir: str, base: str, head: str) -> bool:
    """Whether every commit from `base` (excluded) to `head` is there, and none of them is where history was cut off.

    Where the history of `base` was cut off, a line that ends at a root may belong to it further down.
    """
    found = _listed(git, head, f"^{base}")
    cut = set((files.read(os.path.join(common_dir, "shallow")) or b"").split())
    if found is None or cut & found:
        return False
    if not cut or not _listed(git, "--max-parents=0", head, f"^{base}"):
        return True
    return not cut & (_listed(git, base) or cut)


def _listed(git: Git, *arguments: str) -> set[bytes] | None:
    """The commits that `git rev-list` names, or None where some are missing."""
    done = git.ask("rev-list", *arguments, "--", timeout=300.0)
    return None if done.code else set(done.stdout.split())


def _fetched(place: Scratch, wanted: list[str]) -> Range:
    for depth in DEPTHS:
        place.fetch(wanted, depth=depth, contents=False)
        base, head = place.tip(0), place.tip(1)
        if is_whole(place.git, place.git.git_dir, base, head):
            return Range(place.git, base, head)
    raise Unverifiable(
        f"The two ends of the range have nothing in common within {DEPTHS[-1]} commits.",
        hint="Check out the whole history (a depth of 0), or name a base that is nearer.",
    )


def _on_hub(place: Scratch, name: str) -> str:
    """What to ask the hub for: an object id as it is, or the full name of a branch or tag. Raises UsageError."""
    if is_oid(name):
        return name
    short = name.removeprefix("refs/remotes/").removeprefix(f"{place.remote.name}/")
    choices = [f"refs/heads/{short}", f"refs/tags/{short}", short]
    known = place.remote.look(*choices)
    found = next((choice for choice in choices if choice.startswith("refs/") and choice in known), None)
    if found is None:
        raise _unknown(name)
    return found


def _unknown(name: str) -> UsageError:
    return UsageError(
        f"'{display(name[:80])}' names no commit, neither here nor on the hub.",
        hint="Name commits by id, or branches that the hub has.",
    )
