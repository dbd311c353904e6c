"""The jobs of one state directory, for any number of processes, with no event loop and no daemon.

    jobs/AAAAAA/BB/ID/record.json    a job, filed by its time; beside it a folder for each attempt
    open/ID                          empty: this job has not ended
    ended/AGENT/ID.STATUS            empty: this job has
    expecting/ID                     empty: more is to come of its work, ended or not
    archiving/ID, archived/ID        see `archive_marks`

A record is replaced whole, under `lock`; who only reads takes no lock. A job is in `open` before it has a record, and leaves it
after the record says how it ended: so a crash at any point leaves one that `mend` or the next daemon puts right.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Collection, Iterable, Iterator, Set

from gitfleet.base import clock, files, plain_json
from gitfleet.base.locks import NodeLock
from gitfleet.base.text import display
from gitfleet.codec import Struct, replace
from gitfleet.errors import LocalStorage, UsageError
from gitfleet.jobs.errors import JobNotFoundError
from gitfleet.jobs.records import job_ids, news
from gitfleet.jobs.records.archive_marks import ArchiveMarks
from gitfleet.jobs.records.job_record import JobRecord
from gitfleet.jobs.shepherd import lease
from gitfleet.jobs.words import JobStatus

RECORD = "record.json"
KEPT = 100
"""Ended jobs of each agent that are kept, unless told otherwise."""
_PATIENCE = 30.0
_YOUNG = 1000  # milliseconds


class JobFilter(Struct):
    """Which jobs are asked for, newest first: of an agent, with one of these statuses, made in `since` <= time < `until` (ms)."""

    agent_name: str = ""
    statuses: Collection[str] = ()
    since: int = 0
    until: int = 0
    limit: int = 0

    def admits(self, job: JobRecord) -> bool:
        """Whether a job is one of these."""
        return (
            (not self.agent_name or job.agent_name == self.agent_name)
            and (not self.statuses or job.status in self.statuses)
            and job.created_at >= self.since
            and (not self.until or job.created_at < self.until)
        )


class JobStore:
    """See the module. Raises UsageError where something else than a folder is there."""

    def __init__(self, folder: str) -> None:
        self.folder = os.path.abspath(folder)
        self._read_last: dict[str, tuple[tuple[int, ...], JobRecord]] = {}
        if os.path.lexists(self.folder) and not os.path.isdir(self.folder):
            raise UsageError(
                f"{display(self.folder)} is no folder.", hint="Name the folder that jobs are kept in."
            )

    @property
    def bell(self) -> str:
        """The folder that daemons watch."""
        return self._open()

    @property
    def marks(self) -> ArchiveMarks:
        """Which jobs have to be told to other nodes."""
        return ArchiveMarks(self.folder)

    @property
    def lock(self) -> NodeLock:
        """Held while a record changes, for a moment. A new object each time."""
        files.folder(self.folder, mode=0o700)
        return NodeLock(os.path.join(self.folder, "store.lock"))

    def create(self, job: JobRecord) -> JobRecord:
        """Keep a new job. Raises LocalStorage."""
        with self.lock.held(_PATIENCE):
            home = self._home(job.id)
            files.touch(os.path.join(files.folder(self._open()), job.id))
            files.folder(home, mode=0o700)
            _save(home, job)
        self.ring()  # whoever heard of the name above may have looked before there was a record
        return job

    def get(self, job_id: str) -> JobRecord:
        """The job as it is now. Raises JobNotFoundError, also for one whose record cannot be read; that is kept as it is."""
        path = os.path.join(self._home(job_id), RECORD)
        try:
            if (data := files.read(path)) is not None:
                return JobRecord.decode(plain_json.load(data))
        except (ValueError, PermissionError, LocalStorage) as error:
            raise job_ids.unreadable(job_id, path) from error
        raise job_ids.missing(job_id)

    def has(self, job_id: str) -> bool:
        """Whether a job of this id was kept, readable or not."""
        return os.path.lexists(os.path.join(self._home(job_id), RECORD))

    def update(self, job_id: str, change: Callable[[JobRecord], JobRecord]) -> JobRecord:
        """The job after `change`, which sees it as it is, and nobody changes it meanwhile. Raises JobNotFoundError, LocalStorage.

        One that has ended stays as it is.
        """
        with self.lock.held(_PATIENCE):
            before = self.get(job_id)
            after = before if before.ended else change(before)
            if after != before:
                _save(self._home(job_id), after)
            if after.ended:
                self._file(after)
        return after

    def reopen(self, job_id: str, change: Callable[[JobRecord], JobRecord]) -> JobRecord:
        """The job after `change`, which sees it ended, and may raise; from then on it counts among those that have not.

        Raises JobNotFoundError, LocalStorage.
        """
        with self.lock.held(_PATIENCE):
            before = self.get(job_id)
            after = change(before)
            files.touch(os.path.join(files.folder(self._open()), job_id))
            # Its mark goes first: retention goes by it, and would take a job that runs.
            files.remove(os.path.join(self._ended(), before.agent_name, f"{job_id}.{before.status}"))
            _save(self._home(job_id), after)
        return after

    def amend(self, job_id: str, change: Callable[[JobRecord], JobRecord]) -> JobRecord:
        """The job after `change` of what became of its work, which goes on after its end. Raises JobNotFoundError, LocalStorage."""
        with self.lock.held(_PATIENCE):
            before = self.get(job_id)
            after = replace(change(before), status=before.status, outcome=before.outcome)
            if after != before:
                if after.ended:
                    self.marks.want(job_id)
                _save(self._home(job_id), after)
        return after

    def expect(self, job_id: str) -> None:
        """More is to come of the job's work: it is looked after, and kept. Twice is harmless."""
        files.touch(os.path.join(files.folder(self.expecting), job_id))

    def expected(self) -> list[str]:
        """The jobs of which that was said, oldest first."""
        return [name for name in files.names(self.expecting) if job_ids.is_id(name)]

    def settle(self, job_id: str) -> None:
        """Nothing more is to come of it."""
        files.remove(os.path.join(self.expecting, job_ids.check(job_id)))

    @property
    def expecting(self) -> str:
        """The folder of these names."""
        return os.path.join(self.folder, "expecting")

    def ring(self) -> None:
        """Have the daemon look: a change of a record alone makes no news."""
        news.ring(self.bell)

    def open_ids(self) -> list[str]:
        """The jobs that have not ended, oldest first; some may have ended just now, or have no record yet."""
        return [name for name in files.names(self._open()) if job_ids.is_id(name)]

    def open_jobs(self, sure: Set[str] = frozenset()) -> list[JobRecord]:
        """The same as records. One that has not changed since the last call is not read again; those that the caller is `sure` of
        are not even looked at: it alone may change them, but for their end.
        """
        names = files.names(self._open())
        known = self._read_last
        found = {job_id: known[job_id] for job_id in known.keys() & names & sure}
        for job_id in filter(job_ids.is_id, set(names) - found.keys()):
            now, before = _stamp(os.path.join(self._home(job_id), RECORD)), known.get(job_id)
            if before and now and before[0] == now:
                found[job_id] = before
            else:
                found |= {job.id: (now, job) for job in self._read([job_id]) if not job.ended}
        self._read_last = found
        return [found[job_id][1] for job_id in names if job_id in found]

    def those(self, job_ids: Iterable[str]) -> list[JobRecord]:
        """The jobs of these ids that are there."""
        return list(self._read(list(job_ids)))

    def find(self, wanted: JobFilter) -> list[JobRecord]:
        """The jobs that are asked for, newest first."""
        found = []
        for job in self._read(self._ids(wanted)):
            if job.created_at < wanted.since:
                break
            if wanted.admits(job):
                found.append(job)
                if len(found) == wanted.limit:
                    break
        return found

    def counts(self, but: Collection[str] = ()) -> dict[str, int]:
        """How many jobs have ended with each status, of those that are kept, `but` these."""
        counts = dict.fromkeys(JobStatus, 0)
        for agent in files.names(self._ended()):
            for name in files.names(os.path.join(self._ended(), agent)):
                job_id, _, status = name.partition(".")
                if status in counts and job_id not in but:
                    counts[JobStatus(status)] += 1
        return {str(status): count for status, count in counts.items() if count}

    def take_in(self, job: JobRecord) -> JobRecord:
        """Keep a job of the fleet that is ours now, by its fence. One that was here before, and has ended, waits again.

        A job of our own stays as it is, whatever the fleet has under its id.
        """
        with self.lock.held(_PATIENCE):
            home = self._home(job.id)
            files.touch(
                os.path.join(files.folder(self._open()), job.id)
            )  # `mend` puts it right where we end here
            files.folder(home, mode=0o700)
            for before in self._read([job.id]):
                if not before.fence:
                    return before
                if not before.ended:
                    job = replace(before, fence=job.fence)
                    continue
                files.remove(self._mark(before))
                earlier = before.attempts
                job = replace(job, started_at=before.started_at, attempts=earlier, earlier=len(earlier))
            _save(home, job)
        return job

    def lease_path(self, job_id: str) -> str:
        """Where it is noted until when a job of the fleet is ours."""
        return lease.path_in(self._home(job_id))

    def attempt_folder(self, job_id: str, number: int) -> str:
        """Where an attempt has its files; made, for its user alone."""
        return files.folder(self.attempt_place(job_id, number), mode=0o700)

    def attempt_place(self, job_id: str, number: int) -> str:
        """Where that is, made or not."""
        return os.path.join(self._home(job_id), f"attempt-{number}")

    def job_lock(self, job_id: str) -> NodeLock:
        """Held by whoever starts or ends an attempt of the job."""
        return NodeLock(os.path.join(self._home(job_id), "lock"))

    def mend(self) -> None:
        """Put right what a crash has left half done."""
        with self.lock.held(_PATIENCE):
            for job_id in self.open_ids():
                if not os.path.lexists(os.path.join(self._home(job_id), RECORD)):
                    files.remove(os.path.join(self._open(), job_id))
                for job in self._read([job_id]):  # one that cannot be read stays where it is
                    if job.ended:
                        self._file(job)

    def retain(self, per_agent: int = KEPT, total: int | None = None) -> list[str]:
        """Let go of the oldest ended jobs beyond these numbers, with all their files; their ids. One that has not ended is never touched."""
        with self.lock.held(_PATIENCE):
            ended = {agent: self._marks(agent) for agent in files.names(self._ended())}
            old = [
                (name, agent)
                for agent, names in ended.items()
                for name in names[: max(0, len(names) - per_agent)]
            ]
            if total is not None:
                rest = sorted((name, agent) for agent, names in ended.items() for name in names[-per_agent:])
                old += rest[: max(0, len(rest) - total)]
            kept = set(self.expected())
            old = [row for row in old if row[0].partition(".")[0] not in kept]
            for name, agent in old:
                self._forget(name, agent)
        return [name.partition(".")[0] for name, _ in old]

    def _forget(self, name: str, agent: str) -> None:
        job_id = name.partition(".")[0]
        home = self._home(job_id)
        self.marks.forget(job_id)
        with files.storage(home):
            shutil.rmtree(home, ignore_errors=True)
            for folder in (os.path.dirname(home), os.path.dirname(os.path.dirname(home))):
                try:
                    os.rmdir(folder)
                except OSError:
                    break
        files.remove(os.path.join(self._ended(), agent, name))

    def _file(self, job: JobRecord) -> None:
        self.marks.want(job.id)
        files.folder(os.path.join(self._ended(), job.agent_name))
        files.touch(self._mark(job))
        files.remove(os.path.join(self._open(), job.id))

    def _mark(self, job: JobRecord) -> str:
        return os.path.join(self._ended(), job.agent_name, f"{job.id}.{job.status}")

    def _read(self, names: Collection[str] | Iterator[str]) -> Iterator[JobRecord]:
        for job_id in names:
            try:
                yield self.get(job_id)
            except JobNotFoundError:  # it went away just now, or has yet to come, or cannot be read
                continue

    def _ids(self, wanted: JobFilter) -> Iterator[str]:
        """Newest first, and no more than the names alone tell to be wanted."""
        if wanted.agent_name or wanted.statuses:
            agents = [wanted.agent_name] if wanted.agent_name else files.names(self._ended())
            ends = tuple(f".{status}" for status in wanted.statuses or JobStatus)
            marks = (name for agent in agents for name in self._marks(agent, ends))
            yield from sorted({*(name.partition(".")[0] for name in marks), *self.open_ids()}, reverse=True)
            return
        top = os.path.join(self.folder, "jobs")
        for minutes in reversed(files.names(top)):
            for second in reversed(files.names(os.path.join(top, minutes))):
                for name in reversed(files.names(os.path.join(top, minutes, second))):
                    if job_ids.is_id(name):
                        yield name

    def _marks(self, agent: str, ends: tuple[str, ...] = ("",)) -> list[str]:
        if os.path.basename(agent) != agent or agent in {"", ".", ".."}:
            return []
        names = files.names(os.path.join(self._ended(), agent))
        return [name for name in names if name.endswith(ends) and job_ids.is_id(name.partition(".")[0])]

    def _home(self, job_id: str) -> str:
        return os.path.join(self.folder, "jobs", *job_ids.place(job_id), job_id)

    def _open(self) -> str:
        return os.path.join(self.folder, "open")

    def _ended(self) -> str:
        return os.path.join(self.folder, "ended")


def _stamp(path: str) -> tuple[int, ...]:
    """What changes when a record does; empty for one that is so young that the next change might bear the same time."""
    there = files.stamp(path)
    if there is None or clock.milliseconds() - there[0] // 1_000_000 < _YOUNG:
        return ()
    return there


def _save(home: str, job: JobRecord) -> None:
    """Costs are fractions, which canonical JSON has none of."""
    text = json.dumps(job.encode(), separators=(",", ":"))
    files.replace(os.path.join(home, RECORD), text.encode(), mode=0o600)
