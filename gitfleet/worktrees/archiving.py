"""Archiving a worktree because somebody asks for it: any worktree of this clone, and nothing is removed."""

from __future__ import annotations

import os
from collections.abc import Sequence

from gitfleet.base import advice, files
from gitfleet.base.ids import is_name
from gitfleet.base.text import display
from gitfleet.errors import Blocked, UsageError
from gitfleet.git import git_worktrees
from gitfleet.git.git_worktrees import Worktree
from gitfleet.git.program import Git
from gitfleet.git.repository import Repository
from gitfleet.worktrees import archive, capture, ignored, listing, only_here, removable, removal
from gitfleet.worktrees.archive import Archive, Owner
from gitfleet.worktrees.listing import Listing


def take(repository: Repository, place: str | None, words: Sequence[str] = ()) -> Archive:
    """Archive the worktree at `place` (a session that has a managed one, or a path in any worktree; None: where we are).

    Nothing in it is changed. Raises UsageError for a place that is no worktree of this clone, Blocked for one that cannot
    be archived faithfully: an operation in progress, another repository inside, no commit yet.
    """
    chosen = ignored.check(words)
    found = listing.look(repository)
    worktree = _choose(repository, found, place)
    common, git = repository.git, Git(worktree.git_dir, cwd=worktree.path)
    owner = _owner(found, worktree)
    operation = git_worktrees.in_progress(worktree.git_dir)
    if operation is not None:
        raise Blocked(
            f"{display(worktree.path)} has {git_worktrees.begun(operation)} in progress, and an archive cannot keep that.",
            hint=f"Finish it or abort it (`git {operation} --abort`), then archive.",
        )
    top = os.path.realpath(worktree.path)
    inside = {
        os.path.relpath(os.path.realpath(one.path), top)
        for one in found.everything
        if one.path != worktree.path
    }
    seen = capture.look(git, chosen, frozenset(path for path in inside if not path.startswith("..")))
    extra = only_here.only_here(git, common, owner.head, owner.branch)
    made = archive.make(git, common, owner, seen, extra)
    try:
        removal.check(common, made, worktree.path, seen)
    except removal.Changed as changed:
        words_ = f"Someone is working in {display(worktree.path)}: {changed}. The archive {made.id} was kept, but it may mix old and new files."
        raise Blocked(words_, unharmed="", hint="Archive it again when nobody works there.") from changed
    return made


def _choose(repository: Repository, found: Listing, place: str | None) -> Worktree:
    if place is not None:
        for managed, worktree in found.managed:
            if place in {managed.session, managed.id}:
                return _present(worktree)
    real = os.path.realpath(place if place is not None else repository.worktree or ".")
    inside = [
        one for one in found.everything if not one.bare and files.within(real, os.path.realpath(one.path))
    ]
    if not os.path.lexists(real):  # a session that is misspelt is no path in the worktree that this runs in
        inside = [one for one in inside if os.path.realpath(one.path) == real]
    if not inside:
        raise UsageError(
            f"{display((place or real)[:200])} is no session with a worktree here, and in no worktree of this clone.",
            hint=f"See {advice.WORKTREES}.",
        )
    return _present(max(inside, key=lambda one: len(os.path.realpath(one.path))))


def _present(worktree: Worktree) -> Worktree:
    if not os.path.isdir(worktree.path) or not worktree.git_dir:
        raise Blocked(
            f"The folder of {display(worktree.path)} is gone.",
            hint=f"{advice.CLEANUP} archives what git still has of it.",
        )
    if worktree.head is None:
        raise Blocked(f"{display(worktree.path)} has no commit yet.", hint="Commit something there first.")
    return worktree


def _owner(found: Listing, worktree: Worktree) -> Owner:
    for managed, its in found.managed:
        if its.path == worktree.path:
            return removable.owner(managed, worktree.head or "", worktree.branch or "")
    name = os.path.basename(worktree.path)[:64]
    id_ = name if is_name(name) else "worktree"
    return Owner(id=id_, path=worktree.path, branch=worktree.branch or "", head=worktree.head or "")
