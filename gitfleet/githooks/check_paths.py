"""Whose the paths of a change are: one pass over the claims near each path."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from gitfleet.base.ids import is_name
from gitfleet.base.names import SessionId
from gitfleet.claims import conflicts, model
from gitfleet.claims.keepers import Keeper, parse
from gitfleet.claims.model import Claim, Unreadable
from gitfleet.clone import Clone
from gitfleet.ledger.ledger import State
from gitfleet.obstacles import Obstacle
from gitfleet.patterns import language
from gitfleet.sessions import session_records


class LeftClaims(NamedTuple):
    """What keeps claims that sessions left when they ended; `here` says why a session in this worktree may have them ("": it may not)."""

    kept: frozenset[Keeper]
    here: str = ""


class PathJudgement(NamedTuple):
    """Of the paths judged: the claims that were `used` (`id@token`), and the paths that are not the session's.

    `lapsed` are claimed by the session, and by nobody else, but the time of its claim is over. `stale` says of paths that
    were changed under a claim why that does not count any more. `left` is there when sessions that have ended left all of `theirs`.
    """

    session: str
    used: frozenset[str] = frozenset()
    free: Sequence[str] = ()
    theirs: Sequence[Obstacle] = ()
    unverifiable: Sequence[str] = ()
    lapsed: Sequence[str] = ()
    stale: Sequence[str] = ()
    left: LeftClaims | None = None


def judge(
    fleet: Clone, state: State, session_id: SessionId | None, paths: Iterable[str], *, branch: str = ""
) -> PathJudgement:
    """Judge `paths` for a session on the agreed state; or for a `branch` whose session has ended, by what it retains.

    What is mine by a lease that holds is mine however old the state is: nobody else may have taken it.
    """
    ended: set[str] = set()
    renewed = fleet.claims.renewed_at(state, session_id)
    used: set[str] = set()
    free, unclear, lapsed = [], [], []
    theirs: list[Obstacle] = []
    old = fleet.claims.is_old(state)
    for path in paths:
        held = _holding(fleet, state, path)
        mine = [claim for claim in held if isinstance(claim, Claim) and claim.session == session_id]
        left = [
            claim
            for claim in held
            if branch
            and isinstance(claim, Claim)
            and any(keeper.branch == branch for keeper in claim.retained)
        ]
        ended |= {claim.session for claim in left}
        standing = left or [
            claim
            for claim in mine
            if fleet.claims.holds(claim, renewed, tentative=claim.operation in state.tentative)
        ]
        others = [claim for claim in held if isinstance(claim, Unreadable) or claim.session != session_id]
        if standing:
            used |= {_name(state, claim) for claim in standing[:1]}
        elif others:
            met = [conflicts.on_path(state.view, path, claim).obstacle() for claim in others]
            theirs += fleet.claims.orphans.marked(met)
        elif mine:
            lapsed.append(path)
        elif old:
            unclear.append(path)
        else:
            free.append(path)
    whose = session_id or "".join(sorted(ended)[:1])
    left_there = _left(fleet, state, theirs)
    return PathJudgement(whose, frozenset(used), free, theirs, unclear, lapsed, left=left_there)


def _left(fleet: Clone, state: State, theirs: Sequence[Obstacle]) -> LeftClaims | None:
    """What is in the way, where all of it was left by sessions that have ended."""
    ended = [item for item in theirs if item.retained and _has_ended(state, str(item.session))]
    if not theirs or len(ended) < len(theirs):
        return None
    kept = {item.claim: item.retained for item in ended}
    keepers = frozenset(parse(record) for records in kept.values() for record in records)
    if fleet.claims.built_upon(kept).keys() != kept.keys():
        return LeftClaims(keepers)
    branch = (fleet.repository.here.line("symbolic-ref", "--quiet", "HEAD") or "").removeprefix("refs/heads/")
    if {keeper.branch for keeper in keepers} == {branch}:
        return LeftClaims(keepers, "This is that branch")
    if not any(keeper.branch for keeper in keepers):
        return LeftClaims(keepers, "This is that worktree")
    return LeftClaims(keepers, "That work is in this worktree")


def _has_ended(state: State, session: str) -> bool:
    return not is_name(session) or state.view.get(session_records.path(session)) is None


def _holding(fleet: Clone, state: State, path: str) -> list[Claim | Unreadable]:
    """The claims whose pattern matches the path: at its ancestors and at it."""
    exact_case = fleet.policy.case_sensitive
    keys = [language.key(part) for part in path.split("/")]
    found = []
    for claim in model.near(state.view, keys):
        pattern = claim.meant
        if language.matches(pattern, path, case_sensitive=exact_case):
            found.append(claim)
    return found


def _name(state: State, claim: Claim) -> str:
    return f"{claim.id}@{'tentative' if claim.operation in state.tentative else claim.token}"
