"""The worktrees that jobs have used, so that they go by themselves, with or without a maintainer.

An attempt that gets a worktree notes it (`worktrees/SESSION` in the state directory: the clone that it is of). A manager looks at the notes
once an hour, and cleans up what was not used for a day, by the rules of every cleanup: what somebody is at work in, or what is kept nowhere
else, stays. A note that was looked at counts as new, so that what has to stay costs a look a day.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

from gitfleet.base import clock, files
from gitfleet.base.text import display
from gitfleet.clone import Clone
from gitfleet.errors import FleetError
from gitfleet.jobs.records.store import JobStore
from gitfleet.worktrees import cleanup
from gitfleet.worktrees.model import Managed
from gitfleet.worktrees.outcome import Outcome
from gitfleet.worktrees.removable import CleanupTerms
from gitfleet.worktrees.service import Selection

EVERY = 3600.0
"""Seconds between two looks."""
_FOLDER, _SECOND = "worktrees", 1_000_000_000
_AT_ONCE = 8


def note(store: JobStore, clone: Clone, managed: Managed) -> None:
    """A job is about to use this worktree. Raises LocalStorage."""
    place = clone.repository.main or clone.repository.common_dir
    path = os.path.join(files.folder(_folder(store), mode=0o700), managed.session)
    files.replace(path, os.fsencode(place))


class Tidied(NamedTuple):
    """How many notes were looked at, and what became of the worktrees that are there."""

    looked_at: int
    outcomes: Sequence[Outcome]


def clean(store: JobStore, terms: CleanupTerms | None = None) -> Tidied:
    """Clean up the worktrees that are due, a few of them at most. Raises what a cleanup raises."""
    terms, done = terms or CleanupTerms(prune_branches=False), list[Outcome]()
    due = _due(store, terms.ttl)
    for place, sessions in due.items():
        done += _cleaned(store, place, sessions, terms)
    return Tidied(sum(map(len, due.values())), done)


def _due(store: JobStore, ttl: int) -> Mapping[str, Sequence[str]]:
    """The sessions whose worktrees were not used for so many seconds, by their clone; those of jobs that have not ended are not among them."""
    folder, latest, found = _folder(store), (clock.now() - ttl) * _SECOND, dict[str, list[str]]()
    due = [name for name in files.names(folder) if files.changed_at(os.path.join(folder, name)) <= latest]
    if not due:
        return found
    attempts = [one for job in store.open_jobs() for one in job.attempts]
    trees = {name for one in attempts for name in (one.session, os.path.basename(one.worktree))}
    for name in [name for name in due if name not in trees][:_AT_ONCE]:
        place = os.fsdecode(files.read(os.path.join(folder, name)) or b"")
        found.setdefault(place, []).append(name)
    return found


def _cleaned(store: JobStore, place: str, sessions: Sequence[str], terms: CleanupTerms) -> list[Outcome]:
    folder = _folder(store)
    for name in sessions:  # first: what cannot be cleaned up keeps nobody from the others
        files.touch(os.path.join(folder, name))
    if not os.path.isdir(place):
        return []
    with Clone.open(place) as clone:
        there = {managed.session for managed, _ in clone.worktrees.look().managed}
        wanted = [name for name in sessions if name in there]
        found = cleanup.clean(clone.worktrees, Selection(sessions=wanted), terms).outcomes if wanted else []
        left = {managed.session for managed, _ in clone.worktrees.look().managed}
    for name in sessions:
        if name not in left:
            files.remove(os.path.join(folder, name))
    return list(found)


def _folder(store: JobStore) -> str:
    return os.path.join(store.folder, _FOLDER)


class WorktreesTidied:
    """It looks once an hour while a manager runs. `start` and `close` may follow each other again; for the event loop."""

    def __init__(self, store: JobStore, log: logging.Logger) -> None:
        self._store, self._log = store, log
        self._task: asyncio.Task[None] | None = None
        self._look: asyncio.Future[bool] | None = None

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """End, after the few worktrees that are looked at just now."""
        if self._task is None:
            return
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
        if self._look is not None:
            await self._look
        self._task = self._look = None

    async def _run(self) -> None:
        while True:
            self._look = asyncio.ensure_future(asyncio.to_thread(self._more))
            if not await asyncio.shield(self._look):
                await asyncio.sleep(EVERY)

    def _more(self) -> bool:
        """Clean up a few; whether there may be more."""
        try:
            done = clean(self._store)
        except (FleetError, OSError) as error:
            self._log.warning("worktrees of jobs were not cleaned up: %s", error)
            return False
        except Exception:  # noqa: BLE001 - they stay as they are, and are looked at again
            self._log.exception("worktrees of jobs were not cleaned up")
            return False
        for one in done.outcomes:
            if one.failed:
                self._log.warning("the worktree %s was not cleaned up: %s", display(one.path), one.reason)
            elif one.result != "kept":
                self._log.info("the worktree %s was %s: %s", display(one.path), one.result, one.reason)
        return done.looked_at >= _AT_ONCE
