"""Claims that match nothing anywhere: most likely a name that was mistyped, which keeps nobody out of what was meant.

Looks at what this clone can see: its worktrees, and all branches that it knows. So it judges the claims of this clone's own
sessions only. Who claims is told at once (`remarks`); what has stood so for a while is a finding, since files may be claimed
that are yet to be made.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

from gitfleet.base import clock
from gitfleet.claims import existing_files, model
from gitfleet.claims.model import Claim
from gitfleet.clone import Clone
from gitfleet.errors import FleetError
from gitfleet.git import git_worktrees, refs
from gitfleet.git.fleetrefs import seen_trunk
from gitfleet.git.program import Git
from gitfleet.patterns.language import Pattern

A_WHILE = 3600
"""Seconds that a claim may stand before anybody asks what it is for."""
_FEW = 64  # commits that are read faster than git starts


def unmatched(clone: Clone) -> list[Claim]:
    """The claims of this clone's sessions that match no file here, and have stood for a while.

    None where a worktree or a branch cannot be read: they may be about what is there.
    """
    mine = [claim for claim in model.everything(clone.current().view) if isinstance(claim, Claim)]
    left = [claim for claim in mine if claim.node == clone.ledger.node.id and _is_asked_about(claim)]
    try:
        absent = nowhere(clone, [claim.meant for claim in left])
    except FleetError:
        return []
    return [claim for claim in left if claim.meant in absent]


def nowhere(clone: Clone, wanted: Iterable[Pattern]) -> list[Pattern]:
    """Those of `wanted` that match nothing in any worktree (but what git ignores), and nothing on any branch.

    Cheap where it is found in this worktree; else it costs a look at each branch's tree along the path, and a process for
    each worktree. Raises FleetError where something cannot be read.
    """
    here, exact = clone.repository, clone.policy.case_sensitive
    left = list(wanted)
    if here.worktree:
        left = existing_files.missing(here.here, here.worktree, left, case_sensitive=exact)
    if left:
        hub = clone.ledger.node.hub
        places = ["refs/heads", "refs/remotes", *([seen_trunk(hub)] if hub else [])]
        tips = refs.tips(here.git, *places)
        if tips is None or len(tips) > _FEW:
            roots = here.git.run("for-each-ref", "--format=%(tree)", *places).decode("ascii").split()
        else:
            roots = [existing_files.tree_of(clone.ledger.objects, tip) for tip in tips]
        left = existing_files.without(clone.ledger.objects, set(roots), left, case_sensitive=exact)
    for other in git_worktrees.listed(here.git) if left and git_worktrees.linked(here.git) else ():
        if (
            left
            and not other.bare
            and other.git_dir
            and other.path != here.worktree
            and os.path.isdir(other.path)
        ):
            git = Git(other.git_dir, cwd=other.path)
            left = existing_files.missing(git, other.path, left, case_sensitive=exact)
    return left


def _is_asked_about(claim: Claim) -> bool:
    return not claim.meant.units and clock.now() - claim.granted_at > A_WHILE
