"""How git is asked what commits change and which claims they name, and how its answer is read. Standard library only.

In a merge only paths that differ from every parent count: what was carried over is nobody's edit. Renames are never
guessed: both names count.
"""

from __future__ import annotations

import os

from gitfleet.git import trailers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_NAMED = "%x00%(trailers:key=Fleet-Session,valueonly)%x00%(trailers:key=Fleet-Claim,valueonly)%x00"


def mark() -> str:
    """What stands around each commit, so that no path and no message can look like the beginning of one."""
    return os.urandom(16).hex()


def arguments(mark: str, *revisions: str, fields: str = "%H") -> list[str]:
    """What git is called with, for a revision range (as for `git rev-list`). `fields` are told of each commit first."""
    return [
        *trailers.PLAIN, "log", "--root", "--no-show-signature", "--no-color", "--no-ext-diff", "--no-renames", "--diff-merges=combined",
        "--ignore-submodules=none", "--name-only", "-z", f"--format={mark}{fields}{_NAMED}{mark}", *revisions, "--",
    ]  # fmt: skip


def rows(
    mark: str, answer: bytes
) -> Iterator[tuple[list[str], tuple[str, ...], tuple[str, ...], tuple[str, ...]]]:
    """The commits in git's answer, newest first: the fields asked for, paths, sessions, claims."""
    parts = os.fsdecode(answer).split(mark)[1:]
    for head, names in zip(parts[::2], parts[1::2], strict=True):
        *fields, sessions, claims, _ = head.split("\0")
        paths = tuple(name for name in names.removeprefix("\0").removeprefix("\n").split("\0") if name)
        named = tuple(dict.fromkeys(name.strip() for name in sessions.split("\n") if name.strip()))
        yield fields, paths, named, tuple(claims.split())
