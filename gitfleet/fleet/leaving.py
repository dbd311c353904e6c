"""What the branch of a session keeps when the session goes: the claims on what it changes.

Owns the look at the branch, for which nobody but git here is asked. Leaves what becomes of the branch to `branches`, and
whether its work is on the trunk to `landing`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from gitfleet.claims import model, patterns
from gitfleet.claims.model import Claim
from gitfleet.claims.policy import Policy
from gitfleet.fleet import checkouts, landing, trunk
from gitfleet.fleet.landing import HEADS, Branch
from gitfleet.git import refs
from gitfleet.git.program import Git
from gitfleet.git.repository import Repository
from gitfleet.git.trees import EMPTY_TREE
from gitfleet.ledger.ledger import Ledger
from gitfleet.ledger.model import View
from gitfleet.ledger.node import Node
from gitfleet.sessions import model as sessions
from gitfleet.sessions.model import Session


def facts(
    repository: Repository, ledger: Ledger, policy: Policy, session_id: str
) -> Mapping[str, Any] | None:
    """What the branch of a session of this node retains when it ends, as the body of `session.end` says it."""
    view = ledger.current().view
    session = sessions.find(view, session_id)
    if session is None or session.node != ledger.node.id:
        return None
    branch = branch_of(repository, session)
    return retained(repository, ledger.node, policy, branch, claims(view, session)) if branch else None


def claims(view: View, session: Session) -> list[Claim]:
    """The claims of a session on paths."""
    found = model.of_session(view, session.id)
    return [item for item in found if isinstance(item, Claim) and not model.parsed(item.pattern).units]


def branch_of(repository: Repository, session: Session) -> Branch | None:
    """The branch that a session is on and where it is; None when detached, or before the first commit.

    Of a worktree that is gone, the branch that the session was on when it was last looked at.
    """
    git_dir = checkouts.known(repository).get(os.path.realpath(session.worktree))
    if git_dir and os.path.isdir(session.worktree):
        here = Git(git_dir, cwd=session.worktree)
        ref = here.line("symbolic-ref", "--quiet", "HEAD") or ""
    else:
        here, ref = repository.git, HEADS + session.branch if session.branch else ""
    head = refs.resolve(here, f"{ref}^{{commit}}") if ref.startswith(HEADS) else None
    return Branch(ref.removeprefix(HEADS), head) if head else None


def retained(
    repository: Repository, node: Node, policy: Policy, branch: Branch, claims: Sequence[Claim]
) -> dict[str, Any] | None:
    """The claims on what the branch has and the trunk has not; none once its work is there in another form."""
    git = repository.git
    tip = trunk.tip(git, node)
    changed = changes(git, tip, branch.head) if claims else []
    exact = policy.case_sensitive
    ids = [
        claim.id
        for claim in claims
        if claim.retained in {"", branch.name}
        and any(patterns.matches(model.parsed(claim.pattern), path, case_sensitive=exact) for path in changed)
    ]
    if not ids or (tip and landing.how(git, tip, branch.head)):
        return None
    return {"branch": branch.name, "head": branch.head, "claims": ids}


def changes(git: Git, tip: str | None, head: str) -> list[str]:
    """The paths that a commit changes against its merge base with the trunk; against nothing where there is none."""
    base = git.line("merge-base", tip, head) if tip else None
    argv = ("diff-tree", "-r", "-z", "--name-only", "--no-renames", "--ignore-submodules=none")
    out = git.run(*argv, base or EMPTY_TREE, head, timeout=300.0)
    return [path for path in os.fsdecode(out).split("\0") if path]
