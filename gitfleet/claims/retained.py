"""Claims that stay with a branch: made so when their session ends or its branch is pushed, and let go when it lands. Pure.

A branch that changes a path goes on changing it after its session has ended. So the claim stays, under the name of
that session, until the branch has landed on the trunk, is gone from the hub, or a person lets it go. Another session
gets it only with work that contains the branch's head. What a branch changes, whether it has landed and what a
session's work contains are observations of a node (`fleet.branches`): they come as facts of the operation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from gitfleet.base.ids import is_name
from gitfleet.base.text import counted, display, one_line
from gitfleet.claims import line, model, past, tickets
from gitfleet.claims.model import Claim
from gitfleet.errors import Conflict, PolicyRefused, UsageError
from gitfleet.ledger.model import Accepted, Decision, Operation, Refused, View
from gitfleet.ledger.overlay import Overlay
from gitfleet.sessions import inbox
from gitfleet.sessions import model as sessions
from gitfleet.sessions import rules as session_rules
from gitfleet.sessions.model import Session

LANDED, DELETED, RELEASED = "landed", "deleted", "released"
_HOW = {
    LANDED: "has landed",
    DELETED: "is gone from the hub",
    RELEASED: "was let go",
}
Changes = dict[str, bytes | None]


def start(view: View, operation: Operation, generation: int) -> Decision:
    """`session.start`, which gives nobody the name of a session whose branch still retains claims."""
    if sessions.find(view, operation.session) is None:
        for claim in model.retained(view):
            if isinstance(claim, Claim) and claim.session == operation.session:
                return Refused(_taken(claim))
    return session_rules.start(view, operation, generation)


def end(view: View, operation: Operation, generation: int) -> Decision:
    """`session.end`: the session goes, and its claims with it, but for those that its branch retains.

    Body: `retain`, absent or `{"branch", "head", "claims"}`: the ids of the claims on what the branch changed; `was`,
    absent or the process (`pid`, `start`) that the session lived with: refused with Conflict when it has another since;
    `seen`, the names of messages that were shown. The inbox ends with the session: the rest is in the answer (`unheard`).
    """
    session = session_rules.own(view, operation)
    was = operation.body.get("was")
    if was is not None and was != {"pid": session.pid, "start": session.start}:
        return Refused(_goes_on(session))
    mine = [claim for claim in model.of_session(view, session.id) if isinstance(claim, Claim)]
    said = operation.body.get("retain")
    branch, head, wanted = _said(said) if said is not None else ("", "", frozenset[str]())
    kept = _marked(mine, branch, head, wanted)
    seen = operation.body.get("seen", [])
    unheard = [message.words for message in inbox.read(view, session.id) if message.name not in seen]
    released = [claim for claim in mine if claim.id not in {one.id for one in kept}]
    changes: Changes = dict.fromkeys(view.files(sessions.folder(session.id)))
    for claim in released:
        changes |= model.drop(view, claim, operation.at)
    for claim in kept:
        changes |= model.stay(claim)
    for ticket in tickets.of_session(tickets.line(view), session.id):
        changes[ticket.where] = None
    changes, served = line.serve(view, changes, generation, operation.at)
    answer = {
        "session": session.as_record(),
        "released": [claim.as_record() for claim in released],
        "retained": [claim.as_record() for claim in kept],
        "served": [claim.as_record() for claim in served],
        "unheard": unheard,
    }
    subject = f"session {session.id} ends, releasing {counted(len(released), 'claim')}"
    for name in sorted({claim.retained for claim in kept}):
        count = sum(claim.retained == name for claim in kept)
        subject += f"; branch {name} retains {counted(count, 'claim')}"
    return Accepted(changes, answer, one_line(subject + given(served)))


def retain(view: View, operation: Operation, generation: int) -> Decision:
    """`claim.retain`: claims of a live session, which it keeps, are also its branch's from now on.

    Body: `branch`, `head`, `claims` (ids). No sign of life: a node may find out by itself that a branch was pushed.
    Refused with Conflict when nothing of it is new.
    """
    del generation
    session = session_rules.own(view, operation)
    branch, head, wanted = _said(operation.body)
    mine = [c for c in model.of_session(view, session.id) if isinstance(c, Claim) and c.id in wanted]
    marked = [c for c in _marked(mine, branch, head, wanted) if c not in mine]
    if not marked:
        return Refused(
            Conflict("That branch retains these claims already. Nothing was changed.", conflicts=[])
        )
    changes: Changes = {}
    for claim in marked:
        changes |= model.put(claim)
    what = ", ".join(claim.pattern for claim in marked)
    answer = {"retained": [claim.as_record() for claim in marked]}
    return Accepted(changes, answer, one_line(f"branch {branch} of {session.id} retains {what}"))


def landed(view: View, operation: Operation, generation: int) -> Decision:
    """`claim.landed`: a branch lets its claims go; the session is told if it is still there.

    Body: `branch`, `head` (as the claims record it: the precondition), `outcome` (`landed`, `deleted`, or `released`
    by a person, for every head), `evidence` (what was looked at, for the log). Refused with Conflict when the branch
    retains nothing at that head (any more).
    """
    branch, head, outcome = (str(operation.body[name]) for name in ("branch", "head", "outcome"))
    if outcome not in _HOW:
        raise ValueError(f"outcome {outcome}")
    if outcome == RELEASED and not session_rules.own(view, operation).person:
        raise PolicyRefused(
            "Only a person lets go what a branch retains. Nothing was changed.",
            hint="Wait until it has landed, or build on it.",
        )
    there = [claim for claim in model.of_branch(view, branch) if isinstance(claim, Claim)]
    going = [claim for claim in there if outcome == RELEASED or claim.head == head]
    if not going:
        words = f"Branch {display(branch)} retains no claims at that commit. Nothing was changed."
        return Refused(Conflict(words, hint="See `gitfleet claims`.", conflicts=[]))
    changes: Changes = {}
    for claim in going:
        over = (
            claim if outcome == RELEASED else replace(claim, head="")
        )  # nothing of it is to be had elsewhere
        changes |= model.drop(view, over, operation.at)
    for number, session in enumerate(sorted({claim.session for claim in going if is_name(claim.session)})):
        what = ", ".join(claim.pattern for claim in going if claim.session == session)
        words = f"Your branch {branch} {_HOW[outcome]}: your claims on {what} are released."
        changes |= inbox.post(Overlay(view, changes), session, words, operation, number=number)
    changes, served = line.serve(view, changes, generation, operation.at)
    answer = {
        "branch": branch,
        "outcome": outcome,
        "released": [claim.as_record() for claim in going],
        "served": [claim.as_record() for claim in served],
    }
    what = ", ".join(claim.pattern for claim in going)
    return Accepted(
        changes, answer, one_line(f"branch {branch} {_HOW[outcome]}, releasing {what}{given(served)}")
    )


def may_take(view: View, claim: Claim, body: Mapping[str, Any], *, lapsed: bool) -> bool:
    """Whether a request may have a retained claim: its work contains the branch's head, and the session is gone or lapsed."""
    based_on = body.get("based_on")
    contains = isinstance(based_on, dict) and bool(claim.head) and based_on.get(claim.id) == claim.head
    ended = not is_name(claim.session) or view.get(sessions.path(claim.session)) is None
    return contains and (ended or lapsed)


