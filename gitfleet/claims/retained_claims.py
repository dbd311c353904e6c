"""Claims that stay with branches and worktrees: made so when their session ends or a branch is pushed, let go at last. Pure.

A branch that changes a path goes on changing it after its session has ended, and so do changes in a worktree that are on
no branch yet. So the claim stays, under the name of that session, with each of them (`keepers`), until the branch has
landed on the trunk, is gone from the hub, or a person lets it go; until the changes in the worktree are on a branch, or
gone. Another session gets it only with work that contains all of these. What a branch changes, whether it has landed, what
lies in a worktree and what a session's work contains are observations of a node (`upkeep.branches`, `trunk.retention`): they
come as facts of the operation.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from gitfleet.base import advice
from gitfleet.base.ids import is_name
from gitfleet.base.names import SessionId
from gitfleet.base.text import counted, display, one_line
from gitfleet.claims import ended_grants, keepers, model, tickets, waiting_line
from gitfleet.claims.asking import Acquire
from gitfleet.claims.conflict_text import kept_by
from gitfleet.claims.keepers import KEEPER, KEPT, Keeper, Keeping
from gitfleet.claims.model import CLAIMS, PATTERNS, Claim
from gitfleet.codec import TEXT, Choice, Many, Maybe, One, Struct, Table, field, replace
from gitfleet.errors import Conflict, PolicyRefused
from gitfleet.ledger.model import PERSON, Accepted, Answer, Changes, Operation, Refused, View
from gitfleet.ledger.operations import BY_NODES, BY_PERSONS, Decision, operation
from gitfleet.ledger.overlay import Overlay
from gitfleet.obstacles import Obstacle
from gitfleet.sessions import inbox, session_records, session_rules
from gitfleet.sessions.session_records import Session
from gitfleet.sessions.session_rules import Process

Outcome = Literal["landed", "deleted", "released", "cleared"]
LANDED: Outcome = "landed"
DELETED: Outcome = "deleted"
RELEASED: Outcome = "released"
CLEARED: Outcome = "cleared"
_HOW = {
    LANDED: "has landed",
    DELETED: "is gone from the hub",
    RELEASED: "was given up",
    CLEARED: "no longer has changes to it",
}


class StartKeeping(session_rules.StartFacts):
    """As in `session_rules`. `retain`: what keeps its claims (see `End`) where the session goes on in another worktree than its
    own; `based_on` (see `asking.Acquire`) where a session of that name has ended here. `takes`: patterns whose claims persons
    of the same worktree give it (`passing`).
    """

    retain: tuple[Keeping, ...] = field(KEPT, default=(), omit=True)
    based_on: Mapping[str, tuple[str, ...]] = field(Table(Many(TEXT)), default={}, omit=True)
    takes: tuple[str, ...] = field(PATTERNS, default=(), omit=True)


class Started(Answer):
    """The session, and the claims that it has again from the session of that name before it."""

    session: Session = field(One(Session))
    claims: tuple[Claim, ...] = field(CLAIMS, default=())


class End(Struct):
    """`retain`: what keeps which of the claims; `was`: only if the session still lives with this process (Conflict).

    `gives`: patterns of claims that pass to the session `heir` of the same worktree, where that alone would keep them (`passing`).
    """

    retain: tuple[Keeping, ...] = field(KEPT, default=(), omit=True)
    was: Process | None = field(Maybe(One(Process)), default=None, omit=True)
    heir: str = field(TEXT, default="", omit=True)
    gives: tuple[str, ...] = field(PATTERNS, default=(), omit=True)


class Ended(Answer):
    """The session as it was, what became of its claims (`given`: those that another has now), and the messages that it was not shown (`unheard`)."""

    session: Session = field(One(Session))
    released: tuple[Claim, ...] = field(CLAIMS)
    retained: tuple[Claim, ...] = field(CLAIMS)
    served: tuple[Claim, ...] = field(CLAIMS)
    unheard: tuple[str, ...] = field(Many(TEXT))
    given: tuple[Claim, ...] = field(CLAIMS, default=())


class Retain(Struct):
    """What keeps which of the session's claims from now on."""

    retain: tuple[Keeping, ...] = field(KEPT)


class Retained(Answer):
    """The claims that stay with something else now, or with more."""

    retained: tuple[Claim, ...] = field(CLAIMS)


