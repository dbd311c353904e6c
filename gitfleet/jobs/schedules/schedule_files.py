"""What is kept of schedules in the state directory: one file for each of them and each purpose, replaced whole.

schedules/switches/AGENT@NAME.json    whether somebody switched it on or off
schedules/plans/AGENT@NAME.json       when it fires next, and what came of the last time; of the daemon's ticker alone
schedules/own/AGENT@NAME.json         one that an agent gave itself
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from typing import Generic, TypeVar

from gitfleet.base import files, ids, statefile
from gitfleet.codec import Struct, Whole
from gitfleet.jobs.definitions import values

S = TypeVar("S", bound=Struct)
MOMENT = Whole(0, 1 << 53)
"""A time or a length of time in milliseconds, as a file here may have it."""
SWITCHES, PLANS, OWN = "switches", "plans", "own"
_BETWEEN, _END = "@", ".json"


class ScheduleShelf(Generic[S]):
    """The files of one purpose. Names are those that an agent file may have."""

    def __init__(self, kind: type[S], state: str, purpose: str) -> None:
        self._kind = kind
        self.folder = os.path.join(state, "schedules", purpose)

    def get(self, agent: str, schedule: str) -> S | None:
        """What is kept of this schedule; None where nothing is, or nothing that can be read."""
        return statefile.load(self._kind, self._path(agent, schedule))

    def there(self, agent: str, schedule: str) -> bool:
        """Whether anything is, readable or not."""
        return os.path.lexists(self._path(agent, schedule))

    def put(self, agent: str, schedule: str, value: S) -> None:
        """Keep it. Atomic. Raises LocalStorage."""
        files.folder(self.folder, mode=0o700)
        statefile.save(self._path(agent, schedule), value, mode=0o600)

    def drop(self, agent: str, schedule: str) -> bool:
        """Keep it no longer; whether it was kept."""
        return files.remove(self._path(agent, schedule))

    def names(self) -> Iterator[tuple[str, str]]:
        """Agent and name of each schedule that something is kept of."""
        for file in files.names(self.folder):
            agent, _, schedule = file.removesuffix(_END).partition(_BETWEEN)
            if file.endswith(_END) and ids.is_name(agent) and ids.is_name(schedule):
                yield agent, schedule

    def stamps(self) -> dict[str, tuple[int, int]]:
        """Something that is another whenever a file was kept or dropped."""
        found = {}
        with suppress(OSError):
            for one in os.scandir(self.folder):
                there = one.stat(follow_symlinks=False)
                found[one.name] = there.st_ino, there.st_mtime_ns
        return found

    def _path(self, agent: str, schedule: str) -> str:
        return os.path.join(self.folder, values.name(agent) + _BETWEEN + values.name(schedule) + _END)
