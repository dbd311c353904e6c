"""The claims that an amended commit goes on naming when its message is given anew (see `amend`).

Those of the session that stand, and those that HEAD names and the ledger knows to be the session's, with nobody after
them. Nothing is judged here: a path that neither covers is found out by whoever judges the commit as a whole.
"""

from __future__ import annotations

from gitfleet.claims.fencing import OK, Fence
from gitfleet.clone import Clone
from gitfleet.githooks import amend, check_paths, incoming
from gitfleet.githooks.catfile import Unexpected
from gitfleet.githooks.check_paths import PathJudgement


def claims(fleet: Clone, arguments: list[str], judgement: PathJudgement) -> set[str]:
    """As `id@token`; none where this amends nothing. `judgement` is that of what is staged."""
    staged = any((judgement.used, judgement.free, judgement.theirs, judgement.unverifiable, judgement.lapsed))
    if not amend.suspected(arguments, fleet.repository.git_dir, staged=staged):
        return set()
    try:
        paths = amend.paths() if amend.amends() else []
    except Unexpected:  # an unborn branch: there is nothing to amend
        return set()
    state = fleet.current()
    standing = check_paths.judge(fleet, state, judgement.session, paths).used
    head = next(incoming.commits(fleet.repository.here, "--max-count=1", "HEAD"), None)
    if head is None or head.session != judgement.session:
        return set(standing)
    fence = Fence(state.view, case_sensitive=fleet.policy.case_sensitive)
    return set(standing) | {
        verdict.claim for verdict in fence.judge(head.session, head.claims, paths) if verdict.state == OK
    }
