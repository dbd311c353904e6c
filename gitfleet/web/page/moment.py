"""The fleet between two changes, looked at once for all pages; and what is kept from one moment to the next, since it costs much and changes seldom."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Generic, TypeVar

from gitfleet.base import clock
from gitfleet.claims import tickets
from gitfleet.claims.tickets import Ticket
from gitfleet.fleet.attention.people_inbox import InboxLook, PeopleInbox
from gitfleet.fleet.fleet import Fleet
from gitfleet.fleet.views import status
from gitfleet.fleet.views.line import TicketRow
from gitfleet.fleet.views.queue_line import QueueLine
from gitfleet.fleet.views.queue_stats import QueueStatsAnswer
from gitfleet.fleet.views.status import FleetStatus, SessionStatus
from gitfleet.ledger.log import Line
from gitfleet.mergequeue.model import QueueEntry
from gitfleet.nodes.kept_checkouts import KeptCheckouts
from gitfleet.nodes.own_sessions import SessionsHere

_Found = TypeVar("_Found")
LOG_LINES = 200
"""Operations of the audit log that pages look through, the newest ones."""
_STAMPS = 4096


class KeptOfLedger(Generic[_Found]):
    """What is made of the ledger, kept until that changes."""

    def __init__(self) -> None:
        self._known: tuple[object, _Found] | None = None

    def of(self, state: object, make: Callable[[], _Found]) -> _Found:
        """What was made of this state of the ledger, made anew for another one."""
        known = self._known
        if known is None or known[0] != state:
            known = self._known = state, make()
        return known[1]


class PageMemory:
    """What is kept for one clone. Any thread may ask."""

    def __init__(self, fleet: Fleet) -> None:
        common = fleet.repository.common_dir
        self.sessions = SessionsHere(fleet.ledger.state, common)
        """Those of this clone."""
        self.checkouts = KeptCheckouts(fleet.ledger, common, self.sessions)
        self.line = KeptOfLedger[Sequence[Ticket]]()
        self.log = KeptOfLedger[Sequence[Line]]()
        self.entries = KeptOfLedger[Mapping[str, QueueEntry]]()
        self.waiting = KeptOfLedger[Sequence[TicketRow]]()
        self.queue_line = KeptOfLedger[QueueLine]()
        self.queue_stats = KeptOfLedger[QueueStatsAnswer]()
        self._times: dict[object, int] = {}

    def steady(self, key: object, time: int) -> int:
        """A time that was reckoned from a duration: the same as before for the same cause, so that what is shown does not flicker."""
        known = self._times.get(key)
        if known is not None and abs(known - time) <= 5:
            return known
        if len(self._times) > _STAMPS:
            self._times.clear()
        self._times[key] = time
        return time


class PageMoment:
    """The fleet as it is until something changes. Any thread may ask; what is asked for is looked at once."""

    def __init__(self, fleet: Fleet, memory: PageMemory | None = None) -> None:
        self.fleet = fleet
        self.memory = memory or PageMemory(fleet)
        self.at = clock.now()

    @cached_property
    def status(self) -> FleetStatus:
        """Every session, with the last line of its log. Claims are counted and not read, since there may be very many."""
        return status.look(self.fleet, tail=1, checkouts_of=self.memory.checkouts.look, claims=False)

    def looked(self) -> FleetStatus | None:
        """The status, where somebody has asked for it; costs no look."""
        found: FleetStatus | None = vars(self).get("status")
        return found

    @cached_property
    def inbox(self) -> InboxLook:
        """What needs a person."""
        return PeopleInbox(self.fleet).look()

    @cached_property
    def line(self) -> Sequence[Ticket]:
        """Who waits for claims, first place first."""
        return self.of_ledger(self.memory.line, lambda: tickets.line(self.fleet.current().view))

    @cached_property
    def log(self) -> Sequence[Line]:
        """The newest operations that the fleet has agreed."""
        return self.of_ledger(self.memory.log, lambda: self.fleet.log(limit=LOG_LINES))

    def active_at(self, row: SessionStatus) -> int:
        """When a session was last active, by this machine's clock: another node's own would be no use. What that node said, where it cannot be told."""
        if row["node"] == self.status.answer["ledger"]["node"] or row["idle"] is None:
            return row["last_activity"]
        return self.memory.steady(("active", row["id"], row["last_activity"]), self.at - row["idle"])

    def of_ledger(self, kept: KeptOfLedger[_Found], make: Callable[[], _Found]) -> _Found:
        """What `make` makes of the ledger, kept there until that changes."""
        state = self.fleet.current()
        return kept.of((state.tip.oid, state.tentative), make)
