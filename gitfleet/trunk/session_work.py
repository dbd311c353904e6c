"""Where the work of sessions of this node lies: on which branches, and what of it is on none.

A branch is a session's where it has not landed and contains a commit that names the session, or a claim that it has; or
one that was made in its worktree since it began, as the log of that worktree's HEAD has it; and the one that it is on, or
was on when it was last looked at. Those of the hub count as they were last seen here, for one may have been pushed from
no branch, or from one that is gone. git alone is asked, and nobody else. No clock decides anything.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from gitfleet.base import files
from gitfleet.claims.model import Claim
from gitfleet.git import headlog, lineage, refs
from gitfleet.git.lineage import Commit
from gitfleet.git.program import Git
from gitfleet.git.repository import MAIN, Repository
from gitfleet.ledger.own_node import Node
from gitfleet.nodes import checkouts
from gitfleet.sessions.local import Here
from gitfleet.sessions.session_records import Session
from gitfleet.trunk import landing
from gitfleet.trunk.landing import HEADS, Branch


class Tree(NamedTuple):
    """A worktree of this clone: git's own folder for it, and where it is ("" where that folder is gone)."""

    git_dir: str
    path: str

    @property
    def git(self) -> Git:
        """Git there; of a worktree whose folder is gone, for its index and HEAD alone."""
        return Git(self.git_dir, cwd=self.path or self.git_dir)

    def name(self, repository: Repository) -> str:
        """What a claim calls it (`claims.keepers`)."""
        return MAIN if self.git_dir == repository.common_dir else os.path.basename(self.git_dir)


class Subject(NamedTuple):
    """One session whose work is looked for, with what this clone remembers of it and the claims that it is about."""

    session: Session
    here: Here | None
    claims: Sequence[Claim]


def tree_of(repository: Repository, subject: Subject) -> Tree | None:
    """The worktree of a session, wherever it has been moved since; None where git has it no more."""
    here = subject.here
    if here is None or not here.tree:
        git_dir = checkouts.known(repository).get(os.path.realpath(subject.session.worktree), "")
        return Tree(git_dir, _folder(subject.session.worktree)) if git_dir else None
    return named(repository, here.tree, here.worktree)


def named(repository: Repository, name: str, path: str = "") -> Tree | None:
    """The worktree of this name (`Tree.name`); None where git has it no more.

    `path`, where this clone saw it last, is for a main worktree that lies elsewhere than beside its `.git`.
    """
    if name == MAIN:
        return Tree(repository.common_dir, _main(repository, path))
    git_dir = os.path.join(repository.common_dir, "worktrees", os.path.basename(name))
    link = os.fsdecode(files.read(os.path.join(git_dir, "gitdir")) or b"").rstrip("\n")
    return Tree(git_dir, _folder(os.path.dirname(os.path.join(git_dir, link)))) if link else None


def branches(
    repository: Repository, node: Node, trunk: str | None, subjects: Sequence[Subject]
) -> dict[str, list[Branch]]:
    """The branches that carry work of each session, by its id: here as they are here, else as the hub had them. One walk for all."""
    tips = _tips(repository.git, node)
    trees = {one.session.id: tree_of(repository, one) for one in subjects}
    wanted = _Wanted(subjects, {id_: tree for id_, tree in trees.items() if tree})
    carried = lineage.carriers(repository.git, tips, trunk, wanted.of)
    found: dict[str, list[Branch]] = {}
    for one in subjects:
        names = {name for name, ids in carried.items() if one.session.id in ids}
        names |= {ref for ref in _on(trees[one.session.id], one.session) if ref in tips}
        found[one.session.id] = _by_name(names, tips, node)
    return found


def loose(tree: Tree, trunk: str | None) -> str | None:
    """The commit that a worktree is at on no branch, where the trunk does not have it."""
    head = refs.resolve(tree.git, "HEAD^{commit}")
    if head is None or tree.git.line("symbolic-ref", "--quiet", "HEAD"):
        return None
    return None if trunk and landing.contains(tree.git, trunk, head) else head


def _main(repository: Repository, path: str) -> str:
    """Where the main worktree is."""
    if repository.git_dir == repository.common_dir:
        return _folder(repository.worktree or "")
    parent, name = os.path.split(repository.common_dir)
    return _folder(parent if name == ".git" else path)


def _folder(path: str) -> str:
    return path if path and os.path.isdir(path) else ""


class _Wanted:
    """Which sessions a commit is work of."""

    def __init__(self, subjects: Sequence[Subject], trees: Mapping[str, Tree]) -> None:
        self._named: dict[str, set[str]] = {}
        for one in subjects:
            id_ = one.session.id
            start = one.here.log_length if one.here else -1
            made = headlog.made_since(trees[id_].git_dir, start) if id_ in trees else set()
            for key in {id_, *(claim.id for claim in one.claims), *made}:
                self._named.setdefault(key, set()).add(id_)

    def of(self, commit: Commit) -> Iterable[str]:
        keys = (commit.oid, *commit.sessions, *(claim.partition("@")[0] for claim in commit.claims))
        return {id_ for key in keys for id_ in self._named.get(key, ())}


def _tips(git: Git, node: Node) -> dict[str, str]:
    """The branches here, and those of the hub as last seen, by their full names."""
    theirs = _theirs(node)
    found = refs.read(git, HEADS, *([theirs] if theirs else []))
    return {name: oid for name, oid in found.items() if name != f"{theirs}HEAD"}


def _theirs(node: Node) -> str:
    return f"refs/remotes/{node.hub}/" if node.hub else ""


def _on(tree: Tree | None, session: Session) -> list[str]:
    """The branch that a session is on, by its worktree or else as it said when it began."""
    if tree is not None and tree.path:
        ref = tree.git.line("symbolic-ref", "--quiet", "HEAD")
        return [ref] if ref else []
    return [HEADS + session.branch] if session.branch else []


def _by_name(names: Iterable[str], tips: Mapping[str, str], node: Node) -> list[Branch]:
    """Each branch once, and one of the hub at the same commit as one here not at all: it is that, pushed."""
    theirs = _theirs(node)
    local = {ref.removeprefix(HEADS): tips[ref] for ref in names if ref.startswith(HEADS)}
    pushed = {ref.removeprefix(theirs): tips[ref] for ref in names if theirs and ref.startswith(theirs)}
    beside = {name: oid for name, oid in pushed.items() if name not in local and oid not in local.values()}
    return sorted(Branch(name, oid) for name, oid in (local | beside).items())
