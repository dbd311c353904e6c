"""When somebody last did something in a worktree, as far as the tree itself and its session tell.

Counts: what the log of its HEAD says was done, the times of its files and folders (ignored ones aside), the renewals of its
session, and that it was made or handed out. Does not count: what gitfleet does there. Upkeep notes when it changed a tree
(`bookkeeping`), and file times and log lines of those moments are passed over; so a tree in which nothing happens but
upkeep every five minutes does become idle. The index is not looked at: `git status` writes it, too.

Times in the future (a clock that was set back, a file from elsewhere) prove nothing and must not keep a tree for ever: the
first time one is the newest it counts as now, and from then on as that moment.
"""

from __future__ import annotations

import os
import stat
import zlib
from contextlib import suppress
from typing import NamedTuple

from gitfleet.base import clock, files, statefile
from gitfleet.codec import WHOLE, Struct, field
from gitfleet.errors import LocalStorage
from gitfleet.git.program import Git
from gitfleet.worktrees import bookkeeping, capture, only_here, reservation
from gitfleet.worktrees.capture import Capture
from gitfleet.worktrees.model import Managed

NAME = "gitfleet-future.json"
GONE = "gitfleet-gone.json"
SLACK = 60


class Activity(NamedTuple):
    """The last activity: when (seconds since 1970) and what it was."""

    at: int
    what: str


class _Met(Struct):
    """When a stamp was first met."""

    stamp: int = field(WHOLE)
    met: int = field(WHOLE)


def last(managed: Managed, found: Capture | None, *, renewed_at: int = 0, note: bool = True) -> Activity:
    """The last activity in a worktree. `found` is what lies there (None: the folder is gone), `renewed_at` when its session
    was last renewed. Without `note` nothing is written down.
    """
    spans = bookkeeping.spans(managed.git_dir)
    git = Git(managed.git_dir, cwd=managed.path if found else managed.git_dir)
    seen = [Activity(managed.created_at, "it was made"), Activity(renewed_at, "its session was renewed")]
    taken = reservation.read(managed.git_dir)
    if taken is not None:
        seen.append(Activity(taken.at, "it was handed out"))
    seen += [
        Activity(line.at, f"its HEAD moved ({line.words[:60]})" if line.words else "its HEAD moved")
        for line in only_here.log(git)
        if not line.words.startswith(bookkeeping.ACTION)
    ]
    if found is not None:
        seen += _touched(managed.path, found, spans)
    return _present(managed.git_dir, seen, note=note)


def gone_since(git_dir: str, *, note: bool = True) -> int:
    """When the folder of a worktree was first found to be gone (seconds since 1970), with no sign of life since.

    It may have been moved by hand, or lie on a volume that is mounted now and then, and somebody works there. Without `note`
    nothing is written down.
    """
    return _met(git_dir, _signs(git_dir), clock.now(), note=note, name=GONE)


def _signs(git_dir: str) -> int:
    """A number that is another one once anybody has worked in the worktree: by git's files for it, and the end of its log.

    Not by the time of the log: git itself writes that anew when it tidies up.
    """
    newest = 0
    for name in files.names(git_dir):
        entry = os.lstat(os.path.join(git_dir, name))
        if name not in {GONE, NAME} and not stat.S_ISDIR(entry.st_mode):
            newest = max(newest, entry.st_mtime_ns)
    log = files.read(os.path.join(git_dir, "logs", "HEAD")) or b""
    return newest ^ zlib.crc32(log.rstrip(b"\n").rpartition(b"\n")[2])


def back(git_dir: str) -> None:
    """The folder is there: that it was gone once is forgotten. Harmless where nothing can be written: then nothing could be noted."""
    with suppress(LocalStorage):
        files.remove(os.path.join(git_dir, GONE))


def _touched(top: str, found: Capture, spans: list[tuple[int, int]]) -> list[Activity]:
    """The newest time of a file or folder that is not ours."""
    newest, what = 0, ""
    stamps = [("its folder", os.lstat(top).st_mtime_ns)]
    stamps += [
        (path, item.stamp[capture.CHANGED]) for path, item in found.items.items() if path not in found.ignored
    ]
    for path, stamp in stamps:
        if stamp > newest and not bookkeeping.within(stamp, spans):
            newest, what = stamp, path
    return [Activity(newest // 1_000_000_000, f"{what} was changed")] if newest else []


def _present(git_dir: str, seen: list[Activity], *, note: bool) -> Activity:
    """The newest, none of them later than now."""
    now = clock.now()
    past = max((one for one in seen if one.at <= now + SLACK), default=Activity(0, ""))
    future = max((one for one in seen if one.at > now + SLACK), default=None)
    if future is None:
        return past
    met = _met(git_dir, future.at, now, note=note)
    return max(past, Activity(met, f"{future.what}, in the future"))


def _met(git_dir: str, stamp: int, now: int, *, note: bool, name: str = NAME) -> int:
    """When this (a time in the future, by default) was first met."""
    path = os.path.join(git_dir, name)
    known = statefile.load(_Met, path)
    if known and known.stamp == stamp and known.met <= now + SLACK:
        return known.met
    if note:
        statefile.save(path, _Met(stamp, now), durable=False)
    return now
