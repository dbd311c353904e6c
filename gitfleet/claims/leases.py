"""Leases over time, as the session that holds them sees them: what comes back to it, and with which token. Pure.

A rule reads no clock. Each operation tells when it was made, on both clocks of its node (`at`, and `uptime` in its
`timing`), and by which margin and greatest age its node goes (`margin`, `max_age`). The session's record tells the same of
its last renewal: from the two, every replay sees the same lapse that the holder saw. Operations without these facts
are older than they are, and let everything be.

A renewal after the time of a claim was over makes a new grant of it: its token rises, so that what was done under the
old one can be told apart. A claim that has reached its greatest age comes back in the same way, unless somebody waits.
"""

from __future__ import annotations

from gitfleet.base import uptime
from gitfleet.base.ids import is_name
from gitfleet.base.text import one_line
from gitfleet.claims import model, tickets, waiting_line
from gitfleet.claims.model import Claim
from gitfleet.codec import Struct, changed, replace
from gitfleet.ledger.model import A, Accepted, Changes, Operation, View
from gitfleet.ledger.overlay import Overlay
from gitfleet.sessions import inbox, session_records
from gitfleet.sessions.session_records import Session
from gitfleet.sessions.session_rules import Renew

SHORTEST = 30
"""Seconds: no lease is over sooner, so a session that was renewed since then needs no look at its claims."""


class Moment(Struct):
    """When an operation was made, and by what its node measures leases. All in seconds, of that node's clocks."""

    at: int
    uptime: str
    margin: int
    max_age: int

    def is_over(self, claim: Claim, idle: int | None) -> bool:
        """Whether the time of a claim is over for a session that was renewed `idle` seconds ago (None: not to be told)."""
        return idle is None or idle >= claim.ttl - min(self.margin, claim.ttl // 2)

    def is_old(self, claim: Claim) -> bool:
        """Whether a claim has reached its greatest age. Across a reboot only wall time can tell."""
        since = uptime.age(claim.granted_at, claim.uptime, self.at, self.uptime)
        age = self.at - claim.granted_at if since is None else since
        return age >= self.max_age - min(self.margin, self.max_age // 2)


def idle(session: Session, at: int, stamp: str) -> int | None:
    """Seconds since the session's last renewal at a moment of its own node; None when that cannot be told."""
    return uptime.age(session.renewed_at, session.uptime, at, stamp)


def keep(
    view: View, operation: Operation, body: Struct, generation: int, decision: Accepted[A]
) -> Accepted[A]:
    """The decision with what it gives back to the session that it renews, in changes, answer and log."""
    if not operation.timing.max_age or not is_name(operation.session):
        return decision
    if decision.changes.get(session_records.path(operation.session)) is None:
        return decision
    session = session_records.find(view, operation.session)
    if session is None:
        return decision
    told = operation.timing
    now = Moment(operation.at, told.uptime, told.margin, told.max_age)
    since = idle(session, now.at, now.uptime)
    renewing = body if isinstance(body, Renew) else Renew()
    if since is not None and since < SHORTEST and not renewing.regrant:
        return decision
    changes: Changes = dict(decision.changes)
    back, gone = _divide(Overlay(view, changes), operation, generation, now, since, accept=renewing.accept)
    if not back and not gone:
        return decision
    for old, claim in back:
        changes |= model.drop(Overlay(view, changes), now.at, old) | model.put(claim)
    for number, claim in enumerate(gone):
        changes |= model.drop(Overlay(view, changes), now.at, claim)
        words = f"Your claim on {claim.pattern} reached its maximum age and others wait for it, so it was released."
        changes |= inbox.post(Overlay(view, changes), session.id, words, operation, number=900 + number)
    answer = _told(decision.answer, [claim for _, claim in back])
    words = "".join(f"; takes back {claim.pattern}" for _, claim in back)
    if gone:
        changes, served = waiting_line.serve(view, changes, generation, operation.at)
        if hasattr(answer, "served"):
            answer = changed(answer, {"served": (*answer.served, *served)})
        words += "".join(f"; gives up {claim.pattern}, which was too old" for claim in gone)
    return replace(decision, changes=changes, answer=answer, subject=one_line(decision.subject + words))


def _divide(
    view: View,
    operation: Operation,
    generation: int,
    now: Moment,
    since: int | None,
    *,
    accept: bool,
) -> tuple[list[tuple[Claim, Claim]], list[Claim]]:
    """The claims that come back, each as it was and with its new token, and those that are too old for who waits."""
    back: list[tuple[Claim, Claim]] = []
    gone = []
    waiting = [ticket for ticket in tickets.line(view) if ticket.session != operation.session]
    for claim in model.of_session(view, operation.session):
        if not isinstance(claim, Claim) or claim.token == generation:
            continue
        if claim.accept_within and not accept:
            continue  # the line's to give, until it is taken up
        old = now.is_old(claim)
        if old and any(tickets.met(ticket, claim.meant, claim.mode) for ticket in waiting):
            gone.append(claim)
        elif old or claim.accept_within or now.is_over(claim, since):
            new = replace(claim, token=generation, granted_at=now.at, uptime=now.uptime, accept_within=0)
            back.append((claim, new))
    return back, gone


def _told(answer: A, back: list[Claim]) -> A:
    """The answer, with the new tokens wherever it names one of the claims."""
    new = {claim.id: claim for claim in back}

    def fresh(value: object) -> object:
        return new.get(value.id, value) if isinstance(value, Claim) else value

    values = {one.name: getattr(answer, one.name) for one in answer.FIELDS}
    fresher = {
        name: tuple(fresh(item) for item in value)
        for name, value in values.items()
        if type(value) is tuple and any(isinstance(item, Claim) for item in value)
    }
    return changed(answer, fresher)
