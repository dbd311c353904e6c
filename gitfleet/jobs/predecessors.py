"""A successor starts only when nothing of its predecessor runs any more: two would work in one worktree."""

from __future__ import annotations

from gitfleet.jobs.definitions.schema import Agent
from gitfleet.jobs.records.job_record import JobRecord
from gitfleet.jobs.records.store import JobStore
from gitfleet.jobs.shepherd import control


class Predecessors:
    """A `Hold`. It looks at processes only for the rare job whose last attempt left some that would not end."""

    def __init__(self, store: JobStore) -> None:
        self._store = store

    def refresh(self) -> None:
        """See `Hold`."""

    def why(self, job: JobRecord, agent: Agent) -> str:
        """See `Hold`."""
        del agent
        if not job.attempts or not job.attempts[-1].left:
            return ""
        left = control.leftovers(self._store.attempt_folder(job.id, len(job.attempts)))
        pids = ", ".join(map(str, left))
        return f"processes of its last attempt would not end, and are at work there: {pids}" if left else ""
