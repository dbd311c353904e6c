"""How the ledger changes when paths are claimed and released. Pure. What branches retain is in `retained_claims`.

The rules decide on one snapshot and know no clock: that a lease has lapsed is the *requester's* observation, and
comes as a precondition (`lapsed`: the holder's renewal counter that was seen unchanged) which either still holds
here or does not.
"""

from __future__ import annotations

from collections.abc import Sequence

from gitfleet.base import advice
from gitfleet.base.ids import is_name
from gitfleet.base.text import display, one_line
from gitfleet.claims import conflicts, model, tickets, units, waiting_line
from gitfleet.claims.asking import Acquire, Claimed, Release, Released
from gitfleet.claims.conflicts import InTheWay
from gitfleet.claims.model import EXCLUSIVE, Claim, Mode, Unreadable
from gitfleet.claims.request import Request
from gitfleet.claims.tickets import Ticket, Want
from gitfleet.codec import replace
from gitfleet.errors import Conflict, NoneHeld, UsageError
from gitfleet.ledger.model import Accepted, Changes, Operation, Refused, View
from gitfleet.ledger.operations import Decision, operation
from gitfleet.ledger.overlay import Overlay
from gitfleet.patterns.language import Pattern
from gitfleet.patterns.overlap import covers, takes_in
from gitfleet.sessions import inbox, session_records, session_rules


@operation("claim.acquire", body=Acquire, answer=Claimed, paths=Acquire.patterns)
def acquire(view: View, operation: Operation, body: Acquire, generation: int) -> Decision[Claimed]:
    """`claim.acquire`: paths for a session. Refused with Conflict, listing every conflict once, or with Deadlock."""
    session = session_rules.own(view, operation)
    gone = _lapsed_tickets(view, operation, body)
    line = [ticket for ticket in tickets.line(view) if ticket.where not in gone]
    found = _search(view, operation, body, line, generation)
    refusal = _refusal(found.blocked) if found.blocked else None
    lacking = refusal.message if refusal else ""
    if refusal and not (body.partial and (found.granted or found.held)):
        if body.wait:
            gone |= _lose(view, operation, [claim for claim in found.lapsed if not claim.retained])
            return _queue(view, operation, body, line, gone, generation, lacking)
        return Refused(refusal)
    changes = {**gone, **_lose(view, operation, found.over)}
    changes |= model.drop(view, operation.at, *found.weaker)
    changes |= model.put(*found.granted, *found.longer)
    for ticket in tickets.of_session(line, session.id):
        if all(
            _covering(
                found.granted + found.held,
                want.meant,
                want.mode,
                exact_case=ticket.exact_case,
            )
            for want in ticket.wants
        ):
            changes[ticket.where] = None
    changes |= session_rules.renewed(session, operation) | inbox.clear(view, operation)
    changes, served = waiting_line.serve(view, changes, generation, operation.at)
    answer = Claimed(
        granted=tuple(found.granted),
        already_held=tuple(_each(found.held, found.longer)),
        refused=tuple(item.obstacle() for item in _once(found.blocked)),
        taken_over=tuple(found.over),
        served=tuple(served),
    )
    what = ", ".join(claim.pattern for claim in found.granted) or "nothing new"
    verb = "claims" if all(claim.mode == EXCLUSIVE for claim in found.granted) else "shares"
    over = "".join(f"; takes over {claim.pattern} of {claim.session}" for claim in found.over)
    subject = one_line(f"{session.id} {verb} {what}{over}{waiting_line.given(served)}")
    return Accepted(changes, answer, subject, lacking and f"{lacking} The rest was granted.")


def _search(
    view: View, operation: Operation, body: Acquire, line: Sequence[Ticket], generation: int
) -> Request:
    found = Request([], [], [], [], [], [], [])
    exact_case = body.case_sensitive
    in_line = tickets.of_session(line, operation.session)
    units.check_asked(body.wants)
    for want in body.wants:
        pattern, mode = want.meant, want.mode
        nearby = list(model.near(view, pattern.prefix_key))
        mine = [claim for claim in nearby if isinstance(claim, Claim) and claim.session == operation.session]
        present = _covering(mine + found.granted, pattern, mode, exact_case=exact_case)
        if present is not None:
            _has(found, present, pattern, operation, body, want.capacity)
            continue
        place = min((t.place for t in in_line if want.names in {w.names for w in t.wants}), default=None)
        before = waiting_line.earlier(line, place)
        if pattern.units:
            asked = _claim(operation, body, want, generation)
            found.allot(view, asked, before, lambda item: _taken_over(view, item, body))
            continue
        met = list(
            conflicts.find(view, pattern, mode, operation.session, nearby=nearby, case_sensitive=exact_case)
        )
        standing = [item for item in met if not _taken_over(view, item, body)]
        found.lapsed.extend(
            item.held for item in met if item not in standing and isinstance(item.held, Claim)
        )
        waiting, within = _overtaken(view, before, (pattern, mode), operation, mine, exact_case=exact_case)
        if waiting and within is not None and not standing:  # it has the very path: what is beneath can wait
            _has(found, within, pattern, operation, body, 0)
            continue
        standing += waiting
        if standing:
            found.blocked.extend(standing)
            continue
        over = [item.held for item in met if isinstance(item.held, Claim) and item.held not in found.over]
        found.over.extend(over)
        moved = [_moved(view, claim, operation, body, generation) for claim in over if claim.retained]
        found.granted.extend(moved)
        if _covering(moved, pattern, mode, exact_case=exact_case) is None:
            found.weaker.extend(claim for claim in mine if claim.pattern == pattern.text)
            found.granted.append(_claim(operation, body, want, generation))
    return found


