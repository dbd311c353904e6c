"""A running manager's part in the jobs of its fleet: what it could take, what it has, and which pools are paused.

One thread keeps up with the ledger: at once with what other processes of this clone do, by one fetch a minute with the hub. It renews
all leases of ours together, and stops what we have lost. Without a fleet there is nothing of all this.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import NamedTuple

from gitfleet.base import clock
from gitfleet.base.listening import Ear
from gitfleet.base.repeated_warning import RepeatedWarning
from gitfleet.base.watching import Bell
from gitfleet.clone import Clone
from gitfleet.dispatch import pools
from gitfleet.dispatch.model import SharedJob
from gitfleet.dispatch.pools import PoolPause
from gitfleet.dispatch.rules import LapsedLease
from gitfleet.errors import FleetError, NoFleet, NoRepository
from gitfleet.jobs.definitions.configuration import Configuration
from gitfleet.jobs.definitions.schema import Agent
from gitfleet.jobs.errors import JobNotFoundError
from gitfleet.jobs.records.job_record import JobRecord
from gitfleet.jobs.records.store import JobStore
from gitfleet.jobs.shared import desk, lapsed_leases, pausing, views
from gitfleet.jobs.shared.desk import SharedDesk
from gitfleet.jobs.shepherd import lease

POLL = 60.0
"""Seconds between two looks at the hub, where nothing here has asked it meanwhile."""
_FRESH = 5.0
"""Seconds for which a pool counts as seen, before something of it is started."""
_PATIENCE = 20.0
_SHORTEST = 60
"""Seconds that a lease of others must live, unless ours are shorter: one that is renewed too often would keep the hub busy."""
_BETWEEN = 0.05
_AGAIN = 20.0
"""Seconds until what the hub did not do is tried again."""


class Board(NamedTuple):
    """What the ledger said at `seen` (tip and what is tentative): jobs that have not ended, leases that are over, pools that are paused."""

    seen: object = None
    generation: int = -1
    jobs: tuple[SharedJob, ...] = ()
    lapsed: Mapping[str, LapsedLease] = {}
    pauses: Mapping[str, PoolPause] = {}


class SharedJobs:
    """See the module. A `Hold` of the dispatcher, and where it takes jobs from."""

    def __init__(
        self, store: JobStore, path: str, configuration: Callable[[], Configuration], log: logging.Logger
    ) -> None:
        self._store, self._path, self._configuration, self._log = store, path, configuration, log
        self._board = Board()
        self._ear = Ear("fleet news")
        self._clone: Clone | None = None
        self._desk: SharedDesk | None = None
        self._polled = self._renewed = -3600.0
        self._fault = RepeatedWarning(log)
        self._mine: set[str] = set()
        self._again: dict[str, float] = {}
        """Until when jobs are left alone, by id; "": until when all of them are."""
        self._away = False

    def start(self, changed: Callable[[], None]) -> None:
        """Hear of the fleet, where there is one; `changed` is called by a thread of ours when there may be something to do. Blocks."""
        try:
            self._clone = Clone.open(self._path)
        except (NoFleet, NoRepository):
            return
        self._desk = SharedDesk(self._clone.ledger, self._store)
        self._changed = changed
        self._mine = {job.id for job in self._store.open_jobs() if job.fence}
        self._step()
        self._ear.add(self._hear)

    def close(self) -> None:
        """Hear of nothing any more. What is ours stays ours as long as its leases live."""
        if self._clone is None:
            return
        self._ear.drop(self._hear)
        self._polled = clock.elapsed()  # nobody waits for the hub now
        self._step()
        self._clone.close()
        self._clone = self._desk = None

    def offers(self) -> list[JobRecord]:
        """The jobs that could be taken, as queued ones."""
        board, now = self._board, clock.elapsed()
        again = dict(self._again)
        if self._desk is None or now < again.get("", now):
            return []
        free = [
            one
            for one in board.jobs
            if (one.lease is None or one.id in board.lapsed) and now >= again.get(one.id, now)
        ]
        known = self._configuration()
        agents, least = known.agents, min(_SHORTEST, known.fleet.lease // 1000)
        return views.queued(
            one
            for one in free
            if one.ttl >= least and one.agent in agents and agents[one.agent].anywhere is not False
        )

    def take(self, jobs: list[JobRecord]) -> list[JobRecord]:
        """Take these, which `offers` had; those that are ours now. Where the hub cannot be asked, none are. Blocks."""
        found, board = self._desk, self._board
        if found is None:
            return []
        asked = {job.id: board.lapsed.get(job.id) for job in jobs}
        with found.turn:
            try:
                began = clock.elapsed()
                taken = found.take(asked)
                if not self._mine:  # what was had before is renewed in its own time, and this with it
                    self._renewed = began
                self._mine |= {job.id for job in taken}
                self._read()
            except (FleetError, OSError) as error:
                self._tell(error)
                self._away = True
                self._leave_alone([""], _AGAIN)
                return []
            free = {job.id for job in self._board.jobs if job.lease is None or job.id in self._board.lapsed}
            self._leave_alone(free & asked.keys() - self._mine, POLL)
            return taken

    def _leave_alone(self, jobs: Iterable[str], seconds: float) -> None:
        self._again = {**self._again, **dict.fromkeys(jobs, clock.elapsed() + seconds)}

    def hear(self) -> None:
        """Read at once what this clone knows of the fleet by now. Raises what reading the ledger does."""
        if self._desk is not None:
            with self._desk.turn:
                self._read()

    def refresh(self) -> None:
        """See `Hold`: pools that agents here belong to are looked at on the hub."""
        if self._desk is None or not any(agent.pool for agent in self._configuration().agents.values()):
            return
        if clock.elapsed() - self._polled > (_AGAIN if self._away else _FRESH):
            self._exchange()
        with self._desk.turn:
            self._read()

    def why(self, job: JobRecord, agent: Agent) -> str:
        """See `Hold`: its pool is paused, or its lease is not renewed."""
        pause = self._board.pauses.get(agent.pool or "")
        if pause is not None and pause.holds(clock.now()):
            return pausing.words(pause)
        if job.fence and not lease.left(self._store.lease_path(job.id), job.fence):
            return "its lease has to be renewed first"
        return ""

    def paused(self, pool: str | None) -> PoolPause | None:
        """The pause for which nothing of this pool is started now; None where it may be."""
        pause = self._board.pauses.get(pool or "")
        return pause if pause and pause.holds(clock.now()) else None

    def _hear(self, bell: Bell) -> float:
        assert self._clone is not None
        bell.arm([*self._clone.ledger.places(), self._store.bell])
        before = self._board[1:], self._waits(), len(self.offers())
        self._step()
        if (self._board[1:], self._waits(), len(self.offers())) != before or self._due_again():
            with suppress(RuntimeError):  # its loop is gone
                self._changed()
        clock.wait(_BETWEEN)
        return self._pause()

    def _step(self) -> None:
        assert self._desk is not None
        try:
            if clock.elapsed() >= self._poll_at():
                self._exchange()
            with self._desk.turn:
                self._read()
                self._keep()
        except (FleetError, OSError) as error:
            self._tell(error)
        except Exception:  # noqa: BLE001 - whatever it is, leases have to be renewed
            self._log.exception("the jobs of the fleet could not be looked after")

    def _exchange(self) -> None:
        """Hear of the hub, unless this clone has just heard of it."""
        assert self._clone is not None
        ledger = self._clone.ledger
        try:
            if ledger.outbox.tentative():
                ledger.sync()
            else:
                ledger.refresh(_PATIENCE)
            self._away = False
        except (FleetError, OSError) as error:
            self._tell(error)
            self._away = True
        self._polled = clock.elapsed()

    def _read(self) -> bool:
        """Read what the ledger says; whether that is other than before. For who has the desk's turn."""
        assert self._desk is not None
        ledger, before = self._desk.ledger, self._board
        state = ledger.current()
        seen = state.tip.oid, state.tentative
        board = before
        if seen != before.seen:
            jobs = tuple(desk.opened(ledger))
            pauses = {one.id: one for one in pools.pauses(state.view)}
            board = Board(seen, state.tip.generation, jobs, pauses=pauses)
        self._board = board._replace(lapsed=self._lapsed(board))
        return self._board != before

    def _lapsed(self, board: Board) -> dict[str, LapsedLease]:
        assert self._desk is not None
        ours = self._desk
        others = {job.id: job for job in board.jobs if job.lease and not ours.is_ours(job)}
        return lapsed_leases.lapsed(others, ours.ledger, f"jobs-{ours.place}")

    def _keep(self) -> None:
        """Make records and ledger agree, renew what is ours, and let go of what is not. For who has the desk's turn."""
        assert self._desk is not None
        own = {job.id: job for job in self._board.jobs if self._desk.is_ours(job)}
        records = self._desk.settle(list(own.values()))
        here = {record.id for record in records if not record.ended}
        self._leave_alone([record.id for record in records if desk.never_ran(record)], POLL)
        self._mine = {job_id for job_id in self._mine - own.keys() if self._is_going(job_id)} | here
        held = [job for job in own.values() if job.id in here]
        if held and clock.elapsed() >= self._renew_at(held):
            before, self._renewed = self._renewed, clock.elapsed()
            try:
                self._desk.renew(held)
            except BaseException:
                ttl = min(job.ttl for job in held)
                self._renewed = max(before, self._renewed - ttl / 3 + min(_AGAIN, ttl / 12))
                raise
            self._read()

    def _is_going(self, job_id: str) -> bool:
        """Whether a job that was ours has yet to end; it is let go of, if the ledger as we read it is not older than our lease."""
        assert self._desk is not None
        try:
            record = self._store.get(job_id)
        except JobNotFoundError:
            return False
        if record.fence <= self._board.generation:
            self._desk.let_go(job_id, record.fence)
        return not record.ended

    def _renew_at(self, held: list[SharedJob]) -> float:
        """When all that is ours is to be renewed: a third of the time after the last time, at once for what was not noted yet."""
        due = self._renewed + min(job.ttl for job in held) / 3
        fresh = all(lease.left(self._store.lease_path(job.id), job.lease.fence) for job in held if job.lease)
        return due if fresh else min(due, self._renewed + _AGAIN)

    def _poll_at(self) -> float:
        """When to look at the hub next: sooner where it was away."""
        return self._polled + (_AGAIN if self._away else POLL)

    def _due_again(self) -> bool:
        """Whether something is offered again that was left alone for a while."""
        assert self._desk is not None
        with self._desk.turn:
            now, before = clock.elapsed(), len(self._again)
            self._again = {one: until for one, until in self._again.items() if until > now}
            return len(self._again) < before

    def _waits(self) -> int:
        """How many pauses hold now."""
        return sum(pause.holds(clock.now()) for pause in self._board.pauses.values())

    def _pause(self) -> float:
        """Seconds until something is due."""
        now, board = clock.elapsed(), self._board
        due = [now + _AGAIN, self._poll_at(), *(until for until in self._again.values() if until > now)]
        due += [now + job.ttl / 6 for job in board.jobs if job.lease]
        wall = clock.now()
        due += [now + pause.until - wall for pause in board.pauses.values() if pause.until > wall]
        return max(0.0, min(due) - now)

    def _tell(self, error: Exception) -> None:
        self._fault.say(desk.again(error) if isinstance(error, FleetError) else str(error))
