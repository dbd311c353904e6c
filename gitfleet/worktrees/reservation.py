"""Who was handed a worktree last, so that nobody else is handed it before that one is at work there.

Between `worktree ensure` and the first sign of the session in the tree (its process, its registration) there is nothing
but this note. It holds while the process that asked lives, and at most HOLDS seconds: a caller that wants a worktree and
never goes there must not keep it for ever.
"""

from __future__ import annotations

import os
from collections.abc import Collection

from gitfleet.base import clock, files, statefile
from gitfleet.base.identity import ProcessIdentity, identify, state
from gitfleet.base.ids import is_name
from gitfleet.base.statefile import PROCESS
from gitfleet.codec import WHOLE, Struct, Text, field

NAME = "gitfleet-taken.json"
HOLDS = 15 * 60


class Reservation(Struct):
    """Handed out at `at` (seconds since 1970) to `process` (None: unknown), for the session with the id `session` ("": any)."""

    at: int = field(WHOLE)
    process: ProcessIdentity | None = field(PROCESS, default=None)
    session: str = field(Text[str](valid=lambda text: not text or is_name(text)), default="")

    @property
    def stands(self) -> bool:
        """Whether it still keeps others away. A time in the future, after a clock was set back, does not count for ever."""
        if not -HOLDS < clock.now() - self.at < HOLDS:
            return False
        return self.process is None or state(self.process) != "dead"


def read(git_dir: str) -> Reservation | None:
    """The note in a worktree's git dir; None without one that can be read."""
    return statefile.load(Reservation, os.path.join(git_dir, NAME))


def session(git_dir: str) -> str:
    """The id of the session that a worktree was handed out for and that has not come yet; "" for none."""
    note = read(git_dir)
    return note.session if note else ""


def stands(git_dir: str, *, besides: Collection[int] = ()) -> bool:
    """Whether the worktree was handed out a moment ago, and is kept for a process that is none of `besides` (pids)."""
    note = read(git_dir)
    return note is not None and note.stands and not (note.process and note.process.pid in besides)


def write(git_dir: str, pid: int, session: str = "") -> None:
    """Note that the worktree is handed out now to the process `pid`, for `session`. The caller holds the worktrees' lock."""
    statefile.save(os.path.join(git_dir, NAME), Reservation(clock.now(), identify(pid), session))


def clear(git_dir: str) -> None:
    """Let go of it."""
    files.remove(os.path.join(git_dir, NAME))