def _overtaken(
    view: View,
    before: Sequence[Ticket],
    asked: tuple[Pattern, Mode],
    operation: Operation,
    mine: list[Claim],
    *,
    exact_case: bool,
) -> tuple[list[InTheWay], Claim | None]:
    """The earlier tickets that a request would overtake; and the session's own claim that has the very path already."""
    found = waiting_line.in_line(view, before, *asked, operation.session, case_sensitive=exact_case)
    return list(found), _covering(mine, *asked, exact_case=exact_case, loosely=True)


def _has(
    found: Request, present: Claim, wanted: Pattern, operation: Operation, body: Acquire, capacity: int
) -> None:
    """Note that the session has what it asks for, if only for the taking up."""
    if present.accept_within and body.take_up:
        taken = waiting_line.taken_up(present, operation)
        found.granted.extend([] if taken in found.granted else [taken])
        return
    found.held.extend([] if present in found.granted else [present])
    found.longer.extend(_longer(present, wanted, body, capacity))


def _lose(view: View, operation: Operation, lost: Sequence[Claim]) -> Changes:
    """The changes that take claims from their holders, each of whom is told if it is still there."""
    changes: Changes = {}
    for number, claim in enumerate(lost):
        changes |= model.drop(view, operation.at, claim)
        words = f"Your claim on {claim.pattern} had expired, and {operation.session} has taken it over."
        if is_name(claim.session):
            changes |= inbox.post(view, claim.session, words, operation, number=number)
    return changes


def _queue(
    view: View,
    operation: Operation,
    body: Acquire,
    line: Sequence[Ticket],
    gone: Changes,
    generation: int,
    lacking: str,
) -> Decision[Claimed]:
    """A ticket for everything that was asked; the one that the session has for the same paths, if it has one."""
    session = session_rules.own(view, operation)
    wants = body.wants
    same = [
        t
        for t in tickets.of_session(line, session.id)
        if {w.names for w in t.wants} == {w.names for w in wants}
    ]
    terms = tickets.TicketTerms(body.ttl, body.reason, body.branch, body.case_sensitive)
    ticket = tickets.again(same[0], wants) if same else Ticket(
        id=body.ticket, session=session.id, node=operation.node, wants=wants, since=generation,
        priority=body.priority, operation=operation.id, terms=terms, nonce=operation.id,
    )  # fmt: skip
    from gitfleet.claims import deadlocks  # only who waits pays for it

    stuck = deadlocks.closed_by(view, [t for t in line if t.id != ticket.id], ticket)
    if stuck is not None:
        return Refused(stuck)
    changes = gone | tickets.put(ticket) | session_rules.renewed(session, operation)
    changes, served = waiting_line.serve(view, changes, generation, operation.at)
    blocked = waiting_line.blockers(Overlay(view, changes), line, ticket)
    mine = [claim for claim in served if claim.session == session.id]
    answer = Claimed(
        granted=tuple(mine),
        served=tuple(claim for claim in served if claim not in mine),
        ticket=None if changes[ticket.where] is None else ticket,
        blocked_by=tuple(blocked),
    )
    what = ", ".join(want.pattern for want in ticket.wants)
    lacking = "" if mine else f"{lacking} It waits in line for all that was asked."
    return Accepted(changes, answer, one_line(f"{session.id} waits for {what}"), lacking)


@operation("claim.release", body=Release, answer=Released, paths=Release.about)
def release(view: View, operation: Operation, body: Release, generation: int) -> Decision[Released]:
    """`claim.release`: the session's own claims on or below some patterns, or all of them.

    Refused with Conflict when a pattern is held by another session only. What nobody holds is no error; with `some`, a
    request that changes nothing for anybody is refused with NoneHeld, so that no transaction carries it.
    """
    session = session_rules.own(view, operation)
    exact_case = body.case_sensitive
    mine = model.held_by(view, session.id)
    named = None if body.patterns is None else [model.parsed(text) for text in body.patterns]
    going, idle = (mine, []) if named is None else _select(mine, named, exact_case=exact_case)
    inside = [
        p.text for p in idle if any(takes_in(claim.meant, p, case_sensitive=exact_case) for claim in mine)
    ]
    if inside:
        words = f"{display(', '.join(inside))} is only part of a claim of this session."
        raise UsageError(words, hint=f"Release the whole claim; see {advice.CLAIMS}.")
    strangers = [
        item
        for p in idle
        for item in conflicts.find(view, p, EXCLUSIVE, session.id, case_sensitive=exact_case)
    ]
    if strangers:
        return Refused(_not_ours(strangers))
    changes: Changes = {}
    changes |= model.drop(view, operation.at, *going)
    changes |= session_rules.renewed(session, operation) | inbox.clear(view, operation)
    changes, served = waiting_line.serve(view, changes, generation, operation.at)
    not_held = tuple(p.text for p in idle)
    if body.some and not going and not served:
        return Refused(NoneHeld(f"Session {session.id} holds nothing of that.", not_held=not_held))
    answer = Released(released=tuple(going), not_held=not_held, served=tuple(served))
    what = ", ".join(claim.pattern for claim in going) or "nothing"
    return Accepted(changes, answer, one_line(f"{session.id} releases {what}{waiting_line.given(served)}"))


