"""Claims that change hands: broken by a person, or offered by their holder and accepted. Pure; one operation each.

The other side always gets a message. What is freed goes to the waiting line in the same transaction.
"""

from __future__ import annotations

from collections.abc import Sequence

from gitfleet.base import advice, canonical
from gitfleet.base.names import SessionId
from gitfleet.base.text import display, one_line
from gitfleet.claims import conflicts, deadlocks, model, refusals, tickets, waiting_line
from gitfleet.claims.model import CLAIMS, PATTERNS, Claim
from gitfleet.codec import FLAG, TEXT, Struct, field, replace
from gitfleet.errors import Conflict, PolicyRefused, UsageError
from gitfleet.ledger.model import SESSION_ID, Accepted, Answer, Changes, Operation, Refused, View
from gitfleet.ledger.operations import BY_PERSONS, Decision, Nothing, operation
from gitfleet.ledger.overlay import Overlay
from gitfleet.patterns.language import Pattern
from gitfleet.patterns.overlap import overlap, takes_in
from gitfleet.sessions import inbox, session_records, session_rules
from gitfleet.sessions.session_records import Session


class Named(Struct):
    """The claims on or below `patterns`."""

    patterns: tuple[str, ...] = field(PATTERNS)
    case_sensitive: bool = field(FLAG, default=False, kw_only=True)

    def about(self, answer: Answer | None) -> Sequence[str]:
        """The patterns that it is about."""
        del answer
        return self.patterns

    def parsed(self) -> list[Pattern]:
        """The same, read. Raises BadPattern, BadPath."""
        return [model.parsed(text) for text in self.patterns]


class Break(Named):
    """The claims that are to go, and why."""

    reason: str = field(TEXT, default="")


class Broke(Answer):
    """The claims that went, and what the waiting line got of that."""

    broken: tuple[Claim, ...] = field(CLAIMS)
    served: tuple[Claim, ...] = field(CLAIMS)
    reason: str = field(TEXT)


class Offer(Named):
    """The claims that are offered, and to which session."""

    to: SessionId = field(SESSION_ID, kw_only=True)


class Offered(Answer):
    """The claims that are on offer now, and for which session."""

    offered: tuple[Claim, ...] = field(CLAIMS)
    to: SessionId = field(SESSION_ID)


class Taken(Answer):
    """The claims that are the session's now, and what the waiting line got by that."""

    taken: tuple[Claim, ...] = field(CLAIMS)
    served: tuple[Claim, ...] = field(CLAIMS)


@operation("claim.break", body=Break, answer=Broke, actors=BY_PERSONS, paths=Break.about)
def break_(view: View, operation: Operation, body: Break, generation: int) -> Decision[Broke]:
    """`claim.break`: a person takes live claims on or below `patterns` away from whoever holds them, with a `reason`.

    Only for sessions of persons (PolicyRefused). Raises Conflict when nothing of it is claimed, UsageError for a part of
    a claim.
    """
    session = session_rules.own(view, operation)
    reason = body.reason.strip()
    if not session.person:
        raise PolicyRefused(
            "Only a person may take claims away from others.",
            hint=f"Wait in line: {advice.WAIT.of('PATH...')}. Or ask the holder: {advice.TELL.of('SESSION')}.",
        )
    if not reason:
        raise UsageError("Breaking a claim needs a reason.", hint="Say it: `--reason TEXT`.")
    going = _of_others(view, operation, body)
    if not going:
        raise Conflict(
            "Nobody else holds a claim there.",
            hint=f"See {advice.CLAIMS}.",
        )
    changes: Changes = {}
    for number, claim in enumerate(going):
        changes |= model.drop(view, operation.at, claim)
        words = f"Your claim on {claim.pattern} was broken by {session.id}: {reason}"
        changes |= inbox.post(Overlay(view, changes), claim.session, words, operation, number=number)
    changes, served = waiting_line.serve(view, changes, generation, operation.at)
    answer = Broke(tuple(going), tuple(served), reason)
    what = ", ".join(f"{claim.pattern} of {claim.session}" for claim in going)
    return Accepted(
        changes, answer, one_line(f"{session.id} breaks {what}{waiting_line.given(served)}: {reason}")
    )


