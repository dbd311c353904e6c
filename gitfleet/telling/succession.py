"""What sessions that have ended left in a worktree, and the next one there may take over."""

from __future__ import annotations

from collections.abc import Iterable

from gitfleet.base import advice
from gitfleet.base.text import display
from gitfleet.claims import model
from gitfleet.claims.conflict_text import kept_by
from gitfleet.claims.model import Claim
from gitfleet.clone import Clone
from gitfleet.errors import FleetError
from gitfleet.git.history import History
from gitfleet.sessions import session_records
from gitfleet.trunk import position

SHOWN = 8


def left_here(clone: Clone) -> list[Claim]:
    """The retained claims of ended sessions whose work is all in this worktree. Local; one look where nothing is retained."""
    view = clone.current().view
    found = list(model.retained(view))
    ended = {
        name for name in {claim.session for claim in found} if view.get(session_records.path(name)) is None
    }
    kept = [claim for claim in found if claim.session in ended]
    here = clone.claims.built_upon({claim.id: claim.keeper_records for claim in kept}, by_effect=False)
    found = [claim for claim in kept if claim.id in here]
    return _out(clone, found) if found else []


def _out(clone: Clone, claims: list[Claim]) -> list[Claim]:
    """Those that a worktree keeps, or a branch that is not on the trunk: the next `sync` lets the others go, and all build on them."""
    git = clone.repository.git
    tip = position.tip(git, clone.ledger.node)
    if tip is None:
        return claims
    history = History(git)
    landed = {
        keeper.head
        for keeper in {keeper for claim in claims for keeper in claim.retained}
        if keeper.branch and history.is_ancestor(keeper.head, tip)
    }
    return [claim for claim in claims if any(keeper.head not in landed for keeper in claim.retained)]


def told(clone: Clone) -> list[str]:
    """What a session that begins in this worktree is told about that; a failure to find out is no reason not to begin."""
    try:
        left = left_here(clone)
    except (FleetError, OSError):
        return []
    by: dict[tuple[str, str], list[str]] = {}
    for claim in left:
        kept = kept_by(claim.keeper_records)
        by.setdefault((claim.session, kept), []).append(claim.pattern)
    return [_words(session, kept, patterns) for (session, kept), patterns in by.items()]


def _words(session: str, kept: str, patterns: Iterable[str]) -> str:
    names = sorted(patterns)
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    what = display(" ".join(names[:SHOWN]))
    return (
        f"{display(kept)} still has what session {display(session)} claimed: {what}{more}; "
        f"{advice.CLAIM.of('PATH')} takes it over"
    )