class LetGo(Struct):
    """What no longer keeps claims, and why.

    `keeper` is as the claims record it (the precondition), `claims` their ids (None: all), `retain` what keeps them instead,
    `evidence` what was looked at, for the log. The outcome `cleared` is a worktree's, `released` a person's word, for every head.
    """

    keeper: Keeper = field(KEEPER)
    outcome: Outcome = field(Choice[Outcome](LANDED, DELETED, RELEASED, CLEARED))
    claims: tuple[str, ...] | None = field(Maybe(PATTERNS), default=None, omit=True)
    retain: tuple[Keeping, ...] = field(KEPT, default=(), omit=True)
    evidence: Mapping[str, str] = field(Table(TEXT), default={}, omit=True)


class LetGone(Answer):
    """What is free now, what something else still keeps, and what the waiting line was given."""

    branch: str = field(TEXT)
    outcome: Outcome = field(Choice[Outcome](LANDED, DELETED, RELEASED, CLEARED))
    released: tuple[Claim, ...] = field(CLAIMS)
    retained: tuple[Claim, ...] = field(CLAIMS)
    served: tuple[Claim, ...] = field(CLAIMS)


@operation("session.start", body=StartKeeping, answer=Started)
def start(view: View, operation: Operation, body: StartKeeping, generation: int) -> Decision[Started]:
    """`session.start`, which gives the name of a session whose claims are still retained to nobody but who goes on with them:
    it has them again if all of their work is there.
    """
    left = [] if session_records.find(view, operation.session) else left_by(view, operation.session)
    for claim in left:
        if claim.node != operation.node or not may_take(view, claim, body.based_on, lapsed=False):
            return Refused(_taken(claim))
    decided = session_rules.start(view, operation, body)
    if isinstance(decided, Refused):
        return decided
    changes = dict(decided.changes)
    for claim in left:  # what lies in its worktree is its own again
        trees = [keeper for keeper in claim.retained if not keeper.branch]
        changes |= dict.fromkeys(model.keeper_index(keeper.name, claim.id) for keeper in trees)
        changes |= model.put(
            replace(claim, retained=keepers.without(claim.retained, {k.name for k in trees}))
        )
    if body.retain:
        for claim in _marked(model.held_by(view, operation.session), body.retain):
            changes |= model.put(claim)
    taken: list[Claim] = []
    if body.takes:
        from gitfleet.claims import passing  # only where one begins beside a draft

        after, begun = Overlay(view, changes), decided.answer.session
        more, taken = passing.passed(
            after, passing.of_persons(after, body.takes, begun), begun, operation, generation
        )
        changes |= more
    subject = decided.subject + (f", and has {', '.join(claim.pattern for claim in taken)}" if taken else "")
    return Accepted(changes, Started(decided.answer.session, tuple(left)), one_line(subject))


def left_by(view: View, session: str) -> list[Claim]:
    """The retained claims of a session that has ended, by its name."""
    return [claim for claim in model.retained(view) if claim.session == session]


@operation("session.end", body=End, answer=Ended, paths=model.of_answer(lambda told: told.released))
def end(view: View, operation: Operation, body: End, generation: int) -> Decision[Ended]:
    """`session.end`: the session goes, and its claims with it, but for those that are retained.

    The inbox ends with the session: what it was not shown is in the answer.
    """
    session = session_rules.own(view, operation)
    if body.was is not None and body.was != Process.of(session):
        return Refused(_goes_on(session))
    mine = model.held_by(view, session.id)
    kept = [claim for claim in _marked(mine, body.retain) if claim.retained]
    passing_on = _passed(view, operation, session, body, kept, generation) if body.gives else ({}, [])
    given = {claim.id for claim in passing_on[1]}
    kept = [claim for claim in kept if claim.id not in given]
    changes, answer = ending(view, operation, session, kept, generation, passing_on)
    released = counted(len(answer.released), "claim")
    to_heir = ", ".join(claim.pattern for claim in answer.given)
    subject = (
        f"session {session.id} ends, releasing {released}{f', passing {to_heir} to {body.heir}' if to_heir else ''}"
        f"{retaining(kept)}{waiting_line.given(answer.served)}"
    )
    return Accepted(changes, answer, one_line(subject))


