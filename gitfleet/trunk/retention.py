"""What keeps the claims of a session when the session goes: the branches that change their paths, and its worktree.

Owns the look at them, for which nobody but git here is asked. Leaves where a session's work lies to `session_work`, what becomes
of branches and worktrees later to `branches`, and whether work is on the trunk to `landing`. What cannot be told keeps.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

from gitfleet.base import files
from gitfleet.claims import model
from gitfleet.claims.keepers import Keeper, Keeping
from gitfleet.claims.model import Claim
from gitfleet.claims.policy import Policy
from gitfleet.git import checkout, git_worktrees, refs
from gitfleet.git.program import Git, GitFailed
from gitfleet.git.repository import Repository
from gitfleet.git.trees import EMPTY_TREE
from gitfleet.ledger.ledger import Ledger
from gitfleet.ledger.model import View
from gitfleet.ledger.own_node import Node
from gitfleet.patterns import language
from gitfleet.sessions import session_records
from gitfleet.sessions.local import LocalSessions
from gitfleet.sessions.session_records import Session
from gitfleet.trunk import landing, position, session_work
from gitfleet.trunk.landing import Branch
from gitfleet.trunk.session_work import Subject, Tree

Retained = list[Keeping]


def facts(repository: Repository, ledger: Ledger, policy: Policy, session_id: str) -> Retained:
    """What keeps the claims of a session of this node when it ends, as the body of `session.end` says it."""
    view = ledger.current().view
    session = session_records.find(view, session_id)
    if session is None or session.node != ledger.node.id:
        return []
    subject = subject_of(ledger, view, session)
    if not subject.claims:
        return []
    look = Look(repository, ledger.node, policy)
    return [*look.branches([subject]).get(session_id, []), *look.worktree(subject)]


def subject_of(ledger: Ledger, view: View, session: Session) -> Subject:
    """A session with its claims on paths."""
    return Subject(session, LocalSessions(ledger.state).get(session.id), claims(view, session))


def claims(view: View, session: Session) -> list[Claim]:
    """The claims of a session on paths."""
    found = model.of_session(view, session.id)
    return [item for item in found if isinstance(item, Claim) and not item.meant.units]


class Look:
    """One look at the work of sessions of this node."""

    def __init__(self, repository: Repository, node: Node, policy: Policy) -> None:
        self._repository = repository
        self._git = repository.git
        self._node = node
        self._exact = policy.case_sensitive
        self._trunk = position.tip(self._git, node)
        self._landed: dict[str, bool] = {}
        self._changes: dict[str, list[str]] = {}

    def branches(self, subjects: Sequence[Subject]) -> dict[str, Retained]:
        """What the branches of each session keep of its claims, by its id; nothing where their work is on the trunk in another form."""
        found = session_work.branches(self._repository, self._node, self._trunk, subjects)
        return {one.session.id: self._kept(found[one.session.id], one.claims) for one in subjects}

    def worktree(self, subject: Subject) -> Retained:
        """What the session's worktree keeps: the claims on what is changed there and on no branch."""
        tree = session_work.tree_of(self._repository, subject)
        if tree is None:
            return []
        paths = self.unfinished(tree)
        kept = [claim.id for claim in subject.claims if paths is None or self.touches(claim, paths)]
        where = tree.path or subject.session.worktree
        return [Keeping(self.keeper(tree, where), tuple(kept))] if kept else []

    def keeper(self, tree: Tree, path: str) -> Keeper:
        """A worktree of this clone as what keeps claims."""
        return Keeper(worktree=path, node=self._node.id, tree=tree.name(self._repository))

    def unfinished(self, tree: Tree) -> list[str] | None:
        """The paths that are changed in a worktree and on no branch: uncommitted, untracked, in conflict, or committed on a detached HEAD.

        None when that cannot be told: the folder may only not be mounted.
        """
        if not tree.path and _may_come_back(tree):
            return None
        try:
            paths = _uncommitted(tree)
            loose = session_work.loose(tree, self._trunk)
            return paths + (self.changed(loose) if loose and not self.landed(loose) else [])
        except GitFailed:
            return None

    def on_branch(self, tree: Tree, held: Sequence[Claim]) -> Retained:
        """What the branch that a worktree is on keeps of claims."""
        ref = tree.git.line("symbolic-ref", "--quiet", "HEAD") or ""
        head = refs.resolve(tree.git, "HEAD^{commit}")
        on = ref.startswith(landing.HEADS) and head is not None
        return self._kept([Branch(ref.removeprefix(landing.HEADS), str(head))], held) if on else []

    def touches(self, claim: Claim, paths: Iterable[str]) -> bool:
        """Whether one of the paths is claimed."""
        pattern = claim.meant
        return any(language.matches(pattern, path, case_sensitive=self._exact) for path in paths)

    def changed(self, head: str) -> list[str]:
        """The paths that a commit changes against its merge base with the trunk."""
        if head not in self._changes:
            self._changes[head] = changes(self._git, self._trunk, head)
        return self._changes[head]

    def landed(self, head: str) -> bool:
        """Whether its work is on the trunk, in whatever form."""
        if head not in self._landed:
            self._landed[head] = bool(self._trunk and landing.how(self._git, self._trunk, head))
        return self._landed[head]

    def _kept(self, found: Sequence[Branch], held: Sequence[Claim]) -> Retained:
        rows = []
        for branch in found:
            changed = self.changed(branch.head)
            ids = [claim.id for claim in held if self.touches(claim, changed)]
            if ids and not self.landed(branch.head):
                rows.append(Keeping(Keeper(branch=branch.name, head=branch.head), tuple(ids)))
        return rows


def changes(git: Git, tip: str | None, head: str) -> list[str]:
    """The paths that a commit changes against its merge base with the trunk; against nothing where there is none."""
    base = git.line("merge-base", tip, head) if tip else None
    argv = ("diff-tree", "-r", "-z", "--name-only", "--no-renames", "--ignore-submodules=none")
    out = git.run(*argv, base or EMPTY_TREE, head, timeout=300.0)
    return [path for path in os.fsdecode(out).split("\0") if path]


def _uncommitted(tree: Tree) -> list[str]:
    """Every path that differs from HEAD or is untracked; of a worktree whose folder is gone, what is staged. Raises GitFailed."""
    if not tree.path:
        head = tree.git.line("rev-parse", "--verify", "--quiet", "HEAD^{commit}") or EMPTY_TREE
        if not os.path.exists(os.path.join(tree.git_dir, "index")):
            return []
        out = tree.git.run("diff-index", "--cached", "--name-only", "--no-renames", "-z", head, "--")
        return [path for path in os.fsdecode(out).split("\0") if path]
    return [path for _, path in checkout.differing(tree.git, submodules="none")]


def _may_come_back(tree: Tree) -> bool:
    """Whether the folder of a worktree may only not be there just now; the main one is gone only with its repository."""
    link = files.read(os.path.join(tree.git_dir, "gitdir"))
    path = os.path.join(tree.git_dir, os.fsdecode(link or b"").rstrip("\n"))
    return link is None or bool(git_worktrees.away(os.path.dirname(os.path.dirname(path))))
