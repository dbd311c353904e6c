"""Who holds the `gitfleet.yaml` that nobody has landed yet (see `draft`): whoever works beside it, so that it may be committed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from gitfleet.base.names import SessionId
from gitfleet.claims.model import Claim, Unreadable
from gitfleet.claims.service import Terms
from gitfleet.clone import Clone
from gitfleet.errors import FleetError
from gitfleet.ledger.model import Status, View
from gitfleet.sessions import session_records
from gitfleet.sessions.local import candidates
from gitfleet.trunk import draft

if TYPE_CHECKING:
    from gitfleet.claims.retained_claims import Ended, Started
    from gitfleet.sessions.service import Start

REASON = "the rules of this fleet, which nobody has landed yet"


def begin(clone: Clone, start: Start, *, timeout: float = 30.0) -> tuple[Started, list[str]]:
    """Start a session; with it, in one transaction, it has the draft of this worktree if a person held that. Warnings, too."""
    started = clone.sessions.start(start, timeout=timeout, takes=_patterns(clone))
    return started, [] if started.status is Status.TENTATIVE else hold(clone, started.session.id)


def end(clone: Clone, session: SessionId, *, timeout: float = 30.0) -> tuple[Ended, str]:
    """End a session; with it, in one transaction, the draft that it leaves is for who goes on in its worktree; for whom."""
    heir = _heir(clone, session)
    ended = clone.sessions.end(session, timeout=timeout, heir=heir, gives=_patterns(clone) if heir else ())
    if not ended.given:
        heir = _hand_on(clone) if ended.retained else ""
    return ended, heir


def _patterns(clone: Clone) -> tuple[str, ...]:
    return (draft.CONFIG,) if _path(clone) else ()


def _heir(clone: Clone, ending: SessionId) -> str:
    """Who would hold the draft of this worktree after a session that ends here: the one that is left, if there is one."""
    here = clone.sessions.local.get(ending)
    if here is None or here.worktree != clone.repository.worktree or not _path(clone):
        return ""
    left = candidates(clone.sessions.local, here.worktree, without=ending)
    return left[0].id if len(left) == 1 else ""


def _path(clone: Clone) -> str:
    """Where the draft is, if that is in this worktree; else ""."""
    path, _ = draft.made(clone.ledger.state)
    mine = path == os.path.join(clone.repository.worktree or "", draft.CONFIG)
    return path if mine and os.path.lexists(path) else ""


def hold(clone: Clone, session: SessionId) -> list[str]:
    """Claim the draft of this worktree for a session at work in it, so that its first commit may bring it; warnings.

    A person's session of the same worktree gives it to an agent's: whoever works here commits with `git add --all`. What a
    session that has ended left with the worktree is taken over.
    """
    if not _path(clone):
        return []
    here = {
        one.id
        for one in clone.sessions.local.all()
        if one.person and one.worktree == clone.repository.worktree
    }
    try:
        state = clone.current()
        found = [
            claim
            for claim in clone.claims.find(state, texts=[draft.CONFIG])
            if not _is_left(state.view, claim)
        ]
        held = {claim.session if isinstance(claim, Claim) else SessionId("") for claim in found}
        for giver in held & here - {session}:
            clone.claims.release(giver, [draft.CONFIG])
        if held <= here:
            clone.claims.claim(session, [draft.CONFIG], Terms(reason=REASON))
    except FleetError as error:
        return [f"{draft.CONFIG} is not claimed for {session}: {error.message}"]
    return []


def _hand_on(clone: Clone) -> str:
    """A session in this worktree has ended: claim the draft that it left for who is at work here now, or its person; for whom."""
    path, _ = draft.made(clone.ledger.state)
    worktree = clone.repository.worktree or ""
    here = candidates(clone.sessions.local, worktree) if path == os.path.join(worktree, draft.CONFIG) else []
    if len(here) != 1:
        return ""
    state = clone.current()
    left = any(_is_left(state.view, one) for one in clone.claims.find(state, texts=[draft.CONFIG]))
    return here[0].id if left and not hold(clone, here[0].id) else ""


def _is_left(view: View, claim: Claim | Unreadable) -> bool:
    """Whether a claim of a session that has ended stays with worktrees alone."""
    if not isinstance(claim, Claim) or session_records.find(view, claim.session) is not None:
        return False
    return bool(claim.retained) and not any(keeper.branch for keeper in claim.retained)