def moved(view: View, claim: Claim, operation: Operation, generation: int) -> Claim:
    """A retained claim as the session gets it that builds on its branch: whole, so that nothing of it is left open.

    It says upon which grants it builds, those of the builders before it included: commits made under any of them are
    part of the session's work now.
    """
    before = [
        f"{claim.session}/{one.who}@{one.token}" for one in past.former(view, claim) if one.who != claim.id
    ]
    upon = " ".join([claim.upon, *before, f"{claim.session}@{claim.token}"]).strip()
    while len(upon) > sessions.MAX_TEXT:
        upon = upon.partition(" ")[2]
    return replace(
        claim, session=operation.session, node=operation.node, token=generation, granted_at=operation.at,
        uptime=str(operation.body.get("uptime", ""))[:128], ttl=int(operation.body["ttl"]), operation=operation.id,
        branch=str(operation.body.get("branch", ""))[: sessions.MAX_TEXT], accept_within=0, retained="", head="", upon=upon,
    )  # fmt: skip


def given(served: Sequence[Claim]) -> str:
    """What the waiting line was given in the same transaction, for the log."""
    return "".join(f"; {claim.session} is given {claim.pattern}" for claim in served)


def _marked(mine: Sequence[Claim], branch: str, head: str, wanted: frozenset[str]) -> list[Claim]:
    """Those of a session's claims that a branch retains from now on, or did before. The first branch keeps a claim."""
    marked = []
    for claim in mine:
        if claim.id in wanted and claim.retained in {"", branch}:
            marked.append(replace(claim, retained=branch, head=head, accept_within=0))
        elif claim.retained:
            marked.append(claim)
    return marked


def _said(body: Any) -> tuple[str, str, frozenset[str]]:
    """Branch, head and claims of a request to retain."""
    branch, head, claims = body["branch"], body["head"], body["claims"]
    sound = isinstance(branch, str) and 0 < len(branch) <= 1024 and isinstance(claims, list)
    if not sound or not (isinstance(head, str) and len(head) == 40 and set(head) <= set("0123456789abcdef")):
        raise UsageError("A branch and the commit it is at were expected. Nothing was changed.")
    return branch, head, frozenset(str(claim) for claim in claims)


def _goes_on(session: Session) -> Conflict:
    words = f"The session '{session.id}' has been taken up again by another process. Nothing was changed."
    facts = {"session": session.id, "node": session.node, "agent": session.agent, "title": session.title}
    return Conflict(words, hint="See `gitfleet session list`.", conflicts=[facts])


def _taken(claim: Claim) -> Conflict:
    words = (
        f"There was a session '{claim.session}', and its branch {display(claim.retained)} still retains claims. "
        "Nothing was changed."
    )
    return Conflict(
        words,
        hint="Choose another id, or leave `--id` out to get a new one.",
        conflicts=[{"session": claim.session, "node": claim.node, "agent": "", "title": ""}],
    )


RULES = {"session.start": start, "session.end": end, "claim.retain": retain, "claim.landed": landed}
