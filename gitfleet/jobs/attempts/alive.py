"""The sign of life of the sessions of jobs that run: one look for all of them, however many there are.

As of any session, leases are renewed at a third of the shortest, and only if something happened since: the agent wrote something, or
its worktree changed. One that hangs keeps its session, but its claims lapse like anybody's.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable

from gitfleet.base import clock, uptime
from gitfleet.base.names import SessionId
from gitfleet.claims import leases, model
from gitfleet.claims.model import Claim
from gitfleet.clone import Clone
from gitfleet.errors import FleetError
from gitfleet.git.repository import Repository, discover
from gitfleet.jobs import outputs
from gitfleet.jobs.beside_loop import BesideLoop
from gitfleet.jobs.records.store import JobStore
from gitfleet.launching import keep_alive
from gitfleet.ledger.model import SESSION, Actor, Status, View
from gitfleet.sessions import session_records, session_rules


class _AtWork:
    """One of these sessions; `seen` is what it was at when it was renewed last, as far as that was looked at."""

    def __init__(self, store: JobStore, job_id: str) -> None:
        attempt = store.get(job_id).attempts[-1]
        self.session, self.worktree = SessionId(attempt.session), attempt.worktree
        self.repository: Repository = discover(attempt.worktree)
        self._stream = outputs.streams(store, job_id)[-1]
        self.seen: tuple[int, object] = (0, None)

    def now(self) -> tuple[int, object]:
        """What it is at. Costs a git process where it has written nothing since."""
        try:
            written = os.path.getsize(self._stream)
        except OSError:
            written = 0
        if written != self.seen[0]:
            return written, self.seen[1]
        return written, keep_alive.tree(self.worktree, self.repository.git_dir)


class SessionsAlive:
    """For one event loop; `call` does what blocks beside it."""

    def __init__(self, store: JobStore, call: BesideLoop) -> None:
        self._store, self._call = store, call
        self._known: dict[str, _AtWork | None] = {}
        self._task: asyncio.Task[None] | None = None

    def add(self, job_id: str) -> None:
        """Look after the session of the job's last attempt, which runs."""
        self._known[job_id] = None
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._go_on())

    def drop(self, job_id: str) -> None:
        """Do not any more."""
        self._known.pop(job_id, None)
        if not self._known and self._task is not None:
            self._task.cancel()
            self._task = None

    def look(self) -> list[SessionId]:
        """Renew those that are due and have worked; which those are. Blocks; one process for each repository, however many are not due."""
        groups: dict[str, list[_AtWork]] = {}
        for one in self._there():
            groups.setdefault(one.repository.common_dir, []).append(one)
        renewed: list[SessionId] = []
        for group in groups.values():
            try:
                with Clone.of(group[0].repository) as clone:
                    renewed += _renewed(clone, group)
            except (FleetError, OSError):  # it is looked at again, long before a lease is over
                continue
        return renewed

    async def _go_on(self) -> None:
        while self._known:
            await asyncio.sleep(keep_alive.EVERY)
            await self._call(self.look)

    def _there(self) -> Iterable[_AtWork]:
        for job_id, known in list(self._known.items()):
            try:
                one = known or _AtWork(self._store, job_id)
            except (FleetError, IndexError):  # its agent has taken its worktree away, or it has ended
                continue
            if known is None and job_id in self._known:
                self._known[job_id] = one
            if os.path.isdir(one.worktree):
                yield one


def _renewed(clone: Clone, group: Iterable[_AtWork]) -> list[SessionId]:
    view = clone.current().view
    due = [one for one in group if _is_due(view, one.session, clone.policy.ttl)]
    now = {one.session: (one, found) for one in due if (found := one.now()) != one.seen}
    if not now:
        return []
    asked = [
        clone.ledger.operation(session_rules.renew, Actor(SESSION, name), session_rules.Renew())
        for name in now
    ]
    failed = {
        one.operation for one in clone.ledger.submit(asked) if one.status in {Status.REFUSED, Status.FAILED}
    }
    done = [SessionId(one.session) for one in asked if one.id not in failed]
    for name in done:
        one, found = now[name]
        one.seen = found
    return done


def _is_due(view: View, session: SessionId, ttl: int) -> bool:
    known = session_records.known(view, session)
    if known is None:
        return False
    held = [one.ttl for one in model.of_session(view, session) if isinstance(one, Claim)]
    idle = leases.idle(known, clock.now(), uptime.stamp())
    return idle is None or idle >= min([ttl, *held]) / 3
