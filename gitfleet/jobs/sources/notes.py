"""What is written down of jobs with tasks while something is left to do about these: a file per job, replaced whole.

work/JOB.json   in the state directory; there before a task is taken, and until its source knows of its end
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from gitfleet.base import files, statefile
from gitfleet.codec import FLAG, TEXT, WHOLE, Many, One, Struct, Text, field
from gitfleet.jobs.definitions.schema import WorkSourceRules
from gitfleet.jobs.records import job_ids
from gitfleet.jobs.records.work_item import WorkItem

_LONG: Text[str] = Text(1 << 16)
_END = ".json"


class TaskNote(Struct):
    """`rules`: the work source, as JSON; without its token, of which that has the variable's name. `at`: when, in seconds since 1970.

    `begun`: whether the source was told that a job does these.
    """

    job: str = field(TEXT)
    rules: str = field(_LONG)
    items: tuple[WorkItem, ...] = field(Many(One(WorkItem)))
    at: int = field(WHOLE)
    begun: bool = field(FLAG, default=False)

    @property
    def source(self) -> WorkSourceRules:
        """The work source. Raises ValueError where an older or newer gitfleet wrote it otherwise."""
        return WorkSourceRules.model_validate_json(self.rules)


class TaskNotes:
    """Those of one state directory."""

    def __init__(self, state: str) -> None:
        self.folder = os.path.join(state, "work")

    def put(self, note: TaskNote) -> None:
        """Write it down. Atomic. Raises LocalStorage."""
        files.folder(self.folder, mode=0o700)
        statefile.save(self._path(note.job), note, mode=0o600)

    def get(self, job_id: str) -> TaskNote | None:
        """The note of a job; None where there is none that can be read."""
        return statefile.load(TaskNote, self._path(job_id))

    def drop(self, job_id: str) -> None:
        """Nothing is left to do. Twice is harmless."""
        files.remove(self._path(job_id))

    def each(self) -> Iterator[TaskNote]:
        """All that can be read, oldest job first."""
        for name in files.names(self.folder):
            job_id = name.removesuffix(_END)
            if name.endswith(_END) and job_ids.is_id(job_id) and (note := self.get(job_id)) is not None:
                yield note

    def _path(self, job_id: str) -> str:
        return os.path.join(self.folder, job_ids.check(job_id) + _END)
