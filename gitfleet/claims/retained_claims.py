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
from dataclasses import replace
from typing import Any

from gitfleet.base.ids import is_name
from gitfleet.base.text import counted, display, one_line
from gitfleet.claims import ended_grants, keepers, line, model, tickets
from gitfleet.claims.conflict_text import kept_by
from gitfleet.claims.keepers import Keeper
from gitfleet.claims.model import Claim
from gitfleet.errors import Conflict, PolicyRefused, UsageError
from gitfleet.ledger.model import Accepted, Decision, Operation, Refused, View
from gitfleet.ledger.overlay import Overlay
from gitfleet.sessions import inbox
from gitfleet.sessions import model as sessions
from gitfleet.sessions import rules as session_rules
from gitfleet.sessions.model import Session

LANDED, DELETED, RELEASED, CLEARED = "landed", "deleted", "released", "cleared"
_HOW = {
    LANDED: "has landed",
    DELETED: "is gone from the hub",
    RELEASED: "was given up",
    CLEARED: "has no changes of it any more",
}
Changes = dict[str, bytes | None]
Said = Sequence[tuple[Keeper, frozenset[str]]]


def start(view: View, operation: Operation, generation: int) -> Decision:
    """`session.start`, which gives the name of a session whose claims are still retained to nobody but who goes on with them.

    Body: as in `sessions.rules`; `retain` (see `end`) where the session goes on in another worktree than its own; `based_on`
    (see `rules.acquire`) where a session of that name has ended here: it has its claims again if all of its work is there.
    """
    left = [] if sessions.find(view, operation.session) else left_by(view, operation.session)
    for claim in left:
        if claim.node != operation.node or not may_take(view, claim, operation.body, lapsed=False):
            return Refused(_taken(claim))
    decided = session_rules.start(view, operation, generation)
    if isinstance(decided, Refused):
        return decided
    changes = dict(decided.changes)
    for claim in left:  # what lies in its worktree is its own again
        trees = [keeper for keeper in claim.retained if not keeper.branch]
        changes |= dict.fromkeys(model.keeper_index(keeper.name, claim.id) for keeper in trees)
        changes |= model.put(
            replace(claim, retained=keepers.without(claim.retained, {k.name for k in trees}))
        )
    if operation.body.get("retain"):
        for claim in _marked(_own(view, operation.session), _said(operation.body["retain"])):
            changes |= model.put(claim)
    has = [claim.as_record() for claim in left]
    return decided._replace(changes=changes, answer={**decided.answer, "claims": has})


def left_by(view: View, session: str) -> list[Claim]:
    """The retained claims of a session that has ended, by its name."""
    return [claim for claim in model.retained(view) if isinstance(claim, Claim) and claim.session == session]


def end(view: View, operation: Operation, generation: int) -> Decision:
    """`session.end`: the session goes, and its claims with it, but for those that are retained.

    Body: `retain`, absent or a list of `{"keeper", "claims"}`: what keeps, and the ids of the claims on what it changes; `was`,
    absent or the process (`pid`, `start`) that the session lived with: refused with Conflict when it has another since;
    `seen`, the names of messages that were shown. The inbox ends with the session: the rest is in the answer (`unheard`).
    """
    session = session_rules.own(view, operation)
    was = operation.body.get("was")
    if was is not None and was != {"pid": session.pid, "start": session.start}:
        return Refused(_goes_on(session))
    mine = _own(view, session.id)
    kept = [claim for claim in _marked(mine, _said(operation.body.get("retain", []))) if claim.retained]
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
    subject = f"session {session.id} ends, releasing {counted(len(released), 'claim')}{_retaining(kept)}"
    return Accepted(changes, answer, one_line(subject + given(served)))


