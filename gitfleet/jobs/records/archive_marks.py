"""Which jobs have to be told to the other nodes, or to be taken away there: names in two folders of a state directory.

    archiving/ID    what is told of the job is not, or no more, as it is
    archived/ID     something of it may be told

A name is there before what it stands for, and goes after it.
"""

from __future__ import annotations

import os

from gitfleet.base import files
from gitfleet.jobs.records import job_ids


class ArchiveMarks:
    """Needs no lock, but `settle` is for who has the store's."""

    def __init__(self, folder: str) -> None:
        self.due_folder = os.path.join(folder, "archiving")
        self._told = os.path.join(folder, "archived")

    def due(self) -> list[str]:
        """The jobs that have to be looked at, oldest first."""
        return [name for name in files.names(self.due_folder) if job_ids.is_id(name)]

    def told(self) -> list[str]:
        """The jobs of which something may be told."""
        return files.names(self._told)

    def want(self, job_id: str) -> None:
        """Something has changed of it."""
        files.touch(os.path.join(files.folder(self.due_folder), job_id))

    def begin(self, job_id: str) -> None:
        """It is about to be told."""
        files.touch(os.path.join(files.folder(self._told), job_id))

    def forget(self, job_id: str) -> None:
        """The job is about to go from here: what is told of it has to go, too."""
        if os.path.lexists(os.path.join(self._told, job_id)):
            self.want(job_id)
        else:
            files.remove(os.path.join(self.due_folder, job_id))

    def settle(self, job_id: str, *, gone: bool) -> None:
        """It is as it should be. `gone`: nothing of it is told."""
        if gone:
            files.remove(os.path.join(self._told, job_id))
        files.remove(os.path.join(self.due_folder, job_id))
