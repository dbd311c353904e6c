"""How the ledger changes when paths are claimed and released. Pure. What branches retain is in `retained_claims`.

The rules decide on one snapshot and know no clock: that a lease has lapsed is the *requester's* observation, and
comes as a precondition (`lapsed`: the holder's renewal counter that was seen unchanged) which either still holds
here or does not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from gitfleet.base.ids import is_name, is_ulid
from gitfleet.base.text import display, one_line
from gitfleet.claims import capacity as units
from gitfleet.claims import conflicts, model, retained_claims, tickets, turns
from gitfleet.claims import line as line_rules
from gitfleet.claims.conflicts import InTheWay
from gitfleet.claims.model import EXCLUSIVE, Claim, Unreadable
from gitfleet.claims.request import Found
from gitfleet.claims.tickets import Ticket, Want
from gitfleet.errors import Conflict, UsageError
from gitfleet.ledger.model import Accepted, Decision, Operation, Refused, View
from gitfleet.ledger.overlay import Overlay
from gitfleet.patterns.language import Pattern
from gitfleet.patterns.overlap import covers, takes_in
from gitfleet.sessions import inbox
from gitfleet.sessions import model as sessions
from gitfleet.sessions import rules as session_rules

MAX_PATTERNS = 1000
Changes = dict[str, bytes | None]


def acquire(view: View, operation: Operation, generation: int) -> Decision:
    """`claim.acquire`: all of `paths` or, with `partial`, what is free; with `wait`, a ticket for everything.

    Body: `paths` (a list of `{"pattern", "claim", "mode"}`, for a resource with its `capacity`, see there; the claim
    ids are made by the caller), `ttl`, `reason`,
    `branch`, `partial`, `wait`, `ticket` (its id), `priority`, `case_sensitive`, `lapsed` (by claim or ticket id, the
    holder's `renewed` as it was watched), `outlived` (by claim id, the token that stood longer than a grant may),
    `based_on` (by claim id, the marks of the keepers whose work the session's own contains), `take_up` (what the
    line gave and is asked for here is taken up). Refused with Conflict, listing every conflict once, or with Deadlock.
    """
    session = session_rules.own(view, operation)
    wanted = _wanted(operation.body)
    gone = _lapsed_tickets(view, operation)
    line = [ticket for ticket in tickets.line(view) if ticket.where not in gone]
    found = _search(view, operation, wanted, line, generation)
    refusal = conflicts.refusal(_once(found.blocked)) if found.blocked else None
    lacking = refusal.message if refusal else ""
    if refusal and not (operation.body.get("partial") is True and (found.granted or found.held)):
        if operation.body.get("wait") is True:
            lost = [claim for claim in found.lapsed if not claim.retained]
            gone |= _lose(view, operation, lost)
            return _queue(view, operation, wanted, line, gone, generation, lacking)
        return Refused(refusal)
    changes = {**gone, **_lose(view, operation, found.over)}
    changes |= _changes(view, operation, found.granted + found.longer, found.weaker)
    for ticket in tickets.of_session(line, session.id):
        if all(
            _covering(
                found.granted + found.held,
                model.parsed(want.pattern),
                want.mode,
                exact_case=ticket.exact_case,
            )
            for want in ticket.wants
        ):
            changes[ticket.where] = None
    where, data = session_rules.renewed(session, operation)
    changes[where] = data
    changes |= inbox.clear(view, operation)
    changes, served = line_rules.serve(view, changes, generation, operation.at)
    answer = {
        "granted": [claim.as_record() for claim in found.granted],
        "already_held": [claim.as_record() for claim in _each(found.held, found.longer)],
        "refused": [item.as_record() for item in _once(found.blocked)],
        "taken_over": [claim.as_record() for claim in found.over],
        "served": [claim.as_record() for claim in served],
        "ticket": None,
    }
    what = ", ".join(claim.pattern for claim in found.granted) or "nothing new"
    verb = "claims" if all(claim.mode == EXCLUSIVE for claim in found.granted) else "shares"
    over = "".join(f"; takes over {claim.pattern} of {claim.session}" for claim in found.over)
    subject = one_line(f"{session.id} {verb} {what}{over}{retained_claims.given(served)}")
    return Accepted(changes, answer, subject, lacking and f"{lacking} The rest was granted.")


def _search(
    view: View,
    operation: Operation,
    wanted: Sequence[tuple[Pattern, str, str]],
    line: Sequence[Ticket],
    generation: int,
) -> Found:
    found = Found([], [], [], [], [], [], [])
    exact_case = operation.body.get("case_sensitive") is True
    in_line = tickets.of_session(line, operation.session)
    capacities = units.asked(operation.body)
    for pattern, claim_id, mode in wanted:
        nearby = list(model.near(view, pattern.prefix_key))
        mine = [claim for claim in nearby if isinstance(claim, Claim) and claim.session == operation.session]
        present = _covering(mine + found.granted, pattern, mode, exact_case=exact_case)
        if present is not None:
            _has(found, present, pattern, operation, capacities.get(pattern.text, 0))
            continue
        place = min(
            (t.place for t in in_line if (pattern.text, mode) in {w.names for w in t.wants}), default=None
        )
        before = line_rules.earlier(line, place)
        if pattern.units:
            asked = _claim(operation, pattern, claim_id, mode, generation)
            asked = replace(asked, capacity=capacities[pattern.text])
            found.allot(view, asked, before, lambda item: _taken_over(view, item, operation.body))
            continue
        met = list(
            conflicts.find(view, pattern, mode, operation.session, nearby=nearby, case_sensitive=exact_case)
        )
        standing = [item for item in met if not _taken_over(view, item, operation.body)]
        lapsed = (item.held for item in met if item not in standing)
        found.lapsed.extend(held for held in lapsed if isinstance(held, Claim))
        waiting, within = _overtaken(view, before, (pattern, mode), operation, mine)
        if waiting and within is not None and not standing:  # it has the very path: what is beneath can wait
            _has(found, within, pattern, operation, 0)
            continue
        standing += waiting
        if standing:
            found.blocked.extend(standing)
            continue
        over = [item.held for item in met if isinstance(item.held, Claim) and item.held not in found.over]
        found.over.extend(over)
        kept = [claim for claim in over if claim.retained]
        moved = [retained_claims.moved(view, claim, operation, generation) for claim in kept]
        found.granted.extend(moved)
        if _covering(moved, pattern, mode, exact_case=exact_case) is None:
            found.weaker.extend(claim for claim in mine if claim.pattern == pattern.text)
            found.granted.append(_claim(operation, pattern, claim_id, mode, generation))
    return found


def _overtaken(
    view: View, before: Sequence[Ticket], asked: tuple[Pattern, str], operation: Operation, mine: list[Claim]
) -> tuple[list[InTheWay], Claim | None]:
    """The earlier tickets that a request would overtake; and the session's own claim that has the very path already."""
    exact_case = operation.body.get("case_sensitive") is True
    found = line_rules.in_line(view, before, *asked, operation.session, case_sensitive=exact_case)
    return list(found), _covering(mine, *asked, exact_case=exact_case, how=takes_in)


def _has(found: Found, present: Claim, wanted: Pattern, operation: Operation, capacity: int) -> None:
    """Note that the session has what it asks for, if only for the taking up."""
    if present.accept_within and operation.body.get("take_up") is True:
        taken = turns.taken_up(present, operation)
        found.granted.extend([] if taken in found.granted else [taken])
        return
    found.held.extend([] if present in found.granted else [present])
    found.longer.extend(_longer(present, wanted, operation, capacity))


def _lose(view: View, operation: Operation, lost: Sequence[Claim]) -> Changes:
    """The changes that take claims from their holders, each of whom is told if it is still there."""
    changes: Changes = {}
    for number, claim in enumerate(lost):
        changes |= model.drop(view, claim, operation.at)
        words = f"Your claim on {claim.pattern} had expired, and {operation.session} has taken it over."
        if is_name(claim.session):
            changes |= inbox.post(view, claim.session, words, operation, number=number)
    return changes


def _queue(
    view: View, operation: Operation, wanted: Sequence[tuple[Pattern, str, str]], line: Sequence[Ticket], gone: Changes,
    generation: int, lacking: str,
) -> Decision:  # fmt: skip
    """A ticket for everything that was asked; the one that the session has for the same paths, if it has one."""
    session = session_rules.own(view, operation)
    capacities = units.asked(operation.body)
    wants = tuple(
        Want(pattern.text, claim_id, mode, capacities.get(pattern.text, 0))
        for pattern, claim_id, mode in wanted
    )
    same = [
        t
        for t in tickets.of_session(line, session.id)
        if {w.names for w in t.wants} == {w.names for w in wants}
    ]
    terms = {name: operation.body.get(name) for name in ("ttl", "reason", "branch", "case_sensitive")}
    priority = operation.body.get("priority", tickets.DEFAULT_PRIORITY)
    if not isinstance(priority, int) or not 0 <= priority <= 100:
        raise UsageError("A priority is a number from 0 to 100.")
    ticket = tickets.again(same[0], wants) if same else Ticket(
        id=str(operation.body["ticket"]), session=session.id, node=operation.node, wants=wants, since=generation,
        priority=priority, operation=operation.id, terms=terms,
    )  # fmt: skip
    stuck = line_rules.deadlock(view, [t for t in line if t.id != ticket.id], ticket)
    if stuck is not None:
        return Refused(stuck)
    where, data = session_rules.renewed(session, operation)
    changes = {**gone, **tickets.put(ticket), where: data}
    changes, served = line_rules.serve(view, changes, generation, operation.at)
    blocked = line_rules.blockers(Overlay(view, changes), line, ticket)
    mine = [claim for claim in served if claim.session == session.id]
    answer = {
        "granted": [claim.as_record() for claim in mine], "already_held": [], "refused": [], "taken_over": [],
        "served": [claim.as_record() for claim in served if claim not in mine],
        "ticket": None if changes[ticket.where] is None else ticket.as_record(),
        "blocked_by": [item.as_record() for item in blocked],
    }  # fmt: skip
    what = ", ".join(want.pattern for want in ticket.wants)
    lacking = "" if mine else f"{lacking} It waits in line for all that was asked."
    return Accepted(changes, answer, one_line(f"{session.id} waits for {what}"), lacking)


def release(view: View, operation: Operation, generation: int) -> Decision:
    """`claim.release`: the session's own claims on or below `language` (None: all of them).

    Refused with Conflict when a pattern is held by another session only. What nobody holds is no error.
    """
    session = session_rules.own(view, operation)
    exact_case = operation.body.get("case_sensitive") is True
    mine = [claim for claim in model.of_session(view, session.id) if isinstance(claim, Claim)]
    texts = operation.body.get("patterns")
    going, idle = (mine, []) if texts is None else _select(mine, _texts(texts), exact_case=exact_case)
    inside = [
        p.text
        for p in idle
        if any(takes_in(model.parsed(claim.pattern), p, case_sensitive=exact_case) for claim in mine)
    ]
    if inside:
        words = f"{display(', '.join(inside))} is only part of a claim of this session."
        raise UsageError(words, hint="Release the whole claim; see `gitfleet claims`.")
    strangers = [
        item
        for p in idle
        for item in conflicts.find(view, p, EXCLUSIVE, session.id, case_sensitive=exact_case)
    ]
    if strangers:
        return Refused(_not_ours(strangers))
    changes: Changes = {}
    for claim in going:
        changes |= model.drop(view, claim, operation.at)
    where, data = session_rules.renewed(session, operation)
    changes[where] = data
    changes |= inbox.clear(view, operation)
    changes, served = line_rules.serve(view, changes, generation, operation.at)
    answer = {
        "released": [claim.as_record() for claim in going],
        "not_held": [p.text for p in idle],
        "served": [claim.as_record() for claim in served],
    }
    what = ", ".join(claim.pattern for claim in going) or "nothing"
    return Accepted(changes, answer, one_line(f"{session.id} releases {what}{retained_claims.given(served)}"))


def _wanted(body: Mapping[str, Any]) -> list[tuple[Pattern, str, str]]:
    rows = body["paths"]
    if not isinstance(rows, list) or not 0 < len(rows) <= MAX_PATTERNS:
        words = f"One claim takes 1 to {MAX_PATTERNS} paths."
        raise UsageError(words, hint="Claim a directory or a glob instead of very many files.")
    wanted = []
    for row in rows:
        mode = str(row["mode"])
        if mode not in model.MODES:
            raise ValueError(f"mode {mode}")
        if not is_ulid(str(row["claim"])):
            raise ValueError(f"claim id {row['claim']}")
        wanted.append((model.parsed(str(row["pattern"])), str(row["claim"]), mode))
    return wanted


def _claim(operation: Operation, pattern: Pattern, claim_id: str, mode: str, generation: int) -> Claim:
    body = operation.body
    return Claim(
        id=claim_id, session=operation.session, node=operation.node, pattern=pattern.text, mode=mode, token=generation,
        ttl=int(body["ttl"]), granted_at=operation.at, nonce=operation.nonce, operation=operation.id,
        uptime=str(body.get("uptime", ""))[:128],
        reason=str(body.get("reason", ""))[: sessions.MAX_TEXT],
        branch=str(body.get("branch", ""))[: sessions.MAX_TEXT],
    )  # fmt: skip


def _longer(present: Claim, wanted: Pattern, operation: Operation, capacity: int) -> list[Claim]:
    """The claim that is held already with the time to live that is asked for, if that is more, and today's capacity."""
    ttl = max(int(operation.body["ttl"]) if present.pattern == wanted.text else 0, present.ttl)
    return (
        [replace(present, ttl=ttl, capacity=capacity)]
        if (ttl, capacity) != (present.ttl, present.capacity)
        else []
    )


def _each(*claims: list[Claim]) -> list[Claim]:
    """Every claim once, as it was named last."""
    return list({claim.id: claim for some in claims for claim in some}.values())


def _changes(view: View, operation: Operation, granted: list[Claim], gone: list[Claim]) -> Changes:
    changes: Changes = {}
    for claim in gone:
        changes |= model.drop(view, claim, operation.at)
    for claim in granted:
        changes |= model.put(claim)
    return changes


def _covering(
    claims: list[Claim], wanted: Pattern, mode: str, *, exact_case: bool, how: Callable[..., bool] = covers
) -> Claim | None:
    for claim in claims:
        enough = claim.mode in {EXCLUSIVE, mode} and len(claim.slots) >= wanted.units
        if enough and how(model.parsed(claim.pattern), wanted, case_sensitive=exact_case):
            return claim
    return None


def _taken_over(view: View, item: InTheWay, body: Mapping[str, Any]) -> bool:
    """Whether a claim that stands in the way may go: lapsed or outlived, as the requester watched it, or built upon."""
    held = item.held
    if isinstance(held, Unreadable) or item.waiting:
        return False
    renewed = item.session.renewed if item.session else 0
    lapsed = _lapsed(body).get(held.id, -1) == renewed or _lapsed(body, "outlived").get(held.id) == held.token
    return retained_claims.may_take(view, held, body, lapsed=lapsed) if held.retained else lapsed


def _lapsed_tickets(view: View, operation: Operation) -> Changes:
    """The tickets of others whose sessions the requester has watched to be gone, taken out of the line."""
    lapsed = _lapsed(operation.body)
    gone: Changes = {}
    for ticket in tickets.line(view):
        if ticket.id in lapsed and ticket.session != operation.session:
            holder = sessions.find(view, ticket.session)
            if holder is None or holder.renewed == lapsed[ticket.id]:
                gone[ticket.where] = None
    return gone


def _lapsed(body: Mapping[str, Any], name: str = "lapsed") -> dict[str, int]:
    raw = body.get(name, {})
    return {str(claim): int(seen) for claim, seen in raw.items()}


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
        found = [
            claim
            for claim in mine
            if takes_in(pattern, model.parsed(claim.pattern), case_sensitive=exact_case)
        ]
        going |= {claim.id: claim for claim in found}
        idle += [] if found else [pattern]
    return list(going.values()), idle


def _texts(texts: Any) -> list[Pattern]:
    if not isinstance(texts, list) or len(texts) > MAX_PATTERNS:
        raise ValueError("patterns")
    return [model.parsed(str(text)) for text in texts]


def _not_ours(strangers: list[InTheWay]) -> Conflict:
    refused = conflicts.refusal(_once(strangers))
    words = refused.message.replace("Not granted", "Not released, since it is not this session's", 1)
    return Conflict(
        words, hint="A claim is released by its own session.", conflicts=refused.facts["conflicts"]
    )


RULES = {
    "claim.acquire": acquire,
    "claim.accept": turns.accept,
    "claim.release": release,
    "ticket.leave": turns.leave,
}