def _passed(
    view: View, operation: Operation, session: Session, body: End, kept: Sequence[Claim], generation: int
) -> tuple[Changes, list[Claim]]:
    """What of the claims that only its worktree would keep is its heir's."""
    from gitfleet.claims import passing  # only where one ends beside a draft

    heir = session_records.known(view, SessionId(body.heir))
    if heir is None or not passing.is_beside(session, heir):
        return {}, []
    left = {claim.id for claim in kept if not any(keeper.branch for keeper in claim.retained)}
    mine = [one for one in model.held_by(view, session.id) if one.id in left and one.pattern in body.gives]
    return passing.passed(view, mine, heir, operation, generation)


def ending(
    view: View, operation: Operation, session: Session, kept: Sequence[Claim], generation: int,
    passing_on: tuple[Changes, Sequence[Claim]] = ({}, ()),
) -> tuple[Changes, Ended]:  # fmt: skip
    """What changes when a session goes whose claims `kept` stay, and others were passed on; the rest of its claims is released."""
    messages = inbox.read(view, session.id)
    unheard = [message.words for message in messages if message.name not in operation.heard]
    stay = {one.id for one in (*kept, *passing_on[1])}
    released = [claim for claim in model.held_by(view, session.id) if claim.id not in stay]
    changes: Changes = dict.fromkeys(view.files(session_records.folder(session.id)))
    changes |= model.drop(view, operation.at, *released)
    changes |= passing_on[0]
    changes |= model.stay(*kept)
    for ticket in tickets.of_session(tickets.line(view), session.id):
        changes[ticket.where] = None
    changes, served = waiting_line.serve(view, changes, generation, operation.at)
    return changes, Ended(
        session, tuple(released), tuple(kept), tuple(served), tuple(unheard), tuple(passing_on[1])
    )


@operation("claim.retain", body=Retain, answer=Retained, paths=model.of_answer(lambda told: told.retained))
def retain(view: View, operation: Operation, body: Retain, generation: int) -> Decision[Retained]:
    """`claim.retain`: claims of a live session, which it keeps, are also its branches' from now on.

    No sign of life: a node may find out by itself that a branch was pushed.
    Refused with Conflict when nothing of it is new.
    """
    del generation
    session = session_rules.own(view, operation)
    mine = model.held_by(view, session.id)
    marked = [claim for claim in _marked(mine, body.retain) if claim not in mine]
    if not marked:
        return Refused(Conflict("These claims are retained already."))
    changes: Changes = {}
    changes |= model.put(*marked)
    answer = Retained(tuple(marked))
    return Accepted(changes, answer, one_line(f"claims of {session.id} are kept{retaining(marked)}"))


@operation(
    "claim.let-go",
    body=LetGo,
    answer=LetGone,
    actors=BY_NODES + BY_PERSONS,
    paths=model.of_answer(lambda told: told.released),
)
def let_go(view: View, operation: Operation, body: LetGo, generation: int) -> Decision[LetGone]:
    """`claim.let-go`: a branch, or a worktree, lets its claims go; what no other keeps ends, and its session is told.

    Refused with Conflict when nothing is retained so (any more). A live session keeps what a worktree no longer holds for it.
    """
    keeper, outcome, only = body.keeper, body.outcome, body.claims
    _check_may(view, operation, keeper, outcome)
    there = [claim for claim in model.of_keeper(view, keeper.name) if isinstance(claim, Claim)]
    going = [
        claim
        for claim in there
        if (outcome == RELEASED or keeper in claim.retained) and (only is None or claim.id in only)
    ]
    if not going:
        words = f"{kept_by([keeper.as_record()]).capitalize()} retains no such claims."
        return Refused(Conflict(words, hint=f"See {advice.CLAIMS}."))
    changes: Changes = {}
    gone, stay = [], []
    for claim in going:
        after = _let_go(claim, keeper, body.retain)
        if after.retained or (outcome == CLEARED and model.lives(view, claim)):
            stay.append(after)
            changes |= model.left(view, claim, after)
        else:
            gone.append(claim)
            changes |= model.drop(view, operation.at, claim, unlanded=outcome == RELEASED)
    for number, session in enumerate(sorted({claim.session for claim in gone if is_name(claim.session)})):
        what = ", ".join(claim.pattern for claim in gone if claim.session == session)
        words = f"Your {kept_by([keeper.as_record()])} {_HOW[outcome]}: your claims on {what} are released."
        changes |= inbox.post(Overlay(view, changes), session, words, operation, number=number)
    changes, served = waiting_line.serve(view, changes, generation, operation.at)
    answer = LetGone(keeper.branch, outcome, tuple(gone), tuple(stay), tuple(served))
    what = ", ".join(claim.pattern for claim in gone) or "nothing yet"
    words = f"{kept_by([keeper.as_record()])} {_HOW[outcome]}, releasing {what}{waiting_line.given(served)}"
    return Accepted(changes, answer, one_line(words))


