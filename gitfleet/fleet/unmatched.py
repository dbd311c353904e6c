"""Claims that match nothing anywhere: most likely a name that was mistyped, which keeps nobody out of what was meant.

Looks at what this clone can see: all files of its worktrees, and all branches that it knows. So it judges the claims
of this clone's own sessions only, and not before they have stood for a while, since files may be claimed that are yet
to be made.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from gitfleet.base import clock
from gitfleet.claims import model, paths
from gitfleet.claims.model import Claim
from gitfleet.claims.patterns import matches
from gitfleet.errors import FleetError
from gitfleet.fleet.fleet import Fleet
from gitfleet.git.program import Git
from gitfleet.git.repository import discover

A_WHILE = 3600
"""Seconds that a claim may stand before anybody asks what it is for."""
_PATIENCE = 600.0


def unmatched(fleet: Fleet) -> list[Claim]:
    """The claims of this clone's sessions that match no file here. Reads the names of all files while there are any.

    None where a worktree or a branch cannot be read: they may be about what is there.
    """
    mine = [claim for claim in model.everything(fleet.current().view) if isinstance(claim, Claim)]
    left = [claim for claim in mine if claim.node == fleet.ledger.node.id and _is_asked_about(claim)]
    places = _places(fleet.repository.git)
    try:
        while left and (names := next(places, None)) is not None:
            left = [claim for claim in left if not _matches(fleet, claim, names)]
    except FleetError:
        return []
    return left


def _is_asked_about(claim: Claim) -> bool:
    return not model.parsed(claim.pattern).units and clock.now() - claim.granted_at > A_WHILE


def _matches(fleet: Fleet, claim: Claim, names: list[str]) -> bool:
    pattern = model.parsed(claim.pattern)
    return any(matches(pattern, name, case_sensitive=fleet.policy.case_sensitive) for name in names)


def _places(git: Git) -> Iterator[list[str]]:
    """The names of the files in each worktree, ignored ones too, and then in each branch; trees that are alike once."""
    for top in paths.worktrees(git):
        if os.path.isdir(top):
            yield _names(discover(top).here, "ls-files", "--cached", "--others")
    trees = git.run("for-each-ref", "--format=%(tree)", "refs/heads", "refs/remotes").decode("ascii").split()
    for tree in dict.fromkeys(trees):
        yield _names(git, "ls-tree", "-r", "--full-tree", "--name-only", tree)


def _names(git: Git, *asked: str) -> list[str]:
    return os.fsdecode(git.run(asked[0], "-z", *asked[1:], timeout=_PATIENCE)).split("\0")[:-1]
