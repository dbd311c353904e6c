"""git's worktrees: which there are, what stands in the way of working in one, making and removing them.

Owns the reading of `git worktree list --porcelain -z` (git 2.36, the oldest that gitfleet works with, has `-z`) and of the
files by which git notes an operation that was begun. Leaves to `gitfleet.worktrees` which of them are ours. `git worktree
add` races with itself on the shared configuration and on names: callers serialize it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

from gitfleet.base import files
from gitfleet.base.text import display
from gitfleet.codec import Struct
from gitfleet.git.program import Git
from gitfleet.git.repository import main_worktree

CHECKOUT_TIME = 1800.0  # seconds for a whole checkout: large files come through filters, from far away
_DAEMON_TIME = 10.0
_DAEMON = "fsmonitor--daemon.ipc"  # its socket, in the worktree's git dir
_HEADS = "refs/heads/"

# Files and folders in a worktree's git dir -> the operation that is in progress while they are there, in this order.
_OPERATIONS = (
    ("rebase-merge", "rebase"),
    ("rebase-apply/applying", "am"),
    ("rebase-apply", "rebase"),
    ("MERGE_HEAD", "merge"),
    ("CHERRY_PICK_HEAD", "cherry-pick"),
    ("REVERT_HEAD", "revert"),
    ("sequencer/todo", "cherry-pick"),
    ("BISECT_LOG", "bisect"),
)


class Worktree(Struct):
    """One worktree as git lists it.

    `branch` is the full ref, None when detached; `head` is None before the first commit; `git_dir` is "" when git's own
    folder for it could not be found. `locked` and `prunable` hold git's reason (`locked` may be "" with none given), else None.
    """

    path: str
    git_dir: str
    head: str | None
    branch: str | None
    bare: bool
    locked: str | None
    prunable: str | None

    @property
    def lock(self) -> str:
        """That it is locked, and why, in words; "" when it is not."""
        return "" if self.locked is None else f"it is locked ({display(self.locked) or 'without a reason'})"


def linked(git: Git) -> bool:
    """Whether there are worktrees beside the main one. `git` is that of the common dir. No process."""
    return os.path.isdir(os.path.join(git.git_dir, "worktrees"))


def listed(git: Git) -> list[Worktree]:
    """Every worktree of the repository, the main one first. `git` is that of the common dir. One git process.

    git names the git directory for the main worktree where that lies elsewhere (in a submodule, or after `git clone
    --separate-git-dir`); here it is the worktree itself, where that can be told. A folder that is gone is listed with `prunable`. What git itself cannot read it passes over: see `unlisted`.
    """
    out = os.fsdecode(git.run("worktree", "list", "--porcelain", "-z"))
    git_dirs = folders(git.git_dir)
    found = []
    for number, block in enumerate(block for block in out.split("\0\0") if block.strip("\0")):
        fields = dict(line.partition(" ")[::2] for line in block.strip("\0").split("\0"))
        path = fields["worktree"]
        if number == 0 and "bare" not in fields:
            path = main_worktree(git.git_dir) or path
        git_dir = git.git_dir if number == 0 else git_dirs.get(os.path.realpath(path), "")
        head = fields.get("HEAD")
        found.append(
            Worktree(
                path=path,
                git_dir=git_dir,
                head=head if head and head.strip("0") else None,
                branch=fields.get("branch"),
                bare="bare" in fields,
                locked=fields.get("locked"),
                prunable=fields.get("prunable"),
            )
        )
    return found


def at(path: str, everything: Iterable[Worktree]) -> Worktree | None:
    """The one of the worktrees that is at `path`; None where git lists none there."""
    real = os.path.realpath(path)
    return next((item for item in everything if os.path.realpath(item.path) == real), None)


def folders(common_dir: str) -> dict[str, str]:
    """The folder of git itself of each linked worktree, by the real path of the worktree."""
    top = os.path.join(common_dir, "worktrees")
    found = {}
    for name in files.names(top):
        git_dir = os.path.join(top, name)
        link = os.fsdecode(files.read(os.path.join(git_dir, "gitdir")) or b"").rstrip("\n")
        if link:
            found[os.path.realpath(os.path.dirname(os.path.join(git_dir, link)))] = git_dir
    return found


def unlisted(common_dir: str, known: list[Worktree]) -> list[str]:
    """The git directories of worktrees that are so broken that git does not list them."""
    seen = {item.git_dir for item in known}
    top = os.path.join(common_dir, "worktrees")
    return [path for name in files.names(top) if (path := os.path.join(top, name)) not in seen]


def add(git: Git, path: str, *, branch: str, commit: str, create: bool) -> None:
    """Make a worktree at `path` without its files, with the branch `branch` (short name), which is made at `commit` if `create`.

    Raises GitFailed; git then takes back what it began, but not a new branch. Parent folders are made.
    """
    what = ["--no-track", "-b", branch, "--", path, commit] if create else ["--", path, branch]
    git.run("worktree", "add", "--quiet", "--no-checkout", *what, timeout=CHECKOUT_TIME, own_session=True)


def remove(git: Git, path: str, *, force: bool = False) -> None:
    """Remove a worktree, folder and all. Without `force` git refuses where anything is changed or untracked; GitFailed."""
    how = ["--force"] if force else []
    git.run("worktree", "remove", *how, "--", path, timeout=CHECKOUT_TIME, own_session=True)


def stop_watching(path: str, git_dir: str) -> None:
    """End the daemon that watches a worktree for git (`core.fsmonitor`): it would outlive it. The next git call there starts it anew.

    Waits some seconds at most; where it cannot be ended it goes on.
    """
    if os.path.lexists(os.path.join(git_dir, _DAEMON)):
        Git(git_dir, cwd=path).ask("fsmonitor--daemon", "stop", timeout=_DAEMON_TIME)


def in_progress(git_dir: str) -> str | None:
    """The operation that was begun in a worktree and not ended: merge, rebase, cherry-pick, revert, bisect, am; or None."""
    return next((name for file, name in _OPERATIONS if os.path.lexists(os.path.join(git_dir, file))), None)


def begun(operation: str) -> str:
    """An operation with its article."""
    return f"{'an' if operation == 'am' else 'a'} {operation}"


def short(ref: str | None) -> str:
    """The branch name in a full ref; "" for None (detached)."""
    return ref.removeprefix(_HEADS) if ref else ""


def away(parent: str) -> str:
    """Why all that belongs below a folder may be somewhere else just now, as on a volume that is not mounted; "" if not."""
    shown = display(parent)
    if not os.path.isdir(parent):
        return f"so is {shown}"
    if _mounted(parent):
        return f"{shown} is where a volume is mounted"
    try:
        with os.scandir(parent) as entries:
            return "" if any(entry.is_dir() for entry in entries) else f"nothing else is in {shown}"
    except OSError:
        return f"{shown} cannot be read"


def _mounted(folder: str) -> bool:
    """Whether something is mounted at a folder; of the same file system, too, where the system lists that (Linux)."""
    real = os.path.realpath(folder)
    known = os.fsdecode(files.read("/proc/self/mountinfo") or b"").split("\n")
    listed = {row.split(" ")[4] for row in known if row.count(" ") > 4}
    return os.path.ismount(real) or real.replace("\\", "\\134").replace(" ", "\\040") in listed
