"""Making a worktree so that a crash at any step leaves nothing that blocks the next, and nothing unknown.

Before git is asked, a note of the intent goes into the clone's state folder; it goes away once the marker stands. Whoever
makes a worktree next finds notes of those who died, and ends what they began: a worktree that is registered gets its files
and its marker, a branch that nobody has committed to is taken back. No one was ever handed such a worktree. The caller
holds the worktrees' lock.
"""

from __future__ import annotations

import os
from dataclasses import asdict
from typing import Any

from gitfleet.base import canonical, files
from gitfleet.base.ids import is_name
from gitfleet.errors import FleetError
from gitfleet.git import refs
from gitfleet.git import worktrees as git_worktrees
from gitfleet.git.program import Git
from gitfleet.git.repository import Repository
from gitfleet.git.worktrees import Worktree
from gitfleet.worktrees import marker
from gitfleet.worktrees.model import Managed

_NOTES = "making"


def make(repository: Repository, state: str, plan: Managed, *, create: bool) -> Managed:
    """Make the planned worktree (its `git_dir` is still "") and mark it; with `create` its branch too, at its `base_commit`.

    Raises GitFailed, LocalStorage; what was begun is then taken back.
    """
    note = _note(state, plan.session)
    files.folder(os.path.dirname(note))
    files.replace(note, canonical.dump({**asdict(plan), "create": create}))
    try:
        files.folder(plan.folder)
        git_worktrees.add(
            repository.git, plan.path, branch=plan.branch, commit=plan.base_commit, create=create
        )
    except FleetError:
        if not _made_all_the_same(repository.git, plan, note, create=create):
            raise
    made = _registered(repository.git, plan.path)
    assert made is not None, "git has just made it"
    return _mark(plan, made, note)


def _made_all_the_same(git: Git, plan: Managed, note: str, *, create: bool) -> bool:
    """Whether git made it and then failed, as where a hook that it cannot be kept from running does; else take it back.

    Where it cannot be taken back now, the note stays, and `recover` does it.
    """
    there = _registered(git, plan.path)
    if there is not None and _finish(git, plan, there):
        return True
    if there is None or _discard(git, plan, there):
        if create:
            _take_branch_back(git, plan)
        files.remove(note)
    return False


def recover(repository: Repository, state: str, everything: list[Worktree]) -> bool:
    """End what makers that died have begun. Answers whether anything was changed, and `everything` is out of date.

    Everybody who makes one holds the lock, so a note that is there now belongs to nobody.
    """
    folder = os.path.join(state, "worktrees", _NOTES)
    names = os.listdir(folder) if os.path.isdir(folder) else []
    for name in names:
        if name.endswith(".tmp"):  # a note that was never finished
            files.remove(os.path.join(folder, name))
    ended = [_recover(repository.git, os.path.join(folder, name), everything) for name in files.names(folder)]
    return any(ended)


def _recover(git: Git, note: str, everything: list[Worktree]) -> bool:
    plan, create = _read(note)
    there = next((item for item in everything if plan and item.path == plan.path and item.git_dir), None)
    marked = there is not None and os.path.lexists(os.path.join(there.git_dir, marker.NAME))
    if plan and there and not marked:
        if _finish(git, plan, there):
            _mark(plan, there, note)
            return True
        if not _discard(git, plan, there):
            return False  # git itself may still be at work there, for it outlives us: later
    ref = f"refs/heads/{plan.branch}" if plan else ""
    used = any(item.branch == ref for item in everything if item is not there)
    if plan and create and not marked and not used:
        _take_branch_back(git, plan)
    files.remove(note)
    return True


def _finish(git: Git, plan: Managed, there: Worktree) -> bool:
    """Give a worktree that git was stopped in making its files. No one was handed it, so there is nothing to lose."""
    if not os.path.isdir(plan.path) or there.branch != f"refs/heads/{plan.branch}":
        return False
    here = Git(there.git_dir, cwd=plan.path)
    if here.ask("reset", "--hard", "--quiet", timeout=git_worktrees.CHECKOUT_TIME).code:
        return False
    git.ask("worktree", "unlock", "--", plan.path)  # git locks what it is making
    return True


def _discard(git: Git, plan: Managed, there: Worktree) -> bool:
    """Remove a worktree that has not come so far as to hold a file."""
    if os.path.exists(os.path.join(there.git_dir, "index.lock")):
        return False
    empty = not os.path.isdir(plan.path) or set(os.listdir(plan.path)) <= {".git"}
    return empty and git.ask("worktree", "remove", "--force", "--force", "--", plan.path).code == 0


def _mark(plan: Managed, there: Worktree, note: str) -> Managed:
    made = Managed(**{**asdict(plan), "git_dir": there.git_dir, "path": there.path})
    marker.write(made)
    files.remove(note)
    return made


def _registered(git: Git, path: str) -> Worktree | None:
    real = os.path.realpath(path)
    return next((item for item in git_worktrees.listed(git) if os.path.realpath(item.path) == real), None)


def _take_branch_back(git: Git, plan: Managed) -> None:
    """Delete the branch that was made for it, if it is still where it was made."""
    refs.delete(git, f"refs/heads/{plan.branch}", old=plan.base_commit)


def _note(state: str, session: str) -> str:
    return os.path.join(state, "worktrees", _NOTES, f"{session}.json")


def _read(note: str) -> tuple[Managed | None, bool]:
    try:
        raw: dict[str, Any] = canonical.load(files.read(note) or b"")
        create = raw.pop("create") is True
        plan = Managed(**raw)
    except (ValueError, TypeError, KeyError):
        return None, False
    sound = is_name(plan.session) and is_name(plan.agent) and isinstance(plan.path, str)
    return (plan, create) if sound else (None, False)
