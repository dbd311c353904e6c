"""A clone of a fleet with managed worktrees, as tests want them: made in a line, in any state."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gitfleet.fleet.fleet import Fleet
from gitfleet.worktrees.ensure import Wish
from gitfleet.worktrees.model import Managed
from gitfleet.worktrees.notes import TreeNotes
from gitfleet.worktrees.outcome import Outcome
from gitfleet.worktrees.reconcile_plan import ReconcileTerms
from gitfleet.worktrees.service import Ensured, Reconciled, Selection
from gitfleet.worktrees.status import Row
from tests.fleetbench import Fleets
from tests.workbench import Git

EVERYTHING = Selection(everything=True)


@dataclass(frozen=True, slots=True)
class Yard:
    """The clone `ada`, whose worktrees these are; `bob` is where others push to the hub from."""

    fleets: Fleets
    git: Git

    @property
    def top(self) -> Path:
        return self.fleets.clone("ada")

    def open(self) -> Fleet:
        return self.fleets.open("ada")

    def ensure(self, agent: str = "codex", session: str | None = None, **wish: Any) -> Ensured:
        """What `worktree ensure` does, for this process."""
        reconcile = wish.pop("reconcile", False)
        with self.open() as fleet:
            asked = Wish(agent=agent, session=session, pid=os.getpid(), **wish)
            return fleet.worktrees.ensure(asked, reconcile=reconcile)

    def make(self, session: str, agent: str = "codex", **wish: Any) -> Path:
        """A managed worktree that nobody uses; its path."""
        managed = self.ensure(agent, session, **wish).managed
        self.release(managed)
        return Path(managed.path)

    def release(self, managed: Managed) -> None:
        """As if whoever was handed it had come and gone."""
        TreeNotes(managed.git_dir).release()

    def managed(self) -> list[Managed]:
        with self.open() as fleet:
            return [managed for managed, _ in fleet.worktrees.look().managed]

    def advance(self, files: dict[str, str], branch: str = "main") -> str:
        """Commit to the hub's branch, as others do; the commit."""
        bob = self.fleets.clone("bob")
        self.git(bob, "checkout", "--quiet", "--detach")
        self.git(bob, "fetch", "--quiet", "origin")
        if self.git.ask(bob, "rev-parse", "--verify", f"origin/{branch}").returncode == 0:
            self.git(bob, "checkout", "--quiet", f"origin/{branch}")
        commit = self.git.commit(bob, files, "from others")
        self.git(bob, "push", "--quiet", "origin", f"HEAD:refs/heads/{branch}")
        return commit

    def push(self, worktree: Path, *refs: str) -> None:
        """Push from one of the worktrees. The address of the hub is one that counts from the clone."""
        self.git(self.top, "remote", "set-url", "origin", str(self.fleets.hub))
        self.git(worktree, "push", "--quiet", "origin", *(refs or ("HEAD",)))

    def reconcile(self, selection: Selection = EVERYTHING, *, base: str = "", **wanted: Any) -> Reconciled:
        with self.open() as fleet:
            return fleet.worktrees.reconcile(selection, ReconcileTerms(**wanted), base=base)

    def outcome(self, session: str, **wanted: Any) -> Outcome:
        """What `worktree reconcile --all` makes of one of them."""
        (found,) = [item for item in self.reconcile(**wanted).outcomes if item.session == session]
        return found

    def status(self) -> dict[str, Row]:
        with self.open() as fleet:
            rows, _ = fleet.worktrees.status()
        return {row.seen.managed.session: row for row in rows}

    def head(self, worktree: Path, name: str = "HEAD") -> str:
        return self.git(worktree, "rev-parse", name)


def picture(folder: Path, *, without: Sequence[str] = ()) -> dict[str, tuple[int, bytes]]:
    """Every file below a folder: its mode and bytes (a link's target)."""
    found = {}
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name != ".git" and name not in without]
        for name in names:
            path = os.path.join(place, name)
            mode = os.lstat(path).st_mode
            content = os.fsencode(os.readlink(path)) if os.path.islink(path) else Path(path).read_bytes()
            found[os.path.relpath(path, folder)] = (mode, content)
    return found


def index_of(git: Git, worktree: Path) -> bytes:
    """The bytes of its index."""
    return Path(git(worktree, "rev-parse", "--path-format=absolute", "--git-path", "index")).read_bytes()