def retain(view: View, operation: Operation, generation: int) -> Decision:
    """`claim.retain`: claims of a live session, which it keeps, are also its branches' from now on.

    Body: `retain`, as in `end`. No sign of life: a node may find out by itself that a branch was pushed.
    Refused with Conflict when nothing of it is new.
    """
    del generation
    session = session_rules.own(view, operation)
    mine = _own(view, session.id)
    marked = [claim for claim in _marked(mine, _said(operation.body["retain"])) if claim not in mine]
    if not marked:
        return Refused(Conflict("These claims are retained already.", conflicts=[]))
    changes: Changes = {}
    for claim in marked:
        changes |= model.put(claim)
    answer = {"retained": [claim.as_record() for claim in marked]}
    return Accepted(changes, answer, one_line(f"of the claims of {session.id}{_retaining(marked)}"))


def landed(view: View, operation: Operation, generation: int) -> Decision:
    """`claim.landed`: a branch, or a worktree, lets its claims go; what no other keeps ends, and its session is told.

    Body: `keeper` (as the claims record it: the precondition), `outcome` (`landed`, `deleted`, `cleared` for a worktree, or
    `released` by a person, for every head), `claims` (ids; absent: all), `retain` (as in `end`: what keeps them instead),
    `evidence` (what was looked at, for the log). Refused with Conflict when nothing is retained so (any more). A live session
    keeps what a worktree no longer holds for it.
    """
    keeper, outcome = keepers.parse(operation.body["keeper"]), str(operation.body["outcome"])
    if outcome not in _HOW:
        raise ValueError(f"outcome {outcome}")
    _check_may(view, operation, keeper, outcome)
    only = operation.body.get("claims")
    there = [claim for claim in model.of_keeper(view, keeper.name) if isinstance(claim, Claim)]
    going = [
        claim
        for claim in there
        if (outcome == RELEASED or keeper in claim.retained) and (only is None or claim.id in only)
    ]
    if not going:
        words = f"{kept_by([keeper.as_record()]).capitalize()} retains no such claims."
        return Refused(Conflict(words, hint="See `gitfleet claims`.", conflicts=[]))
    changes: Changes = {}
    gone, stay = [], []
    for claim in going:
        after = _let_go(claim, keeper, _said(operation.body.get("retain", [])))
        if after.retained or (outcome == CLEARED and _lives(view, claim)):
            stay.append(after)
            changes |= model.left(view, claim, after)
        else:
            gone.append(claim)
            changes |= model.drop(view, claim, operation.at, unlanded=outcome == RELEASED)
    for number, session in enumerate(sorted({claim.session for claim in gone if is_name(claim.session)})):
        what = ", ".join(claim.pattern for claim in gone if claim.session == session)
        words = f"Your {kept_by([keeper.as_record()])} {_HOW[outcome]}: your claims on {what} are released."
        changes |= inbox.post(Overlay(view, changes), session, words, operation, number=number)
    changes, served = line.serve(view, changes, generation, operation.at)
    answer = {
        "branch": keeper.branch,
        "outcome": outcome,
        "released": [claim.as_record() for claim in gone],
        "retained": [claim.as_record() for claim in stay],
        "served": [claim.as_record() for claim in served],
    }
    what = ", ".join(claim.pattern for claim in gone) or "nothing yet"
    words = f"{kept_by([keeper.as_record()])} {_HOW[outcome]}, releasing {what}{given(served)}"
    return Accepted(changes, answer, one_line(words))


def may_take(view: View, claim: Claim, body: Mapping[str, Any], *, lapsed: bool) -> bool:
    """Whether a request may have a retained claim: its work contains that of all keepers, and the session is gone or lapsed."""
    based_on = body.get("based_on")
    shown = based_on.get(claim.id) if isinstance(based_on, dict) else None
    contains = isinstance(shown, list) and set(keepers.marks(claim.retained)) <= set(map(str, shown))
    return contains and (not _lives(view, claim) or lapsed)