@operation("offer.make", body=Offer, answer=Offered, paths=Offer.about)
def offer(view: View, operation: Operation, body: Offer, generation: int) -> Decision[Offered]:
    """`offer.make`: the session's own claims on or below `patterns` are offered to the session `to`, which may accept.

    The same may be offered to several; the first to accept has it. Raises NoSession when there is no such session,
    UsageError for a part of a claim, Conflict for what the session does not claim.
    """
    del generation
    session = session_rules.own(view, operation)
    to = session_rules.recipient(view, body.to)
    if to.id == session.id:
        raise UsageError(
            "A session cannot offer its claims to itself.",
            hint=f"Name another: see {advice.SESSIONS}.",
        )
    mine = model.held_by(view, session.id)
    patterns, exact = body.parsed(), body.case_sensitive
    for pattern in patterns:
        _check_named(mine, pattern, exact_case=exact)
    offered = [c for c in mine if any(takes_in(p, c.meant, case_sensitive=exact) for p in patterns)]
    changes: Changes = {}
    _check_whole(mine, offered, exact_case=exact)
    for claim in offered:
        note = _OfferNote(claim.where, claim.id, session.id, operation.id).encode()
        changes[f"{session_records.folder(to.id)}/offers/{claim.id}"] = canonical.dump(note)
    what = ", ".join(claim.pattern for claim in offered)
    words = f"{session.id} offers you its claims on {what}; `gitfleet accept` takes them."
    changes |= inbox.post(view, to.id, words, operation)
    changes |= session_rules.renewed(session, operation)
    answer = Offered(tuple(offered), to.id)
    return Accepted(changes, answer, one_line(f"{session.id} offers {what} to {to.id}"))


@operation("offer.accept", body=Nothing, answer=Taken, paths=model.of_answer(lambda told: told.taken))
def accept(view: View, operation: Operation, body: Nothing, generation: int) -> Decision[Taken]:
    """`offer.accept`: the session accepts everything that is offered to it and still its holder's to give.

    Each claim moves with a new token. Raises Conflict when nothing is on offer. Refused with Conflict when
    somebody, such as the one who offered, has more that meets it; with Deadlock when the session
    waits for somebody who would then wait for it.
    """
    del body
    session = session_rules.own(view, operation)
    folder = f"{session_records.folder(session.id)}/offers"
    changes: Changes = {}
    taken = []
    for name, _ in view.names(folder):
        changes[f"{folder}/{name}"] = None
        claim, told = _offered(view, f"{folder}/{name}")
        changes |= inbox.take_back(view, session.id, told)
        if claim is None:
            continue
        changes |= model.drop(view, operation.at, claim)
        mine = moved(claim, session, operation, generation)
        changes |= model.put(mine)
        taken.append(mine)
        words = f"{session.id} has accepted your claim on {claim.pattern}; it is no longer yours."
        changes |= inbox.post(Overlay(view, changes), claim.session, words, operation, number=len(taken))
    if not taken:
        raise Conflict(
            "Nothing is on offer for this session.",
            hint=f"Claim what you need: {advice.CLAIM.of('PATH...')}.",
        )
    changes |= other_offers(view, taken)
    changes |= session_rules.renewed(session, operation)
    changes, served = waiting_line.serve(
        view, changes, generation, operation.at
    )  # it, or others, may wait for less now
    after = Overlay(view, changes)
    met = [item for claim in taken for item in in_the_way(after, claim)]
    if met:
        refused = refusals.refusal(met)
        words = f"Wait for what is on offer in line: {advice.WAIT.of('PATH...')}."
        return Refused(refused.again(hint=words))
    standing = tickets.line(after)
    for ticket in tickets.of_session(standing, session.id):
        stuck = deadlocks.closed_by(after, [other for other in standing if other.id != ticket.id], ticket)
        if stuck is not None:
            return Refused(stuck)
    answer = Taken(tuple(taken), tuple(served))
    subject = (
        f"{session.id} accepts {', '.join(claim.pattern for claim in taken)}{waiting_line.given(served)}"
    )
    return Accepted(changes, answer, one_line(subject))


