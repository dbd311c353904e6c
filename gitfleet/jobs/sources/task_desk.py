"""What one state directory has to do with tasks: it looks for some, takes some for its jobs, and tells ledger and source what became of them.

The ledger decides who does a task; what the source shows follows it. Each step can be done again: a note that is written before the first of
them, and taken away after the last, tells whoever comes after a crash what is left to do.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import NamedTuple

from gitfleet.base import clock, files
from gitfleet.base.digests import sha256
from gitfleet.clone import Clone
from gitfleet.codec import replace
from gitfleet.dispatch import work
from gitfleet.dispatch.rules import LapsedLease
from gitfleet.dispatch.work import EndWork, GivenUp, HeldTask, TakenWork, TakeWork, TellWork, WorkTold
from gitfleet.errors import Conflict, UsageError
from gitfleet.git.repository import discover
from gitfleet.jobs.definitions.schema import WorkSourceRules
from gitfleet.jobs.records import work_item
from gitfleet.jobs.records.job_record import JobRecord
from gitfleet.jobs.records.store import JobStore
from gitfleet.jobs.records.work_item import WorkItem
from gitfleet.jobs.shared import lapsed_leases
from gitfleet.jobs.shepherd import lease, records
from gitfleet.jobs.sources import standing, telling
from gitfleet.jobs.sources.known_sources import KnownSources
from gitfleet.jobs.sources.notes import TaskNote, TaskNotes
from gitfleet.jobs.sources.source import AskedSource, FoundTask, TaskReport
from gitfleet.ledger.ledger import Ledger
from gitfleet.ledger.model import Status
from gitfleet.mergequeue import states


class FreeTask(NamedTuple):
    """A task that could be taken, and the lease of who had it, which is over."""

    task: FoundTask
    lapsed: LapsedLease | None = None


class TaskDesk:
    """`path` is in the repository whose fleet decides. For any number of threads and processes at once."""

    def __init__(self, store: JobStore, path: str) -> None:
        self.store, self.path = store, path
        self.notes = TaskNotes(store.folder)
        self.place = sha256(os.fsencode(os.path.realpath(store.folder))).hexdigest()[:16]
        self._sources: KnownSources | None = None

    def source(self, rules: WorkSourceRules) -> AskedSource:
        """The source that these rules name. Raises NoRepository."""
        if self._sources is None:
            self._sources = KnownSources(discover(self.path).worktree or self.path)
        return self._sources.of(rules)

    # Looking.

    def look(self, rules: WorkSourceRules) -> list[FreeTask]:
        """The tasks that could be taken now, in their order. Ends that the source has yet to be told are made up for.

        Raises SourceAway, NoFleet, HubError, and whatever keeps the clone from being read.
        """
        asked = self.source(rules)
        with Clone.open(self.path) as clone:
            ready = asked.ask(lambda source: source.ready())
            known = {one.ref: one for one in work.of_source(clone.current().view, asked.source.id)}
            for one in known.values():
                if one.end is not None and not one.told:
                    self._told(clone.ledger, asked, one)
            lapsed = lapsed_leases.lapsed(known, clone.ledger, f"work-{asked.source.id}")
            for ref in list(lapsed):
                entry = standing.known(clone.current().view, known[ref].entry)
                if standing.keeps_others_off(entry):
                    del lapsed[ref]
                if entry is not None and entry.state == states.LANDED:
                    self._landed(asked, known[ref])
        found = [
            FreeTask(task, lapsed.get(task.ref))
            for task in ready
            if _is_free(task, known.get(task.ref), lapsed)
        ]
        listed = {task.ref for task in ready}
        for ref in lapsed.keys() - listed:
            task = asked.ask(lambda source, ref=ref: source.find(ref))  # type: ignore[misc]
            if task is not None:
                found.append(FreeTask(task, lapsed[ref]))
        return found

    def named(self, rules: WorkSourceRules, places: Sequence[str]) -> list[FreeTask]:
        """The tasks at these addresses or paths, whoever has them. Raises UsageError for one that is not there, or not to be done."""
        asked, found = self.source(rules), []
        for place in places:
            try:
                ref = asked.source.meant(place)
            except ValueError as error:
                raise UsageError(f"{error}.", hint="Name a task of the agent's work source.") from error
            task = asked.ask(lambda source, ref=ref: source.find(ref))  # type: ignore[misc]
            if task is None:
                raise UsageError(
                    f"There is nothing to do at {place}, as {asked.source.words} have it.",
                    hint="Name a task that is to be done.",
                )
            found.append(task)
        with Clone.open(self.path) as clone:
            known = {one.ref: one for one in work.of_source(clone.current().view, asked.source.id)}
            lapsed = lapsed_leases.lapsed(known, clone.ledger, f"work-{asked.source.id}")
        return [FreeTask(task, lapsed.get(task.ref)) for task in found]

    def _landed(self, asked: AskedSource, one: TakenWork) -> None:
        """Tell the source that the work of a task has landed whose node has not been heard of since."""
        job = one.lease.job if one.lease else ""
        asked.ask(lambda source: source.ended(one.ref, TaskReport(job, one.version, done=True)))

    # Taking.

    def take(self, rules: WorkSourceRules, job: JobRecord, wanted: Sequence[FreeTask]) -> JobRecord | None:
        """The job, in no store yet, with all of these tasks as its own; None where somebody else has one of them, or has done it.

        Raises HubError, LockHeld, SourceAway.
        """
        asked = self.source(rules)
        source = asked.source
        items = tuple(_item(source.id, one.task) for one in wanted)
        note = TaskNote(job.id, rules.model_dump_json(), items, clock.now())
        self.notes.put(note)
        with Clone.open(self.path) as clone:
            taken = self._taken(clone.ledger, note, {one.task.ref: one.lapsed for one in wanted})
            if taken is not None and source.remembers and not self._still(clone.ledger, asked, taken):
                taken = None
        if taken is None:
            self.notes.drop(job.id)
            return None
        tasks = [one.task for one in wanted]
        said = telling.prompt(job.prompt, tasks)
        priority = next((task.priority for task in tasks if task.priority is not None), job.priority)
        return replace(job, items=taken.items, prompt=said, priority=priority)

    def _still(self, ledger: Ledger, asked: AskedSource, note: TaskNote) -> bool:
        """Whether all of these are to be done still: another node may have done one, and it be forgotten, since they were listed.

        Else they are given back, and also where the source cannot be asked: raises SourceAway then.
        """
        sure = False
        try:
            sure = all(
                asked.ask(lambda source, ref=item.ref: source.find(ref)) is not None  # type: ignore[misc]
                for item in note.items
            )
        finally:
            if not sure:
                held = [HeldTask(one.source, work.key(one.ref), one.fence) for one in note.items]
                self.end(ledger, held, "unused")
        return sure

    def first(self, rules: WorkSourceRules, job: JobRecord, candidates: list[FreeTask]) -> JobRecord | None:
        """The job with the first task that can be had; None: with none. What was tried is taken off the list."""
        while candidates:
            made = self.take(rules, job, [candidates.pop(0)])
            if made is not None:
                return made
        return None

    def again(self, ledger: Ledger, note: TaskNote) -> TaskNote | None:
        """Take the tasks of a job of ours once more; None where somebody else has one. Raises HubError, LockHeld."""
        return self._taken(ledger, note, {})

    def _taken(
        self, ledger: Ledger, note: TaskNote, lapsed: dict[str, LapsedLease | None]
    ) -> TaskNote | None:
        began = clock.elapsed()
        asked = [
            ledger.operation(
                work.take,
                ledger.itself,
                TakeWork(
                    item.source,
                    item.ref,
                    note.job,
                    self.place,
                    item.title,
                    item.version,
                    ttl=work.TTL,
                    lapsed=lapsed.get(item.ref),
                ),
            )
            for item in note.items
        ]
        results = ledger.submit(asked)
        got = [one.answered(WorkTold).work for one in results if one.ok and one.status is Status.CONFIRMED]
        mine = {one.ref: one.lease.fence for one in got if one and one.lease}
        if len(mine) < len(note.items):
            held = [HeldTask(one.source, one.id, one.lease.fence) for one in got if one and one.lease]
            self.end(ledger, held, "unused")
            for one in results:
                if one.error is not None and not isinstance(one.error, Conflict):
                    raise one.error
            return None
        made = replace(note, items=tuple(replace(item, fence=mine[item.ref]) for item in note.items))
        self.notes.put(made)
        self.noted(made, began)
        return made

    def noted(self, note: TaskNote, began: float) -> None:
        """Write down until when the job has its tasks, which was asked for at `began`."""
        path = self.store.lease_path(note.job)
        folder, name = os.path.split(path)
        files.folder(folder, mode=0o700)
        records.save(folder, name, lease.noted(work_item.fence(note.items), began, work.TTL))

    def left(self, job: JobRecord) -> float:
        """Seconds for which a job has its tasks without a word from us."""
        return lease.left(self.store.lease_path(job.id), work_item.fence(job.items))

    # Telling.

    def end(self, ledger: Ledger, tasks: Sequence[HeldTask], status: GivenUp, *, told: bool = False) -> None:
        """Have the ledger know how these ended. Those that are another one's by now are left alone. Raises HubError, LockHeld."""
        asked = [ledger.operation(work.end, ledger.itself, EndWork(one, status, told)) for one in tasks]
        for one in ledger.submit(asked) if asked else ():
            if one.error is not None and not isinstance(one.error, Conflict):
                raise one.error

    def _told(self, ledger: Ledger, asked: AskedSource, one: TakenWork) -> None:
        """Tell the source of an end that another one left untold."""
        if one.end is not None:
            report = TaskReport(one.end.job, one.version, one.end.status == "done")
            self.tell(ledger, asked, one, report)

    def tell(self, ledger: Ledger, asked: AskedSource, one: TakenWork, report: TaskReport) -> None:
        """Tell the source of an end, and the ledger that it knows. Raises SourceAway, HubError, LockHeld."""
        asked.ask(lambda source: source.ended(one.ref, report))
        if one.end is not None:
            told = HeldTask(one.source, one.id, one.end.fence)
            ledger.request(work.told, ledger.itself, TellWork(told))


def _item(source: str, task: FoundTask) -> WorkItem:
    return WorkItem(task.type, task.url, task.path, task.title, source, task.ref, task.version)


def _is_free(task: FoundTask, known: TakenWork | None, lapsed: dict[str, LapsedLease]) -> bool:
    """Whether nobody does a task that its source has, or has done it."""
    if known is None:
        return True
    if known.lease is not None:
        return task.ref in lapsed
    return known.end is None or known.version != task.version
