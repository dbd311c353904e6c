"""Which entry of the merge queue the work of an attempt went into."""

from __future__ import annotations

from collections.abc import Iterable

from gitfleet.errors import FleetError
from gitfleet.jobs.records.job_record import AttemptRecord
from gitfleet.ledger.model import View
from gitfleet.mergequeue import model, states
from gitfleet.mergequeue.model import QueueEntry


class EntryIndex:
    """The entries of a queue, by what attempts know of them: the id that they were delivered as, else their branch, else their session."""

    def __init__(self, entries: Iterable[QueueEntry] = ()) -> None:
        self._by_id: dict[str, QueueEntry] = {}
        self._by_branch: dict[str, QueueEntry] = {}
        self._by_session: dict[str, QueueEntry] = {}
        for entry in sorted(entries, key=lambda one: (one.state == states.LANDED, one.id)):
            self._by_id[entry.id] = (
                entry  # of two for one branch the one counts that has landed, else the later
            )
            self._by_branch[entry.branch] = entry
            self._by_session[entry.session] = entry

    @classmethod
    def of(cls, view: View) -> EntryIndex:
        """All entries that the fleet knows of."""
        live = [one for one in model.entries(view) if not isinstance(one, FleetError)]
        return cls([*live, *model.finished(view)])

    def entry_of(self, attempt: AttemptRecord) -> str:
        """The id of the entry; "" where there is none."""
        if attempt.delivery.entry:
            return attempt.delivery.entry
        found = self._by_branch.get(attempt.branch) or self._by_session.get(attempt.session)
        return found.id if found else ""

    def about(self, entry_id: str) -> str:
        """What has become of an entry, with its title; "" for one that is not known here."""
        entry = self._by_id.get(entry_id)
        if entry is None:
            return ""
        how = f"landed as {entry.landed[:12]}" if entry.state == states.LANDED else str(entry.state)
        return f"{how}: {entry.title}" if entry.title else how
