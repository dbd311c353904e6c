"""What gitfleet notes beside a worktree, in git's own folder for it: who was handed it, when we changed it, when it was gone.

Written by whoever hands it out or looks after it, read by whoever asks whether it is free, or idle. Git removes the notes together with the
worktree.
"""

from __future__ import annotations

import os
import stat
import zlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from functools import cached_property

from gitfleet.base import clock, files, statefile
from gitfleet.base.identity import ProcessIdentity, identify, state
from gitfleet.base.ids import is_name
from gitfleet.base.statefile import PROCESS
from gitfleet.codec import WHOLE, Many, Struct, Text, field
from gitfleet.errors import LocalStorage

ACTION = "gitfleet reconcile"
"""What upkeep calls itself in the reflog."""
TAKEN = "gitfleet-taken.json"
UPKEEP = "gitfleet-upkeep.json"
FUTURE = "gitfleet-future.json"
GONE = "gitfleet-gone.json"
HOLDS = 15 * 60
SLACK = 60
"""Seconds that a time may be ahead of the clock."""
_MOST = 2000


class Reservation(Struct):
    """Handed out at `at` (seconds since 1970) to `process` (None: unknown), for the session with the id `session` ("": any).

    Between `worktree ensure` and the first sign of the session in the tree (its process, its registration) there is nothing
    but this. It holds while the process that asked lives, and at most HOLDS seconds: a caller that wants a worktree and
    never goes there must not keep it for ever.
    """

    at: int = field(WHOLE)
    process: ProcessIdentity | None = field(PROCESS, default=None)
    session: str = field(Text[str](valid=lambda text: not text or is_name(text)), default="")

    @property
    def stands(self) -> bool:
        """Whether it still keeps others away. A time in the future, after a clock was set back, does not count for ever."""
        if not -HOLDS < clock.now() - self.at < HOLDS:
            return False
        return self.process is None or state(self.process) != "dead"


class _Spans(Struct):
    spans: tuple[tuple[int, ...], ...] = field(Many(Many(WHOLE, least=2, most=2)))


class _Met(Struct):
    """When a stamp was first met."""

    stamp: int = field(WHOLE)
    met: int = field(WHOLE)


class TreeNotes:
    """The notes beside the worktree whose git dir this is. For one look: what was read once is not read again."""

    def __init__(self, git_dir: str) -> None:
        self._git_dir = git_dir

    @property
    def reservation(self) -> Reservation | None:
        """Who was handed it last; None where that is not known."""
        return statefile.load(Reservation, self._path(TAKEN))

    def expected(self) -> str:
        """The id of the session that it was handed out for and that has not come yet; "" for none."""
        return self.reservation.session if self.reservation else ""

    def reserved(self, *, besides: Collection[int] = ()) -> bool:
        """Whether it was handed out a moment ago, and is kept for a process that is none of `besides` (pids)."""
        note = self.reservation
        return note is not None and note.stands and not (note.process and note.process.pid in besides)

    def reserve(self, pid: int, session: str = "") -> None:
        """Note that it is handed out now to the process `pid`, for `session`. The caller holds the worktrees' lock."""
        statefile.save(self._path(TAKEN), Reservation(clock.now(), identify(pid), session))

    def release(self) -> None:
        """Let go of it."""
        files.remove(self._path(TAKEN))

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Mark whatever changes in the worktree meanwhile as ours (see `ours`).

        The file system's own clock counts, as it does for the times of files: a machine whose clock differs from that of its
        file server is no problem. A run that is killed leaves no mark; what it changed then counts as activity, once.
        """
        before = self._load_spans()
        begun = self._touch(before)
        try:
            yield
        finally:
            with suppress(LocalStorage):
                self._save_spans([*before, (begun, self._touch(before))])

    def ours(self, stamp: int) -> bool:
        """Whether a file time (nanoseconds since 1970) falls into an upkeep that changed the tree: no activity of a session."""
        return any(begun <= stamp <= ended for begun, ended in self._spans)

    def met(self, stamp: int, *, note: bool, name: str = FUTURE) -> int:
        """When this stamp was first met: now, unless it was noted before. Without `note` nothing is written down."""
        path, now = self._path(name), clock.now()
        known = statefile.load(_Met, path)
        if known and known.stamp == stamp and known.met <= now + SLACK:
            return known.met
        if note:
            statefile.save(path, _Met(stamp, now), durable=False)
        return now

    def gone_since(self, *, note: bool = True) -> int:
        """When the folder of the worktree was first found to be gone (seconds since 1970), with no sign of life since.

        It may have been moved by hand, or lie on a volume that is mounted now and then, and somebody works there.
        """
        return self.met(self._signs(), note=note, name=GONE)

    def back(self) -> None:
        """The folder is there: that it was gone once is forgotten. Harmless where nothing can be written: then nothing could be noted."""
        with suppress(LocalStorage):
            files.remove(self._path(GONE))

    def _signs(self) -> int:
        """A number that is another one once anybody has worked in the worktree: by git's files for it, and the end of its log.

        Not by the time of the log: git itself writes that anew when it tidies up.
        """
        newest = 0
        for name in files.names(self._git_dir):
            entry = os.lstat(self._path(name))
            if name not in {GONE, FUTURE} and not stat.S_ISDIR(entry.st_mode):
                newest = max(newest, entry.st_mtime_ns)
        log = files.read(self._path("logs/HEAD")) or b""
        return newest ^ zlib.crc32(log.rstrip(b"\n").rpartition(b"\n")[2])

    @cached_property
    def _spans(self) -> list[tuple[int, ...]]:
        return self._load_spans()

    def _load_spans(self) -> list[tuple[int, ...]]:
        """The spans of upkeep, in nanoseconds, oldest first. Empty when there are none or they cannot be read."""
        note = statefile.load(_Spans, self._path(UPKEEP))
        return list(note.spans) if note else []

    def _save_spans(self, spans: list[tuple[int, ...]]) -> None:
        statefile.save(self._path(UPKEEP), _Spans(tuple(spans[-_MOST:])), durable=False)

    def _touch(self, spans: list[tuple[int, ...]]) -> int:
        """The present time of the file system, by writing the file anew."""
        self._save_spans(spans)
        return files.changed_at(self._path(UPKEEP))

    def _path(self, name: str) -> str:
        return os.path.join(self._git_dir, name)
