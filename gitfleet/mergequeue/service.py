"""The merge queue as callers use it: what sessions and persons ask. Decisions are in `rules`, the wire in `ledger`."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from gitfleet.base import clock
from gitfleet.base.ids import is_oid
from gitfleet.base.names import Oid, SessionId
from gitfleet.claims.policy import Policy
from gitfleet.errors import HubError, NoEntry, UsageError
from gitfleet.gates import policy as gate_policy
from gitfleet.git.repository import Repository
from gitfleet.ledger.ledger import Ledger, State
from gitfleet.ledger.model import PERSON, SESSION, Actor, View, Who
from gitfleet.ledger.operations import A, B, Kind, Nothing
from gitfleet.mergequeue import explain, model, naming, order, rules
from gitfleet.mergequeue.adding import Adding, QueuedBranch, Wanted
from gitfleet.mergequeue.explain import Lineup, Why
from gitfleet.mergequeue.listening import Listener
from gitfleet.mergequeue.model import EntryPin, Mode, QueueEntry
from gitfleet.mergequeue.requests import (
    Approve,
    Because,
    Change,
    EntryChanged,
    OfEntry,
    QueuePaused,
    Retry,
    SetPause,
)
from gitfleet.sessions import session_rules
from gitfleet.sessions.reading import Reading
from gitfleet.trunk import position, queue_policy

if TYPE_CHECKING:
    from gitfleet.gates.service import Gates
    from gitfleet.mergequeue.processor import Processor


class MergeQueue:
    """The merge queue of a fleet, through one node's ledger. Threads may use one at once."""

    def __init__(self, repository: Repository, ledger: Ledger, policy: Callable[[], Policy]) -> None:
        """`policy` tells the rules of now."""
        self._repository = repository
        self._ledger = ledger
        self._policy = policy

    def lineup(self, state: State | None = None) -> Lineup:
        """The live entries in their order, with what reasons are told from. No network."""
        view = (state or self._ledger.current()).view
        known = model.queue(view)
        ordered = order.order(model.readable(view), clock.now(), window=known.counts.get("landings", 0))
        rules, node = queue_policy.load(self._ledger.state), self._ledger.node
        return Lineup(
            view, ordered, model.runs(view), known.pause, tries=rules.tries,
            gated=gate_policy.load(self._ledger.state).configured,
            tip=lambda: position.tip(self._repository.git, node),
        )  # fmt: skip

    def find(self, name: str, view: View | None = None) -> QueueEntry:
        """The entry of that id, the only one whose id ends so (six characters at least), or that of a branch: the live one, else the one
        that was finished last. Raises NoEntry.
        """
        return naming.find(view or self._ledger.current().view, name)

    def why(self, name: str) -> tuple[QueueEntry, Why]:
        """An entry, and why it is where it is. Raises NoEntry."""
        lineup = self.lineup()
        entry = self.find(name, lineup.view)
        return entry, explain.why(lineup, entry)

    def log(self, entry: QueueEntry) -> bytes | None:
        """The whole log of the gate run that an entry failed; None where there is none, or it is kept no more.

        Costs one connection where another node made it. Raises the hub's errors.
        """
        from gitfleet.mergequeue import gate_logs  # archives: only who asks for a log pays for it

        return gate_logs.read(self._repository, self._ledger, entry.evidence)

    def add(self, session: SessionId, wanted: Wanted, *, timeout: float = 30.0) -> QueuedBranch:
        """Queue a branch for the session, with what it is stacked on, or change the entry that it has. Twice is harmless.

        A branch that the hub lacks, or that is behind there, is pushed first; other than that, only the ledger changes.
        Raises UsageError for a branch that is none, has nothing to land or is the target; Conflict, StaleFence or PolicyRefused
        where claims do not cover its commits; PolicyRefused above the ceiling; and what `branches.place` raises.
        """
        adding = Adding(self._repository, self._ledger, self._policy, session, wanted)
        return adding.run(timeout)

    def change(
        self,
        session: SessionId,
        name: str,
        *,
        priority: int | None = None,
        title: str | None = None,
        by_another: bool = False,
    ) -> EntryChanged:
        """Give an entry another priority or title. Raises NoEntry, PolicyRefused above the ceiling."""
        naming.check_title(title)
        ceiling = queue_policy.load(self._ledger.state).ceiling_for(named=by_another)
        return self._ask(rules.change, session, Change(self._meant(name).id, priority, title, ceiling))

    def hold(self, session: SessionId, name: str, reason: str = "") -> EntryChanged:
        """Keep an entry from landing, until `unhold`. Raises NoEntry, EntryMoved (one that has landed, too)."""
        return self._ask(rules.hold, session, Because(self._meant(name).id, reason))

    def unhold(self, session: SessionId, name: str) -> EntryChanged:
        """Let a held entry go on. Raises NoEntry, EntryMoved."""
        return self._ask(rules.unhold, session, OfEntry(self._meant(name).id))

    def drop(self, session: SessionId, name: str, reason: str = "") -> EntryChanged:
        """Take an entry out; from then on it does not land. Those above it are held. Raises NoEntry, EntryMoved."""
        return self._ask(rules.drop, session, Because(self._meant(name).id, reason))

    def retry(self, session: SessionId, name: str) -> EntryChanged:
        """Test an entry again that came back as it is. Raises NoEntry, EntryMoved, PolicyRefused (too often for a session)."""
        most = queue_policy.load(self._ledger.state).tries
        return self._ask(rules.retry, session, Retry(self._meant(name).id, most))

    def approve(self, session: SessionId, name: str, head: str = "") -> EntryChanged:
        """Let an entry pass although lines of others vanish: at `head`, or as it is. Persons only. Raises NoEntry, EntryMoved, PolicyRefused."""
        entry = self._meant(name)
        pin = EntryPin(entry.id, Oid(head)) if is_oid(head) else entry.pin
        if head and not is_oid(head):
            raise UsageError("The head that is approved is named by its whole object id.")
        return self._ask(rules.approve, session, Approve(pin), who=PERSON)

    def pause(
        self, session: SessionId, reason: str, *, mode: Mode = "paused", floor: int = 101
    ) -> QueuePaused:
        """Keep what is below `floor` from being tested (`paused`), from landing (`frozen`) or from being added (`draining`)."""
        return self._ask(rules.pause, session, SetPause(mode, floor, reason))

    def resume(self, session: SessionId) -> QueuePaused:
        """Let the queue go on."""
        return self._ask(rules.resume, session, Nothing())

    def processor(self, gates: Gates, listener: Listener | None = None) -> Processor:
        """A runner: what tests and lands entries in this clone. `listener` is told of what it does."""
        from gitfleet.mergequeue.processor import Processor  # merging, gates: only who processes pays for it
        from gitfleet.mergequeue.site import Site

        site = Site(self._repository, self._ledger, self._policy, gates.quiet(), listener or Listener())
        return Processor(site)

    def _meant(self, name: str) -> QueueEntry:
        """The entry that is to be changed; the hub is asked where it is not known here. Raises NoEntry."""
        try:
            return self.find(name)
        except NoEntry:
            if not self._ledger.node.hub:
                raise
        with suppress(HubError):
            self._ledger.sync()
        return self.find(name)

    def _ask(self, kind: Kind[B, A], session: SessionId, body: B, *, who: Who = SESSION) -> A:
        view = self._ledger.current().view
        person = session_rules.of_node(view, session, self._ledger.node.id).person
        heard = Reading(self._ledger.state).seen(session)
        return self._ledger.request(kind, Actor(PERSON if person else who, session), body, heard=heard)
