"""Claims that change hands: broken by a person, or offered by their holder and accepted. Pure; one operation each.

The other side always gets a message. What is freed goes to the waiting line in the same transaction.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from gitfleet.base import canonical
from gitfleet.base.text import one_line
from gitfleet.claims import line, model
from gitfleet.claims.model import Claim
from gitfleet.claims.overlap import covers
from gitfleet.claims.patterns import Pattern
from gitfleet.errors import Conflict, PolicyRefused, UsageError
from gitfleet.ledger.model import Accepted, Decision, Operation, View
from gitfleet.sessions import inbox
from gitfleet.sessions import model as sessions
from gitfleet.sessions import rules as session_rules

Changes = dict[str, bytes | None]


def break_(view: View, operation: Operation, generation: int) -> Decision:
    """`claim.break`: a person takes live claims on or below `patterns` away from whoever holds them, with a `reason`.

    Only for sessions of persons (PolicyRefused). Raises Conflict when nothing of it is claimed.
    """
    session = session_rules.own(view, operation)
    reason = str(operation.body.get("reason", "")).strip()
    if not session.person:
        raise PolicyRefused(
            "Only a person may break a live claim. Nothing was changed.", hint="Wait, or ask its holder."
        )
    if not reason:
        raise UsageError(
            "Breaking a claim needs a reason. Nothing was changed.", hint="Say it: `--reason TEXT`."
        )
    going = [
        claim
        for pattern in _patterns(operation)
        for claim in _below(view, pattern)
        if claim.session != session.id
    ]
    if not going:
        raise Conflict(
            "Nobody else holds a claim there. Nothing was changed.",
            hint="See `gitfleet claims`.",
            conflicts=[],
        )
    changes: Changes = {}
    for number, claim in enumerate(going):
        changes |= model.drop(claim)
        words = f"Your claim on {claim.pattern} was broken by {session.id}: {reason}"
        changes |= inbox.post(view, claim.session, words, operation, number=number)
    changes, served = line.serve(view, changes, generation, operation.at)
    answer = {
        "broken": [c.as_record() for c in going],
        "served": [c.as_record() for c in served],
        "reason": reason,
    }
    what = ", ".join(f"{claim.pattern} of {claim.session}" for claim in going)
    return Accepted(changes, answer, one_line(f"{session.id} breaks {what}: {reason}"))


def offer(view: View, operation: Operation, generation: int) -> Decision:
    """`claim.offer`: the session's own claims on or below `patterns` are offered to the session `to`, which may accept."""
    del generation
    session = session_rules.own(view, operation)
    to = session_rules.required(view, str(operation.body["to"]))
    mine = [c for c in model.of_session(view, session.id) if isinstance(c, Claim)]
    offered = [c for c in mine if any(covers(p, model.parsed(c.pattern)) for p in _patterns(operation))]
    if not offered:
        raise Conflict("This session has no claim there to offer. Nothing was changed.", conflicts=[])
    changes: Changes = {}
    for claim in offered:
        note = canonical.dump({"where": claim.where, "claim": claim.id, "from": session.id})
        changes[f"{sessions.folder(to.id)}/offers/{claim.id}"] = note
    what = ", ".join(claim.pattern for claim in offered)
    words = f"{session.id} offers you its claims on {what}; `gitfleet accept` takes them."
    changes |= inbox.post(view, to.id, words, operation)
    changes |= dict([session_rules.renewed(session, operation)])
    answer = {"offered": [claim.as_record() for claim in offered], "to": to.id}
    return Accepted(changes, answer, one_line(f"{session.id} offers {what} to {to.id}"))


def take(view: View, operation: Operation, generation: int) -> Decision:
    """`claim.take`: the session accepts everything that is offered to it and still its holder's to give.

    Each claim moves with a new token. Raises Conflict when nothing is on offer.
    """
    session = session_rules.own(view, operation)
    folder = f"{sessions.folder(session.id)}/offers"
    changes: Changes = {}
    taken = []
    for name, _ in view.names(folder):
        changes[f"{folder}/{name}"] = None
        claim = _offered(view, f"{folder}/{name}")
        if claim is None:
            continue
        changes |= model.drop(claim)
        mine = replace(
            claim, session=session.id, node=session.node, token=generation, granted_at=operation.at
        )
        changes |= model.put(mine)
        taken.append(mine)
        words = f"{session.id} has accepted your claim on {claim.pattern}; it is no longer yours."
        changes |= inbox.post(view, claim.session, words, operation, number=len(taken))
    if not taken:
        raise Conflict("Nothing is on offer for this session. Nothing was changed.", conflicts=[])
    changes |= dict([session_rules.renewed(session, operation)])
    what = ", ".join(claim.pattern for claim in taken)
    return Accepted(
        changes, {"taken": [claim.as_record() for claim in taken]}, one_line(f"{session.id} accepts {what}")
    )


def _offered(view: View, where: str) -> Claim | None:
    """The claim that a note of an offer is about, if its holder then still has it."""
    try:
        note: dict[str, Any] = canonical.load(view.get(where) or b"")
        claim = model.read(view, str(note["where"]))
    except (ValueError, KeyError):
        return None
    if not isinstance(claim, Claim) or claim.id != note.get("claim") or claim.session != note.get("from"):
        return None
    return claim


def _below(view: View, pattern: Pattern) -> list[Claim]:
    found = [claim for claim in model.near(view, pattern.prefix_key) if isinstance(claim, Claim)]
    return [claim for claim in found if covers(pattern, model.parsed(claim.pattern))]


def _patterns(operation: Operation) -> list[Pattern]:
    return [model.parsed(str(text)) for text in operation.body["patterns"]]


RULES = {"claim.break": break_, "claim.offer": offer, "claim.take": take}
