"""Why a job that is queued does not start, in words.

The daemon writes down what only it knows (`waits.json`: what limits hold, and what else holds jobs back); all else is seen in the
store, by any process.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping

from gitfleet.base import clock, files, identity, statefile
from gitfleet.base.identity import ProcessIdentity
from gitfleet.base.statefile import PROCESS
from gitfleet.codec import TEXT, WHOLE, Maybe, Struct, Table, Text, field, replace
from gitfleet.jobs import admission
from gitfleet.jobs.attempts import postponing
from gitfleet.jobs.records.job_record import JobRecord
from gitfleet.jobs.records.store import JobStore
from gitfleet.jobs.words import JobStatus

FILE = "waits.json"
ANY = "any node that has its agent may take it"
NOBODY = "nobody runs jobs here"
_RUN = " run"


class HeldBack(Struct):
    """What the daemon `process` goes by: jobs at once of each agent that it knows (`limits`), and of all (`fleet`, None: any number);
    the agents of the jobs that run, by id; `held`: why jobs that limits would admit do not start, by id.
    """

    process: ProcessIdentity | None = field(PROCESS, default=None)
    limits: Mapping[str, int] = field(Table(WHOLE), default={})
    fleet: int | None = field(Maybe(WHOLE), default=None)
    running: Mapping[str, str] = field(Table(TEXT), default={})
    held: Mapping[str, str] = field(Table(Text[str](1 << 14, cut=True)), default={})

    @property
    def alive(self) -> bool:
        """Whether that daemon runs."""
        return self.process is not None and identity.state(self.process) != "dead"


def again_at(job: JobRecord) -> str:
    """That it waits until some moment before it is tried again; "" when that has come."""
    if job.not_before <= clock.milliseconds():
        return ""
    before = job.attempts[-1] if job.attempts else None
    how = f"attempt {before.number} ended with {before.outcome}; " if before else ""
    if before and postponing.in_vain(job):
        how = f"attempt {before.number} could not begin: {postponing.words(job)}; "
    return f"{how}the next one is due at {clock.iso(-(-job.not_before // 1000))}"


def reasons(store: JobStore, jobs: Iterable[JobRecord]) -> dict[str, str]:
    """Why each of these that is queued does not start, by id."""
    queued = [job for job in jobs if job.status is JobStatus.QUEUED]
    if not queued:
        return {}
    waits = load(store)
    running = Counter(waits.running.values())
    found = {job.id: ANY if job.offered else again_at(job) or _why(job, waits, running) for job in queued}
    full = [job for job in queued if found[job.id].endswith(_RUN)]
    line = _line(store, waits) if full else []
    for job in full:
        if before := _before(job, line, alone=not _is_full(waits, running)):
            found[job.id] += f"; jobs before it: {before}"
    return found


def _line(store: JobStore, waits: HeldBack) -> list[JobRecord]:
    """The queued jobs that nothing but limits keeps back, in the order in which they start."""
    return admission.ordered(
        job
        for job in store.open_jobs()
        if job.status is JobStatus.QUEUED
        and job.id not in waits.held
        and waits.limits.get(job.agent_name)
        and not again_at(job)
    )


def _before(job: JobRecord, line: Iterable[JobRecord], *, alone: bool) -> int:
    """How many go first: of its agent where that is what is full (`alone`), of all where that is."""
    same = [one.id for one in line if not alone or one.agent_name == job.agent_name]
    return same.index(job.id) if job.id in same else 0


def _is_full(waits: HeldBack, running: Mapping[str, int]) -> bool:
    return waits.fleet is not None and sum(running.values()) >= waits.fleet


def _why(job: JobRecord, waits: HeldBack, running: Mapping[str, int]) -> str:
    if not waits.alive:
        return NOBODY
    if held := waits.held.get(job.id):
        return held
    agent, limit = job.agent_name, waits.limits.get(job.agent_name, 0)
    if not limit:
        return f"there is no agent {agent} any more"
    if _is_full(waits, running):
        return f"{sum(running.values())} of {waits.fleet} jobs{_RUN}"
    if running.get(agent, 0) >= limit:
        return f"{running[agent]} of {limit} jobs of {agent}{_RUN}"
    return "it is about to start"


def load(store: JobStore) -> HeldBack:
    """What the daemon has written down; nothing where none has."""
    return statefile.load(HeldBack, os.path.join(store.folder, FILE)) or HeldBack()


class HeldNotice:
    """The daemon's side: writes it down when it has changed."""

    def __init__(self, store: JobStore) -> None:
        self._path = os.path.join(store.folder, FILE)
        self._process = identity.identify(os.getpid())
        self._said = HeldBack()

    def tell(self, now: HeldBack) -> None:
        """Write it down, as what we go by. Raises LocalStorage."""
        now = replace(now, process=self._process)
        if now != self._said:
            statefile.save(self._path, now, mode=0o600, durable=False)
            self._said = now

    def forget(self) -> None:
        """Nobody runs the jobs any more."""
        files.remove(self._path)
