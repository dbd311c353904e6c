"""The revert of an entry that has landed, as a branch of its own in the queue.

It is made in memory, on the trunk of now, under claims of the session that asks: nobody's checkout is touched. The whole entry goes,
however many commits it landed as. What landed later stays; where it has changed the same lines, nothing is made.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from gitfleet.base import advice
from gitfleet.base.names import BranchName, Oid, SessionId
from gitfleet.base.text import display, one_line
from gitfleet.errors import Blocked, Conflict, UsageError
from gitfleet.git import merge_rules, refs, trailers
from gitfleet.git.quarantine import Conflicted, Merged, quarantine
from gitfleet.mergequeue import stacks, states
from gitfleet.mergequeue.adding import QueuedBranch, Wanted
from gitfleet.mergequeue.branches import Placed
from gitfleet.mergequeue.model import MAX_TITLE, QueueEntry
from gitfleet.patterns import language
from gitfleet.trunk import landing, position

if TYPE_CHECKING:
    from gitfleet.fleet.fleet import Fleet

PRIORITY = 90
"""A revert's own, whoever asks for it: it only takes away what was let in."""


def revert(fleet: Fleet, session: SessionId, name: str) -> QueuedBranch:
    """Queue the revert of an entry, as the branch `revert-…`; again, the same one until that has landed. The session claims what it changes.

    Raises NoEntry, UsageError for an entry that has not landed or is reverted already, Conflict where others claim these paths or
    what landed later has changed them, and as `queue.add`.
    """
    entry = fleet.queue.find(name)
    if entry.state != states.LANDED:
        words = f"{display(entry.branch)} is {entry.state}: only what has landed can be reverted."
        raise UsageError(words, hint=f"To keep it from landing: {advice.QUEUE_DROP.of(entry.id)}.")
    title = one_line(f"Revert {entry.title or entry.branch}", MAX_TITLE)
    fleet.ledger.sync()
    name = f"revert-{entry.id[-8:].lower()}"
    names = itertools.chain([name], (f"{name}-{number}" for number in itertools.count(2)))
    branch = next(one for one in names if not _has_landed(fleet, one))
    if _head(fleet, branch) is None:
        _make(fleet, session, entry, branch, title)
    return fleet.queue.add(session, Wanted(branch, title, PRIORITY, ceiling=PRIORITY))


def _make(fleet: Fleet, session: SessionId, entry: QueueEntry, branch: str, title: str) -> None:
    """The branch, with one commit on the trunk of now."""
    git = fleet.repository.git
    tip = position.tip(git, fleet.ledger.node)
    before = entry.before or refs.resolve(git, f"{entry.landed}^1")
    if not (tip and before and landing.contains(git, tip, entry.landed)):
        words = f"{display(entry.target)} here has no commit {entry.landed[:12]}, as which {display(entry.branch)} landed."
        raise UsageError(words, hint=f"Run {advice.SYNC}, then try again.")
    rules = merge_rules.of_tree(git, tip, fleet.policy.merge_drivers)
    with quarantine(git, rules) as place:
        done = place.merge_trees(entry.landed, tip, before)
        if isinstance(done, Conflicted):
            paths = ", ".join(display(path) for path in done.paths[:5])
            words = f"{display(entry.branch)} cannot be reverted by itself: what landed later has changed the same lines ({paths})."
            raise Conflict(words, hint="Revert it by hand on a branch (`git revert`), and queue that.")
        if not isinstance(done, Merged):
            raise Blocked(f"Could not check whether {display(entry.branch)} can be reverted: {done.words}.")
        place.keep(done.tree)
    changed = _changed(fleet, tip, done.tree)
    if not changed:
        raise UsageError(
            f"Nothing of {display(entry.branch)} is left on {display(entry.target)} to be reverted."
        )
    claimed = fleet.claims.claim(session, [language.literal(path).text for path in changed])
    named = [f"{trailers.NAMES[0]}: {session}", f"Fleet-Reverts: {entry.id}"]
    named += [
        f"{trailers.NAMES[1]}: {one.id}@{one.token}" for one in (*claimed.granted, *claimed.already_held)
    ]
    message = f"{title}\n\nThis takes back {entry.landed}.\n\n" + "\n".join(named) + "\n"
    data = message.encode("utf-8", "surrogateescape")
    commit = fleet.repository.here.run("commit-tree", done.tree, "-p", tip, "-F", "-", data=data)
    if not refs.move(git, f"refs/heads/{branch}", new=commit.decode("ascii").strip(), old=None):
        raise Conflict(
            f"There is a branch {branch} already.", hint=f"Queue it: {advice.QUEUE_ADD.of(branch)}."
        )


def _head(fleet: Fleet, branch: str) -> str | None:
    return refs.read(fleet.repository.git, f"refs/heads/{branch}").get(f"refs/heads/{branch}")


def _has_landed(fleet: Fleet, branch: str) -> bool:
    """Whether a revert of before is on the trunk: what it took away may be back since."""
    git, head = fleet.repository.git, _head(fleet, branch)
    tip = position.tip(git, fleet.ledger.node)
    if not (head and tip):
        return False
    placed = Placed(BranchName(branch), Oid(head), Oid(tip), {}, ahead=False)
    landed = stacks.landed_part(fleet.ledger.current().view, git, placed)
    return landing.contains(git, tip, head) or (landed is not None and landed.head == head)


def _changed(fleet: Fleet, old: str, new: str) -> Sequence[str]:
    out = fleet.repository.git.run("diff-tree", "-r", "--no-renames", "--name-only", "-z", old, new)
    return [path for path in os.fsdecode(out).split("\0") if path]
