"""Making a worktree so that a crash at any step leaves nothing that blocks the next, and nothing unknown.

Before git is asked, a note of the intent goes into the clone's state folder; it goes away once the marker stands. The
worktree and its branch are made with the worktrees' lock held, its files are checked out without it, so that many are
checked out at once. Whoever makes a worktree next finds notes of those who died, and ends what they began: a worktree that
is registered gets its files and its marker, a branch that nobody has committed to is taken back. No one was ever handed
such a worktree.
"""

from __future__ import annotations

import os
from typing import NamedTuple

from gitfleet.base import clock, files, identity, statefile
from gitfleet.base.identity import ProcessIdentity, identify
from gitfleet.base.processes import Completed
from gitfleet.base.statefile import PROCESS
from gitfleet.base.text import display
from gitfleet.codec import FLAG, One, Struct, field, replace
from gitfleet.errors import UNCHANGED, FleetError, LocalStorage
from gitfleet.git import git_worktrees, refs
from gitfleet.git.git_worktrees import Worktree
from gitfleet.git.program import Git, failed
from gitfleet.git.repository import Repository
from gitfleet.worktrees import liveness, marker
from gitfleet.worktrees.model import Managed
from gitfleet.worktrees.notes import TreeNotes

_NOTES = "making"


class _Intent(Struct):
    """What is being made, whether its branch is new, and who makes it."""

    plan: Managed = field(One(Managed))
    create: bool = field(FLAG)
    maker: ProcessIdentity | None = field(PROCESS, default=None)


class Begun(NamedTuple):
    """A worktree that is there without its files: what it is to be, git's folder for it, the note, whether its branch is new."""

    managed: Managed
    note: str
    create: bool


def begin(repository: Repository, state: str, plan: Managed, *, create: bool) -> Begun:
    """Make the planned worktree (its `git_dir` is still "") without its files; with `create` its branch too, at its `base_commit`.

    Quick, and with the worktrees' lock held. Raises GitFailed, LocalStorage; what was begun is then taken back.
    """
    note, git = _note(state, plan.session), repository.git
    files.folder(os.path.dirname(note))
    _demand_writable(plan.folder, os.path.join(repository.common_dir, "worktrees"))
    statefile.save(note, _Intent(plan, create, identify(os.getpid())))
    try:
        files.folder(plan.folder)
        git_worktrees.add(git, plan.path, branch=plan.branch, commit=plan.base_commit, create=create)
    except (
        FleetError
    ):  # it may be there all the same, as where a hook that git cannot be kept from running fails
        ended = _recover(git, note, git_worktrees.listed(git))
        if not ended or git_worktrees.at(plan.path, git_worktrees.listed(git)) is None:
            raise
    made = git_worktrees.at(plan.path, git_worktrees.listed(git))
    assert made is not None, "git has just made it"
    return Begun(replace(plan, git_dir=made.git_dir, path=made.path), note, create)


def _demand_writable(*folders: str) -> None:
    for folder in folders:
        if os.path.isdir(folder) and not files.may_write(folder):
            raise LocalStorage(
                f"{display(folder)} is not writable.",
                unharmed=UNCHANGED,
                hint="Give permission there, then run the same command again.",
                path=folder,
            )


def fill(begun: Begun) -> None:
    """Give a worktree its files and its marker. Takes as long as a checkout, and needs no lock: nobody else touches it.

    Raises GitFailed, LocalStorage; the caller then calls `undo`.
    """
    plan = begun.managed
    if (done := _check_out(plan)).code:
        raise failed(done)
    marker.write(plan)
    files.remove(begun.note)


def undo(repository: Repository, begun: Begun) -> None:
    """Take back what `begin` made, whatever has come of it since. With the worktrees' lock held. Never raises for git."""
    plan = begun.managed
    if repository.git.ask("worktree", "remove", "--force", "--force", "--", plan.path).code == 0:
        if begun.create:
            _take_branch_back(repository.git, plan)
        files.remove(begun.note)


