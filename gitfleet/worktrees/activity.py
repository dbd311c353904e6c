"""When somebody last did something in a worktree, as far as the tree itself and its session tell.

Counts: what the log of its HEAD says was done, the times of its files and folders (ignored ones aside), the renewals of its
session, and that it was made or handed out. Does not count: what gitfleet does there. Upkeep notes when it changed a tree
(`notes`), and file times and log lines of those moments are passed over; so a tree in which nothing happens but
upkeep every five minutes does become idle. The index is not looked at: `git status` writes it, too.

Times in the future (a clock that was set back, a file from elsewhere) prove nothing and must not keep a tree for ever: the
first time one is the newest it counts as now, and from then on as that moment.
"""

from __future__ import annotations

import os
from typing import NamedTuple

from gitfleet.base import clock
from gitfleet.git.program import Git
from gitfleet.worktrees import capture, only_here
from gitfleet.worktrees.capture import Capture
from gitfleet.worktrees.model import Managed
from gitfleet.worktrees.notes import ACTION, SLACK, TreeNotes


class Activity(NamedTuple):
    """The last activity: when (seconds since 1970) and what it was."""

    at: int
    what: str


def last(managed: Managed, found: Capture, *, renewed_at: int = 0, note: bool = True) -> Activity:
    """The last activity in a worktree. `found` is what lies there, `renewed_at` when its session was last renewed. Without
    `note` nothing is written down.
    """
    notes, git = TreeNotes(managed.git_dir), Git(managed.git_dir, cwd=managed.path)
    seen = [Activity(managed.created_at, "it was made"), Activity(renewed_at, "its session was renewed")]
    if taken := notes.reservation:
        seen.append(Activity(taken.at, "it was handed out"))
    seen += [
        Activity(line.at, f"its HEAD moved ({line.words[:60]})" if line.words else "its HEAD moved")
        for line in only_here.log(git)
        if not line.words.startswith(ACTION)
    ]
    seen += _touched(managed.path, found, notes)
    return _present(seen, notes, note=note)


def _touched(top: str, found: Capture, notes: TreeNotes) -> list[Activity]:
    """The newest time of a file or folder that is not ours."""
    stamps = [(os.lstat(top).st_mtime_ns, "its folder")]
    stamps += [
        (item.stamp[capture.CHANGED], path) for path, item in found.items.items() if path not in found.ignored
    ]
    newest, what = next((one for one in sorted(stamps, reverse=True) if not notes.ours(one[0])), (0, ""))
    return [Activity(newest // 1_000_000_000, f"{what} was changed")] if newest else []


def _present(seen: list[Activity], notes: TreeNotes, *, note: bool) -> Activity:
    """The newest, none of them later than now."""
    now = clock.now()
    past = max((one for one in seen if one.at <= now + SLACK), default=Activity(0, ""))
    future = max((one for one in seen if one.at > now + SLACK), default=None)
    if future is None:
        return past
    return max(past, Activity(notes.met(future.at, note=note), f"{future.what}, in the future"))