def _claim(operation: Operation, body: Acquire, want: Want, generation: int) -> Claim:
    return Claim(
        id=want.claim, session=operation.session, node=operation.node, pattern=want.meant.text, mode=want.mode,
        token=generation, ttl=body.ttl, granted_at=operation.at, nonce=operation.nonce, operation=operation.id,
        uptime=operation.timing.uptime, capacity=want.capacity, reason=body.reason, branch=body.branch,
    )  # fmt: skip


def _longer(present: Claim, wanted: Pattern, body: Acquire, capacity: int) -> list[Claim]:
    """The claim that is held already with the time to live that is asked for, if that is more, and today's capacity."""
    ttl = max(body.ttl if present.pattern == wanted.text else 0, present.ttl)
    return (
        [replace(present, ttl=ttl, capacity=capacity)]
        if (ttl, capacity) != (present.ttl, present.capacity)
        else []
    )


def _each(*claims: list[Claim]) -> list[Claim]:
    """Every claim once, as it was named last."""
    return list({claim.id: claim for some in claims for claim in some}.values())


def _covering(
    claims: list[Claim], wanted: Pattern, mode: str, *, exact_case: bool, loosely: bool = False
) -> Claim | None:
    how = takes_in if loosely else covers
    for claim in claims:
        enough = claim.mode in {EXCLUSIVE, mode} and len(claim.slots) >= wanted.units
        if enough and how(claim.meant, wanted, case_sensitive=exact_case):
            return claim
    return None


def _taken_over(view: View, item: InTheWay, body: Acquire) -> bool:
    """Whether a claim that stands in the way may go: lapsed or outlived, as the requester watched it, or built upon."""
    held = item.held
    if isinstance(held, Unreadable) or item.waiting:
        return False
    renewed = item.session.renewed if item.session else 0
    lapsed = body.lapsed.get(held.id, -1) == renewed or body.outlived.get(held.id) == held.token
    if not held.retained:
        return lapsed
    from gitfleet.claims import retained_claims  # only what meets a retained claim pays for it

    return retained_claims.may_take(view, held, body.based_on, lapsed=lapsed)


def _moved(view: View, claim: Claim, operation: Operation, body: Acquire, generation: int) -> Claim:
    from gitfleet.claims import retained_claims  # as above

    return retained_claims.moved(view, claim, operation, body, generation)


def _lapsed_tickets(view: View, operation: Operation, body: Acquire) -> Changes:
    """The tickets of others whose sessions the requester has watched to be gone, taken out of the line."""
    lapsed = body.lapsed
    gone: Changes = {}
    for ticket in tickets.line(view):
        if ticket.id in lapsed and ticket.session != operation.session:
            holder = session_records.find(view, ticket.session)
            if holder is None or holder.renewed == lapsed[ticket.id]:
                gone[ticket.where] = None
    return gone


def _refusal(found: list[InTheWay]) -> Conflict:
    from gitfleet.claims import refusals  # only who is refused pays for it

    return refusals.refusal(_once(found))


def _once(found: list[InTheWay]) -> list[InTheWay]:
    first: dict[tuple[str, str], InTheWay] = {}
    for item in found:
        held = item.held.where if isinstance(item.held, Unreadable) else item.held.id
        first.setdefault((held, item.wanted), item)
    return list(first.values())


def _select(
    mine: list[Claim], wanted: list[Pattern], *, exact_case: bool
) -> tuple[list[Claim], list[Pattern]]:
    """The claims that go, and what of `wanted` lets none go."""
    going: dict[str, Claim] = {}
    idle = []
    for pattern in wanted:
        found = [claim for claim in mine if takes_in(pattern, claim.meant, case_sensitive=exact_case)]
        going |= {claim.id: claim for claim in found}
        idle += [] if found else [pattern]
    return list(going.values()), idle


def _not_ours(strangers: list[InTheWay]) -> Conflict:
    refused = _refusal(strangers)
    words = refused.message.replace("Not granted", "Not released, since it is not this session's", 1)
    return Conflict(words, hint="A claim is released by its own session.", conflicts=refused.conflicts)


KINDS = (acquire, release)