def under_way(state: str, session: str) -> bool:
    """Whether the worktree of a session is being made, by a process that may be alive or by a git that has outlived it.

    To be asked after `recover`, with the worktrees' lock held.
    """
    return os.path.exists(_note(state, session))


def recover(repository: Repository, state: str, everything: list[Worktree]) -> bool:
    """End what makers that died have begun. Answers whether anything was changed, and `everything` is out of date.

    A note whose maker is alive is left alone: files are checked out without the lock. One of which that cannot be told (another
    machine's, which shares this clone) is, for as long as a checkout may take.
    """
    folder = os.path.join(state, "worktrees", _NOTES)
    names = os.listdir(folder) if os.path.isdir(folder) else []
    for name in names:
        if name.endswith(".tmp"):  # a note that was never finished
            files.remove(os.path.join(folder, name))
    notes = [os.path.join(folder, name) for name in files.names(folder)]
    ended = [_recover(repository.git, note, everything) for note in notes if not _at_work(note)]
    return any(ended)


def _at_work(note: str) -> bool:
    """Whether the maker that left a note may be at work on it still."""
    known = statefile.load(_Intent, note)
    if known is None or known.maker is None or known.maker.pid == os.getpid():
        return False
    word, since = identity.state(known.maker), clock.now() - known.plan.created_at
    return word == "alive" or (word != "dead" and 0 <= since < git_worktrees.CHECKOUT_TIME)


def _recover(git: Git, note: str, everything: list[Worktree]) -> bool:
    """End what a note tells of, or take it back; whether that could be done now. If not, the note stays."""
    known = statefile.load(_Intent, note)
    if known is None:
        files.remove(note)
        return True
    plan, ref = known.plan, f"refs/heads/{known.plan.branch}"
    there = git_worktrees.at(plan.path, [item for item in everything if item.git_dir])
    marked = there is not None and os.path.lexists(os.path.join(there.git_dir, marker.NAME))
    if there and not marked:
        if _finish(git, plan, there):
            marker.write(replace(plan, git_dir=there.git_dir, path=there.path))
            files.remove(note)
            return True
        if not _discard(git, plan, there):
            return False  # git itself may still be at work there, for it outlives us: later
    used = any(item.branch == ref for item in everything if item is not there)
    if known.create and not marked and not used:
        _take_branch_back(git, plan)
    files.remove(note)
    return True


def _finish(git: Git, plan: Managed, there: Worktree) -> bool:
    """Give a worktree that git was stopped in making its files. No one was handed it, so there is nothing to lose."""
    if not os.path.isdir(plan.path) or there.branch != f"refs/heads/{plan.branch}":
        return False
    lock = os.path.join(there.git_dir, "index.lock")
    if os.path.exists(lock) and not liveness.users([plan.path], sessions=[])[plan.path]:
        files.remove(lock)  # of a git that has died with its maker
    if _check_out(replace(plan, git_dir=there.git_dir)).code:
        return False
    TreeNotes(there.git_dir).release()
    git.ask("worktree", "unlock", "--", plan.path)  # git locks what it is making
    return True


def _check_out(plan: Managed) -> Completed:
    """What `git worktree add` itself does last."""
    return Git(plan.git_dir, cwd=plan.path).ask(
        "reset",
        "--hard",
        "--quiet",
        "--no-recurse-submodules",
        timeout=git_worktrees.CHECKOUT_TIME,
        own_session=True,
    )


def _discard(git: Git, plan: Managed, there: Worktree) -> bool:
    """Remove a worktree that has not come so far as to hold a file."""
    if os.path.exists(os.path.join(there.git_dir, "index.lock")):
        return False
    empty = not os.path.isdir(plan.path) or set(os.listdir(plan.path)) <= {".git"}
    return empty and git.ask("worktree", "remove", "--force", "--force", "--", plan.path).code == 0


def _take_branch_back(git: Git, plan: Managed) -> None:
    """Delete the branch that was made for it, if it is still where it was made."""
    refs.delete(git, f"refs/heads/{plan.branch}", old=plan.base_commit)


def _note(state: str, session: str) -> str:
    return os.path.join(state, "worktrees", _NOTES, f"{session}.json")
