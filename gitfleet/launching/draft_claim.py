"""Who holds the `gitfleet.yaml` that nobody has landed yet (see `draft`): whoever works beside it, so that it may be committed."""

from __future__ import annotations

import os

from gitfleet.base.names import SessionId
from gitfleet.claims.model import Claim, Unreadable
from gitfleet.claims.service import Terms
from gitfleet.clone import Clone
from gitfleet.errors import FleetError
from gitfleet.ledger.model import View
from gitfleet.sessions import session_records
from gitfleet.sessions.local import candidates
from gitfleet.trunk import draft

REASON = "the rules of this fleet, which nobody has landed yet"


def hold(clone: Clone, session: SessionId) -> list[str]:
    """Claim the draft of this worktree for a session at work in it, so that its first commit may bring it; warnings.

    A person's session of the same worktree gives it to an agent's: whoever works here commits with `git add --all`. What a
    session that has ended left with the worktree is taken over.
    """
    path, _ = draft.made(clone.ledger.state)
    if path != os.path.join(clone.repository.worktree or "", draft.CONFIG) or not os.path.lexists(path):
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


def hand_on(clone: Clone) -> str:
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
