"""What becomes of worktrees that retain claims, since changes in them are on no branch: committed, discarded, or gone.

Only the clone that a worktree belongs to can tell, and tells of none but its own. What cannot be told keeps.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from gitfleet.base.text import display
from gitfleet.claims import model, retained_claims
from gitfleet.claims.keepers import Keeper
from gitfleet.claims.model import Claim
from gitfleet.clone import Clone
from gitfleet.ledger.model import Operation, Status
from gitfleet.trunk import draft, session_work
from gitfleet.trunk.retention import Look, Retained

Proposals = Sequence[tuple[str, Operation]]


def settle(clone: Clone, found: Sequence[Claim]) -> list[str]:
    """Let go what worktrees of this clone retained whose changes are gone; what was let go, in words.

    What has come onto the branch there without its session is from then on that branch's.
    """
    kept = _of(clone.ledger.node.id, found)
    look = Look(clone.repository, clone.ledger.node, clone.policy) if kept else None
    asked = [_proposal(clone, look, keeper, claims) for keeper, claims in kept.items()] if look else []
    return agreed(clone, [one for one in asked if one is not None])


def abandon(clone: Clone) -> list[str]:
    """Let go all that worktrees of this clone retain, since it leaves the fleet, and nobody else could ever; what, in words.

    Nothing is said of a `gitfleet.yaml` of ours that nobody has touched: it goes too.
    """
    ours = draft.untouched(clone.ledger.state)
    found = list(model.retained(clone.current().view))
    asked = []
    for keeper, claims in _of(clone.ledger.node.id, found).items():
        what = [claim.pattern for claim in claims if os.path.join(keeper.worktree, claim.pattern) != ours]
        words = (
            f"worktree {keeper.worktree} has changes on no branch; what was claimed for them is released: {', '.join(what)}"
            if what
            else ""
        )
        asked.append((words, _cleared(clone, keeper, claims, [], "its clone leaves the fleet")))
    return [words for words in agreed(clone, asked) if words]


def agreed(clone: Clone, asked: Proposals) -> list[str]:
    """Have operations decided at once; the words of those that were. Another node may have been faster."""
    results = clone.ledger.submit([operation for _, operation in asked]) if asked else []
    done = {result.operation for result in results if result.status not in {Status.REFUSED, Status.FAILED}}
    return [words for words, operation in asked if operation.id in done]


def _proposal(
    clone: Clone, look: Look, keeper: Keeper, claims: Sequence[Claim]
) -> tuple[str, Operation] | None:
    """The operation by which a worktree lets go what it does not hold any more."""
    tree = session_work.named(clone.repository, keeper.tree, keeper.worktree)
    paths = look.unfinished(tree) if tree else []
    free = [claim for claim in claims if paths is not None and not look.touches(claim, paths)]
    if not free:
        return None
    what = ", ".join(display(claim.pattern) for claim in free)
    words = f"worktree {keeper.worktree} has no changes of {what} any more that are on no branch"
    instead = look.on_branch(tree, free) if tree else []
    return words, _cleared(clone, keeper, free, instead, "there" if tree else "gone")


def _cleared(
    clone: Clone, keeper: Keeper, claims: Sequence[Claim], instead: Retained, evidence: str
) -> Operation:
    ids = tuple(claim.id for claim in claims)
    body = retained_claims.LetGo(keeper, retained_claims.CLEARED, ids, tuple(instead), {"tree": evidence})
    return clone.ledger.operation(retained_claims.let_go, clone.ledger.itself, body)


def _of(node: str, found: Sequence[Claim]) -> dict[Keeper, list[Claim]]:
    kept: dict[Keeper, list[Claim]] = {}
    for claim in found:
        for keeper in claim.retained:
            if not keeper.branch and keeper.node == node:
                kept.setdefault(keeper, []).append(claim)
    return kept
