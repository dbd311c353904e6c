"""Taking a worktree away so that nothing is lost, whoever else is at work and wherever we are stopped.

The order: archive, read back and compare, then, with the worktrees' lock held, judge again, move the folder aside in
one step, look once more that nothing has changed in it, and only then let git forget it and delete the files. What is
written by path after the move fails instead of vanishing. A note in the clone's state folder says how far it came: what
was moved and not yet seen to be safe is moved back by the next cleanup, the rest is deleted by it.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable
from contextlib import suppress

from gitfleet.base import files, ids, statefile
from gitfleet.base.text import display
from gitfleet.codec import FLAG, TEXT, Broken, Struct, field, replace
from gitfleet.errors import Blocked, FleetError
from gitfleet.git import git_worktrees, refs
from gitfleet.git.program import Git
from gitfleet.worktrees import archive, archive_store, blobs, capture, liveness
from gitfleet.worktrees.archive import Archive
from gitfleet.worktrees.capture import Capture
from gitfleet.worktrees.model import Managed
from gitfleet.worktrees.removable import PRUNE, CleanupVerdict, Sweep

PREFIX = ".gitfleet-removing-"
_NOTES = "removing"


class _Moved(Struct):
    """A worktree that was moved aside, git's own folder for it, and whether it was seen to be safe to delete."""

    path: str = field(TEXT)
    aside: str = field(TEXT)
    git_dir: str = field(TEXT)
    safe: bool = field(FLAG)

    def check(self) -> None:
        """Raise Broken for one that we never move."""
        folder, name = os.path.split(self.aside)
        if not name.startswith(PREFIX) or folder != os.path.dirname(self.path):
            raise Broken("a place beside the worktree was expected", "aside")


class Changed(Exception):
    """The worktree is not as it was judged: it stays. Says why."""


def save(common: Git, managed: Managed, verdict: CleanupVerdict) -> Archive | None:
    """Archive what the verdict says is not elsewhere, read it back and compare; None when there is nothing.

    Raises Changed when the worktree is not any more what was judged, Blocked, Corrupt, GitFailed.
    """
    if not verdict.needed or verdict.owner is None or verdict.found is None:
        return None
    top = managed.path if verdict.word != PRUNE else managed.git_dir
    made = archive.make(Git(managed.git_dir, cwd=top), common, verdict.owner, verdict.found, verdict.extra)
    check(common, made, top, verdict.found)
    return made


def check(common: Git, made: Archive, top: str, found: Capture) -> None:
    """Hold an archive against the worktree. Raises Changed, Corrupt."""
    if refs.read(common, made.ref).get(made.ref) != made.oid:
        raise Changed(f"the archive {made.id} was dropped meanwhile")
    wrong = archive_store.differences(common, made, top, found.items)
    if wrong:
        raise Changed(f"{display(wrong[0])} changed while it was archived")
    gone = blobs.missing(common, [entry.oid for entry in found.staged if entry.mode != "160000"])
    if gone:
        raise Blocked(
            f"The index names an object that is missing: {gone[0]}.",
            unharmed="Nothing was removed.",
            hint="`git fsck`",
        )


def take_away(
    sweep: Sweep, managed: Managed, before: CleanupVerdict, again: Callable[[], CleanupVerdict]
) -> Callable[[], None]:
    """Move a worktree aside and let git forget it; answers what deletes its files. The caller holds the worktrees' lock.

    `before` is the verdict that the archive was made for, `again` judges anew. Raises Changed; the worktree is then where and
    as it was.
    """
    now = again()
    if now.word != before.word:
        raise Changed(now.reason)
    if _differs(before, now):
        raise Changed("it changed while it was archived")
    if before.word == PRUNE:
        _forget(sweep.common, managed)
        return lambda: None
    aside = os.path.join(os.path.dirname(managed.path), f"{PREFIX}{ids.ulid()}")
    moved = _Moved(managed.path, aside, managed.git_dir, safe=False)
    note = os.path.join(files.folder(os.path.join(sweep.state, "worktrees", _NOTES)), f"{ids.ulid()}.json")
    statefile.save(note, moved)
    git_worktrees.stop_watching(managed.path, managed.git_dir)
    os.rename(managed.path, aside)
    try:
        why = _late(aside, before, include_active=sweep.terms.include_active)
    except OSError as error:
        why = str(error)
    if os.path.lexists(managed.path):  # and renaming would replace it
        raise Blocked(
            f"Something was put at {display(managed.path)} while the worktree there was being removed. "
            f"Nothing was deleted: the worktree is at {display(aside)} now.",
            unharmed="",
            hint="Take away what is there; the next cleanup puts the worktree back.",
            path=aside,
        )
    if why:
        os.rename(aside, managed.path)
        files.remove(note)
        raise Changed(why)
    statefile.save(note, replace(moved, safe=True))
    _forget(sweep.common, managed)
    return lambda: _delete(aside, note)


