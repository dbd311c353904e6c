"""What tells that a status has become another: folders and files of this clone, and the processes of its sessions.

Nothing is asked again and again: whoever waits is woken. What nobody tells (a file that was edited in a folder of a worktree, a node
that has not moved for a while) is seen at the next look.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress

from gitfleet.base import files
from gitfleet.base.watching import Bell
from gitfleet.clone import Clone
from gitfleet.fleet.seen_signs import SeenSigns
from gitfleet.fleet.views.status import StatusAnswer
from gitfleet.git import fleetrefs
from gitfleet.nodes import checkouts
from gitfleet.nodes.checkout_signs import git_stamp
from gitfleet.nodes.records import ALIVE
from gitfleet.sessions.local import LocalSessions

MOST = 400
"""Worktrees, and logs, that are watched at once."""

_KEPT = (
    (), ("inbox",), ("inbox", "read"), ("maintainer",), ("sessions",), ("radar",), ("jobs",), ("jobs", "open"),
)  # fmt: skip
"""What this clone keeps for itself, and its jobs, below its state."""


class StatusChanges:
    """What tells of changes of one clone's status. `bell` may be stirred by anybody. Use it as a context manager."""

    def __init__(self, clone: Clone, *others: int) -> None:
        """Waits end also when one of the files `others` can be read, or is closed."""
        self._clone = clone
        self._others = others
        self._tops: set[str] = set()
        self._git_dirs: set[str] = set()
        self._logs: set[str] = set()
        self._signs = SeenSigns(clone)
        self.bell = Bell()

    def arm(self) -> None:
        """Watch the places that are the same for every status. Before a look, so that nothing is missed."""
        self.bell.arm(places(self._clone), writes=False)

    def watch(self, found: StatusAnswer) -> bool:
        """Watch what is in a status, too: its sessions' processes, worktrees and logs, and whatever runs the jobs.

        Whether some of that was not watched before: there something may have changed since.
        """
        node = self._clone.ledger.node.id
        own = [row for row in found["sessions"] if row["node"] == node]
        worktrees = {row["worktree"] for row in own if row["liveness"] != "dead"}
        known = dict(_of_worktrees(self._clone, sorted(worktrees)[:MOST]))
        tops, git_dirs = set(known), set(known.values())
        local = LocalSessions(self._clone.ledger.state)
        here = [local.get(row["id"]) for row in own if row["log"]][:MOST]
        logs = {one.log for one in here if one and one.log}
        pids = {row["pid"] for row in own if row["liveness"] == ALIVE and row["pid"]}
        manager = found["jobs"] and found["jobs"]["manager"]
        pids = {*pids, *([manager["pid"]] if manager and manager["pid"] else [])}
        self.bell.arm([*tops, *git_dirs], logs, pids, writes=False)
        more = not (tops <= self._tops and git_dirs <= self._git_dirs and logs <= self._logs)
        self._tops, self._git_dirs, self._logs = tops, git_dirs, logs
        return more

    def signs(self) -> object:
        """What differs once the status may be another, to be compared: taken before a look, so that nothing is missed.

        Of what was watched for the last look. No process. Raises as `Clone.current`.
        """
        stamps = [files.stamp(path) for path in (*sorted(self._tops), *sorted(self._logs))]
        of_git = [git_stamp(folder) for folder in sorted(self._git_dirs)]
        return self._signs.now(places(self._clone)), stamps, of_git, self.bell.ended

    def wait(self, seconds: float) -> bool:
        """Wait for a change, at most so long; whether there may have been one."""
        return self.bell.wait(seconds, self._others)

    def close(self) -> None:
        """Let go of files."""
        self.bell.close()


def places(clone: Clone) -> Iterator[str]:
    """The folders in which something changes when a status of this clone, or a page about it, does. Those of the ledger come first."""
    common, state = clone.repository.common_dir, clone.ledger.state
    yield from clone.ledger.places()
    node = clone.ledger.node
    names = [f"refs/heads/{node.trunk}"]
    if node.hub:
        names += [fleetrefs.seen_trunk(node.hub), f"refs/remotes/{node.hub}/{node.trunk}"]
    yield from (os.path.join(common, os.path.dirname(name)) for name in names)
    yield from (os.path.join(state, *below) for below in _KEPT)
    yield os.path.join(common, "hooks")


def _of_worktrees(clone: Clone, paths: Sequence[str]) -> Iterator[tuple[str, str]]:
    """The folders of these worktrees, each with that of what git keeps of it."""
    with suppress(OSError):
        known = checkouts.known(clone.repository)
        for path in paths:
            place = os.path.realpath(path) if path and "\0" not in path else ""
            if place in known:
                yield place, known[place]
