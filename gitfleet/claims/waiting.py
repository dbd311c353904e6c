"""Standing in the waiting line: noticing one's turn without a server, and taking it up.

The transaction that frees the paths makes the waiting session's claims (see `waiting_line`); whoever waits only has to notice.
The system tells it when something in this clone's ledger moves, which any command of this clone does, and it asks the hub
every few seconds, less often the longer it takes. Nothing can be missed: what is looked at is the state, not an event.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from typing import NamedTuple

from gitfleet.base import advice, clock
from gitfleet.base.names import SessionId
from gitfleet.base.watching import Bell
from gitfleet.claims import model, orphans, ticket_turns, tickets, waiting_line
from gitfleet.claims.model import EXCLUSIVE, Claim
from gitfleet.claims.observed_leases import Watch
from gitfleet.claims.orphans import Orphans
from gitfleet.claims.tickets import WAITING_TTL, Ticket
from gitfleet.codec import replace
from gitfleet.errors import HubError, Lost, Queued
from gitfleet.git.trees import Snapshot
from gitfleet.ledger.ledger import Ledger, State
from gitfleet.ledger.model import SESSION, Actor
from gitfleet.obstacles import Obstacle
from gitfleet.patterns.overlap import covers
from gitfleet.sessions import session_rules

LOOK_AGAIN = 10.0
ASK_FIRST, ASK_MOST = 2.0, 20.0


class Waited(NamedTuple):
    """All that was asked for, in the end. `tentative`: the hub was out of reach, and has yet to agree."""

    granted: list[Claim]
    already_held: list[Claim]
    tentative: bool


class Waiter:
    """One wait of one session for one ticket. Any number of processes may wait at once, also for the same ticket."""

    def __init__(
        self,
        ledger: Ledger,
        watch: Watch,
        over: Callable[[], set[str]],
        again: Callable[[], object],
        orphans: Orphans,
        announce: Callable[[str], None] | None = None,
    ) -> None:
        """`over` tells the ids of claims and tickets that were watched long enough to be over. `again` submits the
        request once more, with what has been observed since. `announce` hears, once, how
        those before us are got past whose process is gone.
        """
        self._ledger = ledger
        self._watch = watch
        self._over = over
        self._again = again
        self._orphans = orphans
        self._announce = announce
        self._told = ""
        self._in_the_way: tuple[Obstacle, ...] = ()
        self._before: set[str] = set()
        self._ask_at = clock.elapsed() + ASK_FIRST
        self._ask_pause = ASK_FIRST
        self._renew_at = clock.elapsed() + WAITING_TTL / 3

    def wait(self, ticket: Ticket, timeout: float | None) -> Waited:
        """Wait until the ticket is served, take up its claims, and answer them.

        Raises Queued (the ticket stays) after `timeout` seconds, Lost when ticket and claims are both gone.
        """
        end = None if timeout is None else clock.elapsed() + timeout
        seen = ""
        with Bell() as bell:
            while True:
                bell.arm(self._ledger.places())
                tip = self._ledger.tip()
                if tip is not None and tip.oid != seen:
                    seen = tip.oid
                    state = self._ledger.current()
                    mine = _granted(state, ticket)
                    if mine is not None:
                        return self.accept(ticket.session, mine)
                    self._observe(state, ticket)
                now = clock.elapsed()
                if end is not None and now >= end:
                    raise self._queued(ticket)
                bell.wait(min(now + LOOK_AGAIN, self._ask_at, self._renew_at, end or math.inf) - now)
                self._keep_up(ticket)

    def accept(self, session: SessionId, mine: list[Claim], held: Sequence[Claim] = ()) -> Waited:
        """Take up what the line gave; what was taken up already stays as it is, as does what is `held` besides.

        Raises Lost when it went on to another.
        """
        fresh = [claim.id for claim in mine if claim.accept_within]
        if fresh:
            answer = self._ledger.request(
                ticket_turns.collect, Actor(SESSION, session), ticket_turns.Collect(tuple(fresh))
            )
            if len(answer.accepted) != len(fresh):
                words = "The claims that this session got from the waiting line went to another session."
                raise Lost(words, hint=f"Ask again: {advice.WAIT} with the same paths.")
        granted = [replace(claim, accept_within=0) for claim in mine]
        state = self._ledger.current()
        return Waited(granted, [*held], not all(self._is_agreed(state, claim) for claim in [*granted, *held]))

    def _is_agreed(self, state: State, claim: Claim) -> bool:
        """Whether a claim stands, and is taken up, also without what the hub has not seen."""
        if not state.tentative:
            return True
        found = model.read(self._agreed(state), claim.where)
        return isinstance(found, Claim) and found.token == claim.token and not found.accept_within

    def _agreed(self, state: State) -> Snapshot:
        return Snapshot(self._ledger.objects, state.tip.tree)

    def _observe(self, state: State, ticket: Ticket) -> None:
        """Watch the leases of those who stand before us."""
        in_line = tickets.line(state.view)
        before = waiting_line.earlier(in_line, ticket.place)
        found = []
        for want in ticket.wants:
            found += list(waiting_line.in_the_way(state.view, before, want, ticket.session))
        self._in_the_way = tuple(item.obstacle() for item in found)
        self._before = {item.claim for item in self._in_the_way if item.claim}
        self._watch.saw(self._in_the_way)
        self._tell()

    def _tell(self) -> None:
        """Say it when the process of a session before us is gone: waiting for it may take long."""
        words = orphans.advice(self._orphans.marked(self._in_the_way))
        if words and words != self._told and self._announce:
            self._announce(f"gitfleet: {words}")
        self._told = words

    def _keep_up(self, ticket: Ticket) -> None:
        """Now and then: ask the hub, renew our own place, and ask again when somebody before us has lapsed."""
        now = clock.elapsed()
        if now >= self._ask_at:
            self._ask_pause = min(ASK_MOST, self._ask_pause * 1.3)
            self._ask_at = now + self._ask_pause * (0.75 + int.from_bytes(os.urandom(1), "big") / 512)
            self._ask_hub()
            self._tell()
            if self._before & self._over():
                self._again()
        if now >= self._renew_at:
            self._renew_at = now + WAITING_TTL / 3
            self._ledger.request(session_rules.renew, Actor(SESSION, ticket.session), session_rules.Renew())

    def _ask_hub(self) -> None:
        """Bring the hub's newest state here, unless another process of this clone is at it already."""
        if self._ledger.node.hub and self._ledger.lock.acquire():
            try:
                self._ledger.hub.fetch()
            except HubError:
                return  # out of reach: the next look may find it
            finally:
                self._ledger.lock.release()

    def _queued(self, ticket: Ticket) -> Queued:
        state = self._ledger.current()
        in_line = tickets.line(state.view)
        blocked = waiting_line.blockers(state.view, in_line, ticket)
        agreed = not state.tentative or self._agreed(state).get(ticket.where) is not None
        place = (
            "kept for as long as this session is active"
            if agreed
            else "tentative: the hub is out of reach, and has yet to agree"
        )
        who = sorted({blocker.session for blocker in blocked if blocker.session})
        return Queued(
            f"Not yet: {', '.join(want.pattern for want in ticket.wants)} still waits for {', '.join(who) or 'its turn'}. "
            f"The place in the line is {place}.",
            hint=f"{self._told} Go on with other work and ask again: {advice.WAIT} with the same paths.".lstrip(),
            ticket=ticket.encode(),
            blocked_by=tuple(blocked),
        )


def _granted(state: State, ticket: Ticket) -> list[Claim] | None:
    """The claims that the session has on what the ticket wants, or None while it stands. Raises Lost when both are gone."""
    if state.view.get(ticket.where) is not None:
        return None
    mine = model.held_by(state.view, ticket.session)
    found: dict[str, Claim] = {}
    for want in ticket.wants:
        pattern = want.meant
        fitting = [
            c
            for c in mine
            if c.mode in {EXCLUSIVE, want.mode}
            and covers(c.meant, pattern, case_sensitive=ticket.exact_case)
            and len(c.slots) >= pattern.units
        ]
        if not fitting:
            words = "The place in the waiting line is gone: it expired, was given up, or its session ended."
            raise Lost(words, hint=f"Ask again: {advice.WAIT} with the same paths.")
        found[fitting[0].id] = fitting[0]
    return list(found.values())