def delete_branch(common: Git, managed: Managed, verdict: CleanupVerdict) -> str:
    """Delete the worktree's own branch if it is still where it was judged; its short name, or "" when it stays."""
    owner = verdict.owner
    if (
        owner is None
        or owner.branch != f"refs/heads/{managed.branch}"
        or not (verdict.landed and verdict.landed.safe)
    ):
        return ""
    if any(item.branch == owner.branch for item in git_worktrees.listed(common)):
        return ""
    return managed.branch if refs.delete(common, owner.branch, old=owner.head) else ""


def recover(common: Git, state: str) -> list[str]:
    """End what cleanups that were stopped have begun; what was done, in words. The caller holds the worktrees' lock."""
    told = []
    folder = files.folder(os.path.join(state, "worktrees", _NOTES))
    for name in sorted(os.listdir(folder)):
        note = os.path.join(folder, name)
        if name.endswith(".tmp"):  # a note that was never finished: only we write here, and we hold the lock
            files.remove(note)
            continue
        try:
            words = _recover(common, note)
        except (FleetError, OSError) as error:
            why = str(error)
            words = f"an interrupted removal could not be finished: {display(why)}"
        told += [words] if words else []
    return told


def _recover(common: Git, note: str) -> str:
    known = statefile.load(_Moved, note)
    if known is None:
        return ""
    path, aside = known.path, known.aside
    if not os.path.isdir(aside):
        files.remove(note)
        return ""
    if known.safe:
        if liveness.users([aside])[aside]:
            return f"{display(aside)} was removed, but somebody still works there"
        if os.path.isdir(known.git_dir) and not os.path.lexists(path):
            git_worktrees.remove(common, path, force=True)
        _delete(aside, note)
        return f"the removal of {display(path)}, which had been interrupted, was finished"
    if os.path.lexists(path):
        return f"{display(aside)} is a worktree whose removal was interrupted, and something is at {display(path)} now"
    os.rename(aside, path)
    files.remove(note)
    return f"{display(path)} was put back: its removal had been interrupted"


def _differs(before: CleanupVerdict, now: CleanupVerdict) -> bool:
    one, other = before.found, now.found
    if one is None or other is None or before.owner != now.owner or before.extra != now.extra:
        return True
    return (
        dict(one.items) != dict(other.items)
        or list(one.staged) != list(other.staged)
        or one.left_out != other.left_out
    )


def _late(aside: str, before: CleanupVerdict, *, include_active: bool) -> str:
    """What speaks against it in the last moment; "" when nothing does."""
    there = liveness.users([aside])[aside]
    if there and not include_active:
        return liveness.in_use(there)
    was = before.found.everything if before.found else {}
    now = capture.walked(aside)
    late = sorted(path for path in now.keys() | was.keys() if now.get(path) != was.get(path))
    return f"{display(late[0])} changed at the last moment" if late else ""


def _forget(common: Git, managed: Managed) -> None:
    """Let git forget a worktree whose folder is gone. Never removes a folder that is there."""
    if os.path.lexists(managed.path):
        raise Changed("something is in its place")
    git_worktrees.remove(common, managed.path, force=True)


def _delete(aside: str, note: str) -> None:
    """Delete what was moved aside, folders that may not be written included."""
    _open_up(aside)
    for folder, names, _ in os.walk(aside):
        for name in names:
            _open_up(os.path.join(folder, name))
    shutil.rmtree(aside)
    files.remove(note)


def _open_up(path: str) -> None:
    """Let a folder be read and written; a link is left alone."""
    mode = os.lstat(path).st_mode
    if stat.S_ISDIR(mode) and mode & 0o700 != 0o700:
        with suppress(OSError):
            os.chmod(path, 0o700)
