"""How much disk a worktree takes, looked at in small pieces between everything else: at most a twentieth of the time."""

from __future__ import annotations

import time

from gitfleet.base import disk

_AT_ONCE = 400
"""Entries of a piece: some milliseconds."""
_REST = 20
"""For each moment of looking, so many without."""
_LEAST_PAUSE = 1.0


class DiskWatch:
    """The folder `path`, which may take `limit` bytes. Moments in seconds of the monotonic clock."""

    def __init__(self, path: str, limit: int) -> None:
        self._path, self._limit = path, limit
        self.due = 0.0
        """When to look next."""
        self._walk = disk.sizes(path)
        self._found = 0
        self._spent = 0.0

    def passed(self) -> bool:
        """Look at the next piece; whether more than the limit was found, in the walk that is under way."""
        began = time.monotonic()
        more = self._piece()
        now = time.monotonic()
        self._spent += now - began
        if more:
            self.due = now + (now - began) * _REST
        else:
            self.due = now + max(_LEAST_PAUSE, self._spent * _REST)
            self._walk, self._spent = disk.sizes(self._path), 0.0
        found = self._found
        self._found = found if more else 0
        return found > self._limit

    def words(self) -> str:
        """What is said where the limit is passed."""
        return f"its worktree takes more disk than limits.disk allows ({self._limit / (1 << 20):.1f} MiB)"

    def _piece(self) -> bool:
        """Whether there is more to look at."""
        for _ in range(_AT_ONCE):
            size = next(self._walk, None)
            if size is None:
                return False
            self._found += size
        return True
