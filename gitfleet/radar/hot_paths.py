"""The paths over which branches conflict again and again, as this clone's radar has seen them.

A conflict counts once, when it comes, however long it stays. What nobody has conflicted over for 30 days is forgotten.
Whoever claims such a path is told.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping

from gitfleet.base import clock, statefile
from gitfleet.claims import model
from gitfleet.claims.model import Claim
from gitfleet.codec import TEXT, WHOLE, Many, One, Struct, Table, field
from gitfleet.patterns import language

HOT = 2
"""So many conflicts make a path hot."""
MOST = 1000
DAYS = 30


class HotPath(Struct):
    """How often branches conflicted over a path, and when the last time began (seconds)."""

    count: int = field(WHOLE)
    last: int = field(WHOLE)


class _SeenConflicts(Struct):
    """`now` are the conflicts of the last round, each as a pair's id and a path with a zero byte between."""

    paths: Mapping[str, HotPath] = field(Table(One(HotPath)), default={})
    now: tuple[str, ...] = field(Many(TEXT), default=())


class HotPaths:
    """What one clone has seen."""

    def __init__(self, state: str) -> None:
        self._path = os.path.join(state, "hot.json")

    def note(self, conflicts: Collection[tuple[str, str]]) -> None:
        """Note the conflicts of a round, each a pair's id and a path. Callers take turns."""
        seen, at = self._load(), clock.now()
        now = {f"{pair}\0{path}" for pair, path in conflicts}
        if now == set(seen.now):
            return
        paths = dict(seen.paths)
        for one in now - set(seen.now):
            path = one.partition("\0")[2]
            paths[path] = HotPath(paths[path].count + 1 if path in paths else 1, at)
        kept = sorted(paths.items(), key=lambda item: item[1].last)[-MOST:]
        fresh = {path: hot for path, hot in kept if at - hot.last < DAYS * 86400}
        statefile.save(self._path, _SeenConflicts(fresh, tuple(sorted(now))))

    def top(self) -> list[tuple[str, HotPath]]:
        """All that is known, the hottest first."""
        return sorted(self._load().paths.items(), key=lambda item: (-item[1].count, item[0]))

    def among(self, claims: Iterable[Claim], *, case_sensitive: bool) -> list[tuple[str, HotPath]]:
        """The hot paths that claims cover. Costs one look at a file where there are none."""
        hot = [(path, one) for path, one in self.top() if one.count >= HOT]
        if not hot:
            return []
        wanted = [one for claim in claims if not (one := model.parsed(claim.pattern)).units]
        return [
            (path, one)
            for path, one in hot
            if any(language.matches(pattern, path, case_sensitive=case_sensitive) for pattern in wanted)
        ]

    def _load(self) -> _SeenConflicts:
        return statefile.load(_SeenConflicts, self._path) or _SeenConflicts()
