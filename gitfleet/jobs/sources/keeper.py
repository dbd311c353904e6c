"""A running manager's part in the tasks of its jobs: it keeps their leases, and tells their sources what became of them.

One thread, which does nothing while no job has a task. It goes by the notes in the state directory, so it goes on with what a crash cut
short, and does nothing twice that matters. A job whose task is another one's by now is stopped.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial

from gitfleet.base import clock, files
from gitfleet.base.listening import Ear
from gitfleet.base.repeated_warning import RepeatedWarning
from gitfleet.base.watching import Bell
from gitfleet.codec import replace
from gitfleet.dispatch import work
from gitfleet.dispatch.work import GivenUp, HeldTask, RenewWork, TakenWork, WorkRenewed
from gitfleet.errors import FleetError
from gitfleet.jobs.definitions.configuration import Configuration
from gitfleet.jobs.definitions.schema import Agent
from gitfleet.jobs.errors import JobNotFoundError
from gitfleet.jobs.records import news
from gitfleet.jobs.records.job_record import JobRecord
from gitfleet.jobs.records.work_item import WorkItem
from gitfleet.jobs.shared.offering import fleet_of
from gitfleet.jobs.shepherd import control
from gitfleet.jobs.sources import known_sources, standing
from gitfleet.jobs.sources.notes import TaskNote
from gitfleet.jobs.sources.source import AskedSource, SourceAway, TaskReport, WorkSource
from gitfleet.jobs.sources.standing import TaskFate, TaskStanding
from gitfleet.jobs.sources.task_desk import TaskDesk
from gitfleet.jobs.words import AttemptOutcome, EndCause, JobStatus
from gitfleet.ledger.ledger import Ledger
from gitfleet.ledger.model import View

_DAY = 86_400.0
_LEAST = 1.0
"""Seconds between two looks, however much news there is."""
_AGAIN = 20.0
"""Seconds until what failed is tried again."""
_CERTAIN = 60.0
"""Seconds that a lease must have left to be gone by without asking: longer than a source may take to be told."""
_ORPHAN = 120
"""Seconds after which a note without a job is that of one that never came to be."""
_PATIENCE = 5.0
_ON_ITS_WAY = 60.0
"""Seconds between two looks at work that is to land."""
_ELSEWHERE = "somebody else has its task by now"
_SOURCELESS = "its agent no longer has the work source of its task; a copy of the job (fork) needs none"
_RENEWED = "its lease on its task has to be renewed first"
_ENDS: dict[JobStatus, GivenUp] = {JobStatus.COMPLETED: "done", JobStatus.FAILED: "failed"}


class TaskKeeper:
    """See the module. A `Hold` of the dispatcher: a job does not begin without its tasks. `start` and `close` may follow each other again."""

    def __init__(
        self, desk: TaskDesk, configuration: Callable[[], Configuration], log: logging.Logger
    ) -> None:
        self._desk, self._store = desk, desk.store
        self._configuration = configuration
        self._wanted: dict[str, JobRecord] = {}
        self._changed: Callable[[], None] | None = None
        self._ear = Ear("tasks", least=_LEAST, last=self._look_last)
        self._fault = RepeatedWarning(log, "%s What is left to do about tasks is tried again.")

    def start(self, changed: Callable[[], None]) -> None:
        """Begin. `changed` is called, in a thread of ours, when a job may begin that could not."""
        self._changed = changed
        self._ear.add(self._hear)

    def close(self) -> None:
        """End; what is at work just now may go on for a moment. Harmless where it has not started."""
        self._ear.drop(self._hear, _PATIENCE)
        self._changed = None

    def refresh(self) -> None:
        """See `Hold`."""

    def why(self, job: JobRecord, agent: Agent) -> str:
        """See `Hold`: a job whose lease is over waits until it is renewed."""
        if not any(item.source for item in job.items) or self._desk.left(job) > 0:
            return ""
        if known_sources.rules_of(agent, job.schedule_name) is None:
            return _SOURCELESS
        if job.id not in self._wanted:
            self._wanted[job.id] = job
            news.ring(self._desk.notes.folder)
        return _RENEWED

    def _hear(self, bell: Bell) -> float:
        folders = [files.folder(self._desk.notes.folder, mode=0o700), self._store.expecting]
        try:
            notes = list(self._desk.notes.each())
            bell.arm([*folders, self._store.bell] if notes else folders)
            return self.look() if notes or self._wanted else _DAY
        except Exception as error:  # noqa: BLE001 - what is left to do stays so, and is looked at again
            self._fault.say(str(error))
            return _AGAIN

    def _look_last(self) -> None:
        with suppress(Exception):  # what cannot be told now is told by the next manager
            self.look()

    def look(self) -> float:
        """Do what can be done now; seconds until there is more to do."""
        self._adopt()
        pause = _DAY
        with fleet_of(self._desk.path) as clone:
            if clone is None:
                return pause
            for note in list(self._desk.notes.each()):
                try:
                    pause = min(pause, self._looked(clone.ledger, note))
                except SourceAway as error:
                    self._fault.say(str(error))
                    pause = min(pause, max(error.pause, _AGAIN))
                except (FleetError, OSError, ValueError) as error:
                    self._fault.say(str(error))
                    pause = min(pause, _AGAIN)
        return pause

    def renew(self) -> None:
        """Have the jobs that wait have their tasks, without a word to any source: then they may begin. Blocks."""
        self._wanted |= {
            job.id: job for job in self._store.open_jobs() if any(item.source for item in job.items)
        }
        if not self._wanted:
            return
        waiting = list(self._wanted)
        try:
            self._adopt()
            with fleet_of(self._desk.path) as clone:
                for note in filter(None, map(self._desk.notes.get, waiting)) if clone else ():
                    assert clone is not None
                    self._held(clone.ledger, note, self._store.get(note.job))
        except (FleetError, OSError, ValueError) as error:
            self._fault.say(str(error))

    def _held(self, ledger: Ledger, note: TaskNote, job: JobRecord) -> TaskNote | None:
        """The note of a job that has its tasks; None where it has not, and is stopped for that."""
        kept = None if job.ended else self._kept(ledger, note, job)
        if kept is None and not job.ended:
            self._let_go(job)
        return kept

    def _adopt(self) -> None:
        """Write notes of jobs that have tasks again: somebody has them run once more."""
        while self._wanted:
            _, job = self._wanted.popitem()
            known = self._configuration().agents.get(job.agent_name)
            rules = known_sources.rules_of(known, job.schedule_name) if known else None
            if self._desk.notes.get(job.id) is not None or job.ended or rules is None:
                continue
            if self._desk.source(rules).source.id == job.items[0].source:
                items = tuple(replace(item, fence=0) for item in job.items)
                self._desk.notes.put(TaskNote(job.id, rules.model_dump_json(), items, clock.now()))

    def _looked(self, ledger: Ledger, note: TaskNote) -> float:
        asked = self._desk.source(note.source)
        try:
            job = self._store.get(note.job)
        except JobNotFoundError:
            if self._store.has(note.job):  # it cannot be read just now: unknown means keep
                return work.TTL / 6
            return self._orphaned(ledger, note)
        if job.ended:
            return self._ended_by(ledger, asked, note, job)
        kept = self._held(ledger, note, job)
        if kept is None:
            return 0.0  # as soon as it has ended
        self._say_begun(asked, kept, job)
        return work.TTL / 6

    def _say_begun(self, asked: AskedSource, kept: TaskNote, job: JobRecord) -> None:
        """Tell the source once that a job does these tasks; also of one that was quicker than we were, as long as its work is to land."""
        if not kept.begun:
            for item in kept.items:
                asked.ask(partial(_begun, item, TaskReport(job.id, item.version)))
            self._desk.notes.put(replace(kept, begun=True))

    def _ended_by(self, ledger: Ledger, asked: AskedSource, note: TaskNote, job: JobRecord) -> float:
        """The tasks of a job that has ended: they have, too, unless its work is yet to land."""
        found = standing.of(self._store, ledger.current().view, job)
        if found.standing is not TaskFate.UNDER_WAY:
            self._over(ledger, asked, note, job, found)
            return _DAY
        kept = self._kept(ledger, note, job, found.entry)
        if kept is not None:
            self._say_begun(asked, kept, job)
            return _ON_ITS_WAY
        self._desk.notes.drop(job.id)  # another one has it
        return _DAY

    def _orphaned(self, ledger: Ledger, note: TaskNote) -> float:
        """A note whose job never came to be, or is just being made."""
        left = note.at + _ORPHAN - clock.now()
        if 0 < left <= _ORPHAN:
            return float(left)
        mine = self._mine(ledger.current().view, ledger, note)
        self._desk.end(ledger, mine, "unused")
        self._desk.notes.drop(note.job)
        return _DAY

    def _kept(self, ledger: Ledger, note: TaskNote, job: JobRecord, entry: str = "") -> TaskNote | None:
        """The note of a job that has all of its tasks; None where another one has some of them. `entry`: the queue's that is to be known of them."""
        view = ledger.current().view
        mine = self._mine(view, ledger, note)
        if len(mine) < len(note.items):
            if not all(_may_be_ours(work.find(view, one.source, one.ref), one, job.id) for one in note.items):
                return None
            again = self._desk.again(ledger, note)
            return again and self._known(again, job)
        fences = {one.id: one.fence for one in mine}
        items = tuple(replace(item, fence=fences[work.key(item.ref)]) for item in note.items)
        if items != note.items or items != job.items:
            note = self._known(replace(note, items=items), job)
        tasks = [work.find(view, item.source, item.ref) for item in note.items]
        told = all(one.entry == entry for one in tasks if one)
        if self._desk.left(replace(job, items=items)) < work.TTL / 2 or (entry and not told):
            began = clock.elapsed()
            if len(self._renewed(ledger, mine, entry)) < len(mine):
                return None
            self._noted(note, began)
        return note

    def _renewed(self, ledger: Ledger, tasks: Sequence[HeldTask], entry: str = "") -> Sequence[HeldTask]:
        """Those of these tasks that are ours still, by the hub's word. Raises HubError, LockHeld."""
        told: WorkRenewed = ledger.request(work.renew, ledger.itself, RenewWork(tuple(tasks), entry))
        return told.kept

    def _known(self, note: TaskNote, job: JobRecord) -> TaskNote:
        """Have the job's own record know by which fences it has its tasks."""
        self._desk.notes.put(note)
        self._store.update(job.id, lambda now: replace(now, items=note.items))
        self._heard()
        return note

    def _noted(self, note: TaskNote, began: float) -> None:
        self._desk.noted(note, began)
        self._heard()

    def _heard(self) -> None:
        changed = self._changed
        if changed is not None:
            with suppress(RuntimeError):  # its loop is gone
                changed()

    def _mine(self, view: View, ledger: Ledger, note: TaskNote) -> list[HeldTask]:
        """The tasks of a note that the ledger says its job has."""
        found = []
        for item in note.items:
            known = work.find(view, item.source, item.ref)
            lease = known.lease if known else None
            if known and lease and (lease.node, lease.place, lease.job) == (
                ledger.node.id, self._desk.place, note.job,
            ):  # fmt: skip
                found.append(HeldTask(known.source, known.id, lease.fence))
        return found

    def _let_go(self, job: JobRecord) -> None:
        """Stop a job whose task is another one's."""

        def lost(now: JobRecord) -> JobRecord:
            if now.status is JobStatus.RUNNING:
                return now
            how = AttemptOutcome.INTERRUPTED
            return replace(
                now, status=JobStatus.INTERRUPTED, outcome=how, error=_ELSEWHERE, completed_at=clock.milliseconds()
            )  # fmt: skip

        after = self._store.update(job.id, lost)
        if not after.ended and after.attempts:
            control.stop(self._store.attempt_folder(job.id, len(after.attempts)), why=EndCause.FENCED)
        self._heard()

    def _over(
        self, ledger: Ledger, asked: AskedSource, note: TaskNote, job: JobRecord, found: TaskStanding
    ) -> None:
        """Have ledger and source know what became of the tasks of a job that has ended; should it run once more, it takes them anew."""
        certain = self._desk.left(job) > _CERTAIN
        files.remove(self._store.lease_path(job.id))
        held = self._mine(ledger.current().view, ledger, note)
        # The ledger as seen here may be old: what another one has by now is not ours to tell of.
        held = list(self._renewed(ledger, held)) if held and not certain else held
        view = ledger.current().view
        for item in note.items:
            mine = next((one for one in held if one.id == work.key(item.ref)), None)
            known = work.find(view, item.source, item.ref)
            report = _report(job, item.version, found)
            if mine is not None and known is not None:
                self._ended(ledger, asked, known, mine, report, job, found)
            elif known is not None and known.end is not None and known.end.job == job.id and not known.told:
                done = known.end.status == "done"
                self._desk.tell(ledger, asked, known, replace(report, done=done))
        self._desk.notes.drop(job.id)

    def _ended(
        self, ledger: Ledger, asked: AskedSource, known: TakenWork, mine: HeldTask, report: TaskReport, job: JobRecord,
        found: TaskStanding,
    ) -> None:  # fmt: skip
        """What is free is shown so first, and had by nobody then; what has an end has it in the ledger first, which nobody takes any more."""
        status = _ENDS.get(job.status, "free" if job.attempts else "unused")
        if found.standing is TaskFate.FAILED:
            status = "failed"
        if status == "free" and known.takes >= work.MOST_TAKES:
            status = "failed"
        if status in {"free", "unused"}:
            asked.ask(lambda source: source.freed(known.ref))
            self._desk.end(ledger, [mine], status)
            return
        report = replace(report, done=status == "done")
        if not asked.source.remembers:
            asked.ask(lambda source: source.ended(known.ref, report))
            self._desk.end(ledger, [mine], status, told=True)
            return
        self._desk.end(ledger, [mine], status)
        over = work.find(ledger.current().view, known.source, known.ref)
        told = over if over is not None and over.end is not None else known
        self._desk.tell(ledger, asked, told, report)


def _begun(item: WorkItem, report: TaskReport, source: WorkSource) -> None:
    source.begun(item.ref, report)


def _may_be_ours(known: TakenWork | None, item: WorkItem, job_id: str) -> bool:
    """Whether a job may take a task again: it has brought it to an end itself; or it has never had it since it was queued, and nobody else has."""
    if known is not None and known.end is not None:
        return known.end.job == job_id
    return not item.fence and (known is None or known.lease is None)


def _report(job: JobRecord, version: str, found: TaskStanding) -> TaskReport:
    last = found.job.attempt
    branch, commit = (last.branch, last.commit) if last else ("", "")
    done = found.standing is TaskFate.DONE or (
        found.standing is TaskFate.AS_ENDED and job.status is JobStatus.COMPLETED
    )
    return TaskReport(job.id, version, done, branch, commit, found.why or job.error)