def may_take(view: View, claim: Claim, based_on: Mapping[str, Sequence[str]], *, lapsed: bool) -> bool:
    """Whether a request may have a retained claim: its work contains that of all keepers, and the session is gone or lapsed."""
    shown = based_on.get(claim.id)
    contains = shown is not None and set(keepers.marks(claim.retained)) <= set(shown)
    return contains and (not model.lives(view, claim) or lapsed)


def moved(view: View, claim: Claim, operation: Operation, terms: Acquire, generation: int) -> Claim:
    """A retained claim as the session gets it that builds on that work: whole, so that nothing of it is left open.

    It says upon which grants it builds, those of the builders before it included: commits made under any of them are
    part of the session's work now.
    """
    before = [
        f"{claim.session}/{one.who}@{one.token}"
        for one in ended_grants.former(view, claim)
        if one.who != claim.id
    ]
    upon = " ".join([claim.upon, *before, f"{claim.session}@{claim.token}"]).strip()
    while len(upon) > session_records.MAX_TEXT:
        upon = upon.partition(" ")[2]
    return replace(
        claim, session=operation.session, node=operation.node, token=generation, granted_at=operation.at,
        uptime=operation.timing.uptime, ttl=terms.ttl, operation=operation.id, branch=terms.branch, accept_within=0, retained=(), upon=upon,
    )  # fmt: skip


def _check_may(view: View, operation: Operation, keeper: Keeper, outcome: Outcome) -> None:
    """Refuse what is not the requester's to say. Raises PolicyRefused, Conflict."""
    by_person = operation.actor.kind == PERSON and session_rules.own(view, operation).person
    if outcome == RELEASED and not by_person:
        raise PolicyRefused(
            "Only a person may release what a branch retains.",
            hint="Wait until it has landed, or build on it.",
        )
    if outcome == CLEARED and keeper.node != operation.node:
        words = f"Only node {display(keeper.node)} can see that worktree."
        raise Conflict(words, hint=f"Run {advice.SYNC} in that clone.")


def _marked(mine: Sequence[Claim], said: Sequence[Keeping]) -> list[Claim]:
    """All of a session's claims, with what retains each from now on, what did before included."""
    marked = []
    for claim in mine:
        more = [one.keeper for one in said if claim.id in one.claims]
        kept = keepers.joined(claim.retained, more)
        marked.append(replace(claim, retained=kept, accept_within=0) if more else claim)
    return marked


def _let_go(claim: Claim, keeper: Keeper, instead: Sequence[Keeping]) -> Claim:
    """A claim as it is when one of its keepers has let it go."""
    (after,) = _marked([replace(claim, retained=keepers.without(claim.retained, {keeper.name}))], instead)
    return after


def retaining(kept: Iterable[Claim]) -> str:
    """Who retains how many claims, for the log."""
    counts: dict[Keeper, int] = {}
    for claim in kept:
        for keeper in claim.retained:
            counts[keeper] = counts.get(keeper, 0) + 1
    rows = [(kept_by([keeper.as_record()]), count) for keeper, count in sorted(counts.items())]
    return "".join(f"; {words} retains {counted(count, 'claim')}" for words, count in rows)


def _goes_on(session: Session) -> Conflict:
    words = f"The session '{session.id}' has been taken up again by another process."
    return Conflict(words, hint=f"See {advice.SESSIONS}.", conflicts=(session_rules.obstacle(session),))


def _taken(claim: Claim) -> Conflict:
    words = f"There was a session '{claim.session}', and its {display(kept_by(claim.keeper_records))} still retains claims."
    return Conflict(
        words,
        hint="Choose another id, or leave `--id` out to get a new one.",
        conflicts=(Obstacle(session=claim.session, node=claim.node),),
    )


KINDS = (start, end, retain, let_go)
