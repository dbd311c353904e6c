"""The sessions of this clone as its own files tell of them: where their logs, processes and worktrees are, for whoever watches these."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence

from gitfleet.base import files
from gitfleet.codec import Struct
from gitfleet.sessions.local import Here, LocalSessions


class HereSessions(Struct):
    """The sessions of this clone: their logs, their processes, git's own folders of their worktrees, and those in each worktree (by real path)."""

    trees: Sequence[str] = ()
    logs: Sequence[str] = ()
    processes: Collection[int] = ()
    by_worktree: Mapping[str, Sequence[Here]] = {}


class SessionsHere:
    """Reads them, and again once one has come or gone. Any thread may ask."""

    def __init__(self, state: str, common_dir: str) -> None:
        self._local, self._common = LocalSessions(state), common_dir
        self._folder = os.path.join(state, "sessions")
        self._known: tuple[object, HereSessions] = None, HereSessions()

    def __call__(self) -> HereSessions:
        """Those of now. Costs one look at a folder where none has come or gone."""
        now = files.stamp(self._folder)
        if self._known[0] != now or now is None:
            self._known = now, _read(self._local, self._common)
        return self._known[1]


def _read(local: LocalSessions, common: str) -> HereSessions:
    everyone = local.all()
    by_worktree: dict[str, list[Here]] = {}
    for one in everyone:
        if one.worktree and "\0" not in one.worktree + one.log:
            by_worktree.setdefault(os.path.realpath(one.worktree), []).append(one)
    logs = [one.log for found in by_worktree.values() for one in found if one.log]
    processes = {one.process.pid for one in everyone if one.process is not None}
    trees = {os.path.join(common, "worktrees", one.tree) for one in everyone if one.tree not in {"", "."}}
    return HereSessions(sorted(trees), logs, processes, by_worktree)
