"""When gitfleet itself changed a worktree, so that nobody takes it for the activity of a session.

Each upkeep that changes a tree (a merge of the base, a restored index) leaves the span of time that it took in the
worktree's git dir, and calls itself ACTION in the reflog. File times within a span, and reflog lines of ours, are no
activity; the spans are kept as long as there may be files with such times.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from gitfleet.base import statefile
from gitfleet.codec import WHOLE, Many, Struct, field
from gitfleet.errors import LocalStorage

ACTION = "gitfleet reconcile"
NAME = "gitfleet-upkeep.json"
_MOST = 2000


class _Spans(Struct):
    spans: tuple[tuple[int, ...], ...] = field(Many(Many(WHOLE, least=2, most=2)))


@contextmanager
def span(git_dir: str) -> Iterator[None]:
    """Mark whatever changes in the worktree meanwhile as ours.

    The file system's own clock counts, as it does for the times of files: a machine whose clock differs from that of its
    file server is no problem. A run that is killed leaves no span; what it changed then counts as activity, once.
    """
    path = os.path.join(git_dir, NAME)
    before = spans(git_dir)
    begun = _touch(path, before)
    try:
        yield
    finally:
        with suppress(LocalStorage):
            ended = _touch(path, before)
            _write(path, [*before, (begun, ended)])


def spans(git_dir: str) -> list[tuple[int, int]]:
    """The spans of upkeep, in nanoseconds since 1970, oldest first. Empty when there are none or they cannot be read."""
    note = statefile.load(_Spans, os.path.join(git_dir, NAME))
    return [(begun, ended) for begun, ended in note.spans] if note else []


def within(stamp: int, of: list[tuple[int, int]]) -> bool:
    """Whether a file time (nanoseconds since 1970) falls into one of the spans."""
    return any(begun <= stamp <= ended for begun, ended in of)


def _touch(path: str, known: list[tuple[int, int]]) -> int:
    """The present time of the file system, by writing the file anew."""
    _write(path, known)
    return os.stat(path).st_mtime_ns


def _write(path: str, known: list[tuple[int, int]]) -> None:
    statefile.save(path, _Spans(tuple(known[-_MOST:])), durable=False)