def moved(view: View, claim: Claim, operation: Operation, generation: int) -> Claim:
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
    while len(upon) > sessions.MAX_TEXT:
        upon = upon.partition(" ")[2]
    return replace(
        claim, session=operation.session, node=operation.node, token=generation, granted_at=operation.at,
        uptime=str(operation.body.get("uptime", ""))[:128], ttl=int(operation.body["ttl"]), operation=operation.id,
        branch=str(operation.body.get("branch", ""))[: sessions.MAX_TEXT], accept_within=0, retained=(), upon=upon,
    )  # fmt: skip


def given(served: Sequence[Claim]) -> str:
    """What the waiting line was given in the same transaction, for the log."""
    return "".join(f"; {claim.session} is given {claim.pattern}" for claim in served)


def _own(view: View, session_id: str) -> list[Claim]:
    return [claim for claim in model.of_session(view, session_id) if isinstance(claim, Claim)]


def _lives(view: View, claim: Claim) -> bool:
    """Whether the session of a claim is still there."""
    return is_name(claim.session) and view.get(sessions.path(claim.session)) is not None


def _check_may(view: View, operation: Operation, keeper: Keeper, outcome: str) -> None:
    """Refuse what is not the requester's to say. Raises PolicyRefused, Conflict."""
    if outcome == RELEASED and not session_rules.own(view, operation).person:
        raise PolicyRefused(
            "Only a person may release what a branch retains.",
            hint="Wait until it has landed, or build on it.",
        )
    if outcome == CLEARED and keeper.node != operation.node:
        words = f"Only node {display(keeper.node)} can see that worktree."
        raise Conflict(words, hint="Run `gitfleet sync` in that clone.", conflicts=[])


def _marked(mine: Sequence[Claim], said: Said) -> list[Claim]:
    """All of a session's claims, with what retains each from now on, what did before included."""
    marked = []
    for claim in mine:
        more = [keeper for keeper, ids in said if claim.id in ids]
        kept = keepers.joined(claim.retained, more)
        marked.append(replace(claim, retained=kept, accept_within=0) if more else claim)
    return marked


def _let_go(claim: Claim, keeper: Keeper, instead: Said) -> Claim:
    """A claim as it is when one of its keepers has let it go."""
    (after,) = _marked([replace(claim, retained=keepers.without(claim.retained, {keeper.name}))], instead)
    return after


def _said(rows: Any) -> Said:
    """What a request says is to be retained. Raises UsageError."""
    try:
        return [
            (keepers.parse(row["keeper"]), frozenset(map(str, _list(row["claims"])))) for row in _list(rows)
        ]
    except (ValueError, KeyError, TypeError) as error:
        words = "The request does not say what retains which claims."
        raise UsageError(words) from error


def _list(raw: Any) -> list[Any]:
    if not isinstance(raw, list):
        raise TypeError("a list was expected")
    return raw


def _retaining(kept: Iterable[Claim]) -> str:
    """Who retains how many claims, for the log."""
    counts: dict[Keeper, int] = {}
    for claim in kept:
        for keeper in claim.retained:
            counts[keeper] = counts.get(keeper, 0) + 1
    rows = [(kept_by([keeper.as_record()]), count) for keeper, count in sorted(counts.items())]
    return "".join(f"; {words} retains {counted(count, 'claim')}" for words, count in rows)


def _goes_on(session: Session) -> Conflict:
    words = f"The session '{session.id}' has been taken up again by another process."
    facts = {"session": session.id, "node": session.node, "agent": session.agent, "title": session.title}
    return Conflict(words, hint="See `gitfleet session list`.", conflicts=[facts])


def _taken(claim: Claim) -> Conflict:
    words = f"There was a session '{claim.session}', and its {display(kept_by(_records(claim)))} still retains claims."
    return Conflict(
        words,
        hint="Choose another id, or leave `--id` out to get a new one.",
        conflicts=[{"session": claim.session, "node": claim.node, "agent": "", "title": ""}],
    )


def _records(claim: Claim) -> list[dict[str, str]]:
    return [keeper.as_record() for keeper in claim.retained]


RULES = {"session.start": start, "session.end": end, "claim.retain": retain, "claim.landed": landed}
