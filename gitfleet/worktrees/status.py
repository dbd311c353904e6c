"""What can be said of each managed worktree now: one git process each, in parallel, and none to the hub.

Commits are counted within this process (`git.history`), processes are looked at once for all.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import NamedTuple

from gitfleet.base import clock, files
from gitfleet.base import disk as usage
from gitfleet.git import checkout
from gitfleet.git.checkout import CheckoutState
from gitfleet.ledger.ledger import Ledger
from gitfleet.trunk import position
from gitfleet.worktrees import notes, reconcile_plan
from gitfleet.worktrees.model import Managed
from gitfleet.worktrees.notes import TreeNotes
from gitfleet.worktrees.reconcile import Reconciler, Target
from gitfleet.worktrees.reconcile_plan import ReconcileTerms, ReconcileVerdict, Seen
from gitfleet.worktrees.upstream import Base


class Row(NamedTuple):
    """What was seen of a managed worktree, how long it was idle (seconds), and whether it was handed out a moment ago.

    `disk`: the bytes that it takes; None where that was not asked.

    `verdict` is what reconcile would do, as far as can be told without merging: `go` means that it would bring the base in.
    """

    seen: Seen
    idle: int | None
    reserved: bool
    verdict: ReconcileVerdict
    disk: int | None = None


def rows(
    ledger: Ledger, reconciler: Reconciler, targets: Sequence[Target], *, disk: bool = False
) -> list[Row]:
    """A row for each, in the order given, as `reconciler` sees it (which asks nobody, and changes nothing).

    With `disk` each folder is walked through, for what it takes.
    """
    node = ledger.node
    commits = position.known(reconciler.git, node, {managed.base for managed, _ in targets})
    taken = checkout.parallel(usage.taken, {managed.path for managed, _ in targets}) if disk else {}
    found = []
    for seen in reconciler.look(targets, lambda name: Base(name, commits[name], fresh=not node.hub)):
        reserved = TreeNotes(seen.managed.git_dir).reserved()
        verdict = reconcile_plan.judge(seen, ReconcileTerms())
        idle = _idle(seen.managed, seen.state)
        found.append(Row(seen, idle, reserved, verdict, taken.get(seen.managed.path)))
    return found


def _idle(managed: Managed, state: CheckoutState) -> int | None:
    """Seconds since somebody did something there, as far as a few looks tell: `cleanup` looks closer before it judges."""
    if state.problem:
        return None
    now, own = clock.now(), TreeNotes(managed.git_dir)
    taken = own.reservation
    seen = [managed.created_at, taken.at if taken else 0, _moved_at(managed.git_dir)]
    for path in (*state.changed, *state.untracked):
        stamp = files.changed_at(os.path.join(managed.path, path))
        if not own.ours(stamp):
            seen.append(stamp // 1_000_000_000)
    return max(0, now - max(stamp for stamp in (*seen, 0) if stamp <= now + notes.SLACK))


def _moved_at(git_dir: str) -> int:
    """When HEAD was last moved by anybody but us, by its log; 0 when that does not tell."""
    for line in reversed((files.read(os.path.join(git_dir, "logs", "HEAD")) or b"").splitlines()):
        who, _, words = line.partition(b"\t")
        stamp = who.rsplit(b" ", 2)[-2:-1]
        if not words.startswith(notes.ACTION.encode()) and stamp and stamp[0].isdigit():
            return int(stamp[0])
    return 0
