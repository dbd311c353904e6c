"""Who holds the `gitfleet.yaml` that nobody has landed yet (see `draft`): whoever works beside it, so that it may be committed."""

from __future__ import annotations

import os

from gitfleet.claims.service import Terms
from gitfleet.errors import FleetError
from gitfleet.fleet import draft
from gitfleet.fleet.fleet import Fleet

REASON = "the rules of this fleet, which nobody has landed yet"


def hold(fleet: Fleet, session: str) -> list[str]:
    """Claim the draft of this worktree for a session at work in it, so that its first commit may bring it; warnings.

    A person's session of the same worktree gives it to an agent's: whoever works here commits with `git add --all`.
    """
    path, _ = draft.made(fleet.ledger.state)
    if path != os.path.join(fleet.repository.worktree or "", draft.CONFIG) or not os.path.lexists(path):
        return []
    here = {
        one.id
        for one in fleet.sessions.local.all()
        if one.person and one.worktree == fleet.repository.worktree
    }
    try:
        held = {
            getattr(claim, "session", "")
            for claim in fleet.claims.find(fleet.current(), texts=[draft.CONFIG])
        }
        for giver in held & here - {session}:
            fleet.claims.release(giver, [draft.CONFIG])
        if held <= here:
            fleet.claims.claim(session, [draft.CONFIG], Terms(reason=REASON))
    except FleetError as error:
        return [f"{draft.CONFIG} is not claimed for {session}: {error.message}"]
    return []