def moved(claim: Claim, to: Session, operation: Operation, generation: int) -> Claim:
    """The claim as its new holder's."""
    return replace(
        claim,
        session=to.id,
        node=to.node,
        token=generation,
        granted_at=operation.at,
        uptime=operation.timing.uptime,
        accept_within=0,
        upon="",
    )


def _check_named(mine: list[Claim], pattern: Pattern, *, exact_case: bool) -> None:
    """Refuse to offer what the session does not claim, or a part of what it claims. Raises Conflict, UsageError."""
    held = [claim.meant for claim in mine]
    if any(takes_in(pattern, one, case_sensitive=exact_case) for one in held):
        return
    if any(overlap(one, pattern, case_sensitive=exact_case) for one in held):
        raise UsageError(
            f"{display(pattern.text)} is only part of a claim of this session.",
            hint=f"Offer the whole claim; see {advice.CLAIMS}.",
        )
    raise Conflict(
        f"This session has no claim on {display(pattern.text)} to offer.",
        hint=f"See what it has: {advice.CLAIMS}.",
    )


def _check_whole(mine: list[Claim], offered: list[Claim], *, exact_case: bool) -> None:
    """Refuse to offer a claim that meets one which stays: two sessions would have the same paths. Raises UsageError."""
    for claim in offered:
        for other in mine:
            stays = other not in offered and model.EXCLUSIVE in {claim.mode, other.mode} and not claim.slots
            parsed = claim.meant, other.meant
            if stays and overlap(*parsed, case_sensitive=exact_case) is not None:
                words = f"This session also claims {display(other.pattern)}, which meets {display(claim.pattern)}."
                raise UsageError(words, hint="Offer both, or release one of them first.")


def in_the_way(after: View, moved: Claim) -> list[conflicts.InTheWay]:
    """What the claims of others have in common with a claim that has just moved; units of a resource only change hands."""
    pattern = moved.meant
    return [] if pattern.units else list(conflicts.find(after, pattern, moved.mode, moved.session))


class _OfferNote(Struct):
    """Where the claim is that is on offer, which it is, `by` whom, and the operation that told of the offer."""

    where: str = field(TEXT)
    claim: str = field(TEXT)
    by: str = field(TEXT, key="from")
    told: str = field(TEXT, default="")


def _offered(view: View, where: str) -> tuple[Claim | None, str]:
    """The claim that a note of an offer is about, if its holder then still has it; and the operation that told of the offer."""
    try:
        note = _OfferNote.decode(canonical.load(view.get(where) or b""))
        claim = model.read(view, note.where)
    except ValueError:
        return None, ""
    if not isinstance(claim, Claim) or claim.id != note.claim or claim.session != note.by:
        return None, note.told
    return claim, note.told


def other_offers(view: View, taken: list[Claim]) -> Changes:
    """The changes that void the offers of these claims to others: none may come to life when a claim is given back."""
    everyone = [session.id for session in session_records.readable(view)]
    gone = {claim.id for claim in taken}
    notes = [
        (f"{session_records.folder(id_)}/offers", name)
        for id_ in everyone
        for name, _ in view.names(f"{session_records.folder(id_)}/offers")
    ]
    return {f"{folder}/{name}": None for folder, name in notes if name in gone}


def _of_others(view: View, operation: Operation, body: Break) -> list[Claim]:
    """The claims of others on or below the patterns, each once. Raises UsageError for a part of one."""
    exact = body.case_sensitive
    found: dict[str, Claim] = {}
    for pattern in body.parsed():
        near = [claim for claim in model.near(view, pattern.prefix_key) if isinstance(claim, Claim)]
        near = [claim for claim in near if claim.session != operation.session]
        below = {claim.id: claim for claim in near if takes_in(pattern, claim.meant, case_sensitive=exact)}
        wider = [claim for claim in near if overlap(claim.meant, pattern, case_sensitive=exact)]
        if wider and not below:
            words = f"{display(pattern.text)} is only part of a claim of {wider[0].session}: {display(wider[0].pattern)}."
            raise UsageError(words, hint=f"Name the whole claim; see {advice.CLAIMS}.")
        found |= below
    return list(found.values())


KINDS = (break_, offer, accept)
