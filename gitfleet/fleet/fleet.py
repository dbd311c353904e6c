"""`Fleet`: all that the commands do, for programs. One clone (`gitfleet.clone`), and what is done with it.

The work is in the modules of this package and below; each is imported when it is first used, so that to open a fleet, and to
claim, costs none of the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, NoReturn, Self, TypeVar

from gitfleet.base.names import SessionId
from gitfleet.clone import Clone
from gitfleet.git.repository import discover

if TYPE_CHECKING:
    from gitfleet.claims.model import Claim, Unreadable
    from gitfleet.claims.retained_claims import Ended
    from gitfleet.fleet.attention.people_inbox import PeopleInbox
    from gitfleet.fleet.claims_facade import FleetClaims
    from gitfleet.fleet.doctor import Diagnosis
    from gitfleet.fleet.history import AuditedCommits
    from gitfleet.fleet.session_lifecycle import SessionBegun, SessionFinished
    from gitfleet.fleet.syncing import Synced
    from gitfleet.fleet.upkeep_facade import Upkeep
    from gitfleet.fleet.views.status import FleetStatus
    from gitfleet.fleet.waiting import Waits
    from gitfleet.fleet.worktrees_facade import FleetWorktrees
    from gitfleet.ledger.ledger import State
    from gitfleet.ledger.log import Line
    from gitfleet.mergequeue.adding import QueuedBranch
    from gitfleet.mergequeue.service import MergeQueue
    from gitfleet.radar.radar import Radar
    from gitfleet.sessions.service import Start
    from gitfleet.triage.service import FleetPlans

_Found = TypeVar("_Found")
ASK_EVERY = 15.0
"""Seconds between two looks at the hub of whoever waits, unless told otherwise."""


class Fleet(Clone):
    """One clone's fleet: what the commands do, with typed answers. Errors are `FleetError`, each with message and hint.

    Any number of threads may use one at once, as any number of processes may have one open: what they ask for at the same
    time shares a push, and of two that want the same path one gets it. Two things are one thread's own: a `State` (what
    `current` answers) and a `with fleet.reading(...)`. Rules that have changed hold from the next call on. A process that
    is forked may go on with it, and closes its own.
    """

    closed = False
    """Whether it was closed: then no wait waits any more."""

    @classmethod
    def join(
        cls, path: str = ".", *, hub: str | None = None, announce: Callable[[str], None] | None = None
    ) -> Self:
        """Make the clone at `path` a node of the fleet at the remote `hub`, hooks and all; then open it. Twice is harmless.

        `hub` None: as before, else `origin`, else the only remote, else the clone itself. No session is started.
        Raises UsageError, Blocked, HubUnreachable, HubRefused, HubAlarm, with the clone as it was.
        """
        from gitfleet.fleet import hooks, joining  # only for who joins

        repository = discover(path)
        hooks.check(repository)
        joining.join(repository, hub, announce or (lambda _: None))
        hooks.put(repository)
        return cls.open(path, announce=announce)

    def sync(self) -> Synced:
        """Exchange everything with the hub: what waits here, the ledger, the trunk and its rules, what nodes tell.

        Puts the hooks in place again, too. Raises the hub's errors; what had been lost by then is kept for its sessions.
        """
        from gitfleet.fleet import syncing  # only for who syncs

        return syncing.sync(self)

    def status(self, *, tail: int = 0) -> FleetStatus:
        """Every session of the fleet as this clone knows it, with the last `tail` lines of their logs; and warnings. No network.

        Raises NoFleet, NewerFormat, Corrupt.
        """
        from gitfleet.fleet.views import status  # only for who looks

        return status.look(self, tail=tail)

    def log(
        self,
        path: str | None = None,
        *,
        session: SessionId | None = None,
        kind: str | None = None,
        limit: int | None = None,
    ) -> list[Line]:
        """What the fleet has agreed, newest first: of one path, session or kind (`claim`, `claim.release`), at most `limit`.

        Of a session are what it made, and what has changed its records: a message, a claim that was broken or given to it. Of a path
        is also what has changed a claim there though it does not say so: the release of another one, which who waited for both has now.
        No network. Raises NoFleet, BadName, BadPath, Corrupt.
        """
        from gitfleet.fleet import history  # as above

        return history.lines(self, path, session=session, kind=kind, limit=limit)

    def audit(self, revisions: Sequence[str], *, since: str | None = None) -> AuditedCommits:
        """Which of these commits (as for `git log`; those younger than `since`) no claim covered. No network.

        Raises NoFleet, Corrupt, UsageError.
        """
        from gitfleet.fleet import history  # as above

        return history.audit(self, revisions, since)

    def fsck(self, progress: Callable[[int], None] = lambda _: None) -> int:
        """Replay the whole ledger; how many commits there are. `progress` hears of the count. Raises Corrupt at the first
        that is not what its operations make of the one before.
        """
        from gitfleet.fleet import history  # as above

        return history.verify(self, progress)

    def doctor(self, *, repair: bool = False) -> Diagnosis:
        """What is wrong with this clone's part of the fleet; with `repair`, after mending what loses nothing. Asks the hub.

        A hub that is out of reach is a finding, unless something is to be repaired: then it raises HubError.
        """
        from gitfleet.fleet import doctor  # as above

        repaired = doctor.repair(self) if repair else []
        return doctor.Diagnosis(doctor.examine(self), repaired)

    def start_session(self, start: Start, *, timeout: float = 30.0) -> SessionBegun:
        """Register a session for this worktree, as `gitfleet session start` does without a command. Raises as
        `sessions.start`: Conflict, UsageError.
        """
        from gitfleet.fleet import session_lifecycle  # only for who comes

        return session_lifecycle.begin(self, start, timeout=timeout)

    def end_session(self, session: SessionId, *, timeout: float = 30.0) -> SessionFinished:
        """End a session: its claims are released but those that its work keeps. Raises NoSession."""
        from gitfleet.fleet import session_lifecycle  # only for who goes

        return session_lifecycle.finish(self, session, timeout=timeout)

    def dismiss_session(self, person: SessionId, gone: SessionId, reason: str) -> Ended:
        """End a session of another clone, whose machine is lost: for sessions of persons only. Raises NoSession, PolicyRefused,
        UsageError, and Conflict where that machine shows signs of life.
        """
        from gitfleet.fleet import dismissing  # as above

        return dismissing.dismiss(self, person, gone, reason)

    @cached_property
    def worktrees(self) -> FleetWorktrees:
        """The managed worktrees of this clone."""
        from gitfleet.fleet.worktrees_facade import (
            FleetWorktrees,  # only the commands for worktrees pay for it
        )

        return FleetWorktrees(self.repository, self.ledger, announce=self._announce)

    @cached_property
    def radar(self) -> Radar:
        """Which live branches will conflict with each other and with the trunk."""
        from gitfleet.gates import slots  # as above
        from gitfleet.radar.radar import Radar

        aside = slots.root(self.ledger.node.id)
        return Radar(self.repository, self.ledger, self._rules, self._announce, self._priorities, aside=aside)

    @cached_property
    def queue(self) -> MergeQueue:
        """The merge queue: branches that wait to land."""
        from gitfleet.mergequeue.service import MergeQueue  # as above

        return MergeQueue(self.repository, self.ledger, lambda: self.policy)

    @cached_property
    def plans(self) -> FleetPlans:
        """Plans over hosts: what nobody needs any more there."""
        from gitfleet.triage.service import FleetPlans  # as above

        return FleetPlans(self)

    def plan_page(self, fleet_session: str, host: str = "") -> str:
        """A plan over hosts and what came of it as an HTML page, of all hosts or of one. Raises as `FleetPlans.get`."""
        from gitfleet.fleet.reports import fleet_page  # as above
        from gitfleet.fleet.views import fleet_report_rows

        return fleet_page.html(fleet_report_rows.report_of(self.plans, fleet_session, host))

    def revert(self, session: SessionId, entry: str) -> QueuedBranch:
        """Queue the revert of an entry that has landed, under claims of the session; again, the same one until that has landed.

        Raises NoEntry, UsageError for one that has not landed, Conflict, and as `queue.add`.
        """
        from gitfleet.fleet import reverting  # as above

        return reverting.revert(self, session, entry)

    @property
    def inbox(self) -> PeopleInbox:
        """What needs a person."""
        from gitfleet.fleet.attention.people_inbox import PeopleInbox  # as above

        return PeopleInbox(self)

    def _priorities(self) -> dict[str, int]:
        from gitfleet.mergequeue import model  # as above

        return {entry.branch: entry.priority for entry in model.readable(self.current().view)}

    @cached_property
    def upkeep(self) -> Upkeep:
        """Upkeep of this clone, now and regularly."""
        from gitfleet.fleet.upkeep_facade import Upkeep  # as above

        return Upkeep(self)

    @contextmanager
    def reading(self, session: SessionId) -> Iterator[list[str]]:
        """What the session was not told yet: what it lost here, and its inbox. It counts as told when the body ends well."""
        notes: list[Callable[[], object]] = []

        def begin(_: str, note: Callable[[], object]) -> bool:
            notes.append(note)
            return True

        yield self._messages(session, begin)
        for note in notes:
            note()

    def wait(
        self,
        until: Callable[[State], _Found | None],
        *,
        timeout: float | None = None,
        ask_every: float = ASK_EVERY,
    ) -> _Found | None:
        """Ask `until` of the present state, and again whenever something has changed; its first answer that is not None.

        None after `timeout` seconds (None: never), and when the fleet is `closed` by then. The system tells of changes in
        this clone where it can; the hub is asked every `ask_every` seconds, and what cannot be reached is asked again.
        Raises what `until` raises.
        """
        return self._waits.wait(until, timeout, ask_every)

    def wait_for_ledger(
        self, after: State, *, timeout: float | None = None, ask_every: float = ASK_EVERY
    ) -> State | None:
        """The next state that is another than `after`; see `wait`."""
        from gitfleet.fleet import waiting  # only for who waits

        return self.wait(waiting.newer(after), timeout=timeout, ask_every=ask_every)

    def wait_for_claims(
        self,
        paths: Sequence[str],
        after: State,
        *,
        timeout: float | None = None,
        ask_every: float = ASK_EVERY,
    ) -> list[Claim | Unreadable] | None:
        """The claims that meet `paths`, once they are others than in `after`; see `wait`. Raises BadPath, BadPattern."""
        from gitfleet.fleet import waiting  # as above

        return self.wait(waiting.claims(self, paths, after), timeout=timeout, ask_every=ask_every)

    def wait_for_messages(
        self, session: SessionId, *, timeout: float | None = None, ask_every: float = ASK_EVERY
    ) -> bool:
        """Wait until there is something to read for the session, and say whether there is; see `wait` and `reading`."""
        from gitfleet.fleet import waiting  # as above

        return bool(self.wait(waiting.messages(self, session), timeout=timeout, ask_every=ask_every))

    def close(self) -> None:
        """End what waits, now and from now on, and let go of processes and files. Other calls must have come back by then.

        Twice is harmless. A call other than a wait still works afterwards; what it opens stays open until the next `close`.
        """
        self.closed = True
        waits: Waits | None = self.__dict__.get("waits")
        if waits is not None:
            waits.close()
        super().close()

    @property
    def _waits(self) -> Waits:
        from gitfleet.fleet.waiting import Waits  # as above

        waits: Waits = self.__dict__.setdefault(
            "waits", Waits(self)
        )  # one, also for threads that come at once
        return waits

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Fleet belongs to its process: open one in the other (Fleet.open takes a path)")

    @cached_property
    def claims(self) -> FleetClaims:
        """The fleet's claims."""
        from gitfleet.fleet.claims_facade import FleetClaims  # who only looks at what there is needs none

        return FleetClaims(self, self._folder, elsewhere=self._is_dead_elsewhere, announce=self._announce)
