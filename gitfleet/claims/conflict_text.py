"""A conflict in one line for people: the path, who holds it, what for, how much longer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from gitfleet.base import clock
from gitfleet.base.text import duration
from gitfleet.claims.keepers import branches, worktrees
from gitfleet.obstacles import Obstacle

if TYPE_CHECKING:
    from gitfleet.claims.model import Claim
    from gitfleet.sessions.session_records import Session


def unit_words(slots: Sequence[int], capacity: int) -> str:
    """Which units of a resource a claim has: `unit 0 of 2` (they are numbered from 0)."""
    return f"unit{'s' * (len(slots) > 1)} {', '.join(map(str, slots))} of {capacity}"


def kept_by(records: Sequence[Mapping[str, object]], *, of: str = "") -> str:
    """What a claim stays with, from the records of its keepers: `branch a`, `branches a and b`, `worktree /x`. Not yet safe to show."""
    named, trees = branches(records), worktrees(records)
    whose = f" of session {of}" if of else ""
    words = [f"branch{'es' * (len(named) > 1)} {_and(named)}{whose}"] if named else []
    words += [f"worktree{'s' * (len(trees) > 1)} {_and(trees)}{'' if named else whose}"] if trees else []
    return " and ".join(words)


def until(records: Sequence[Mapping[str, object]]) -> str:
    """How long a claim stays with its keepers."""
    named, trees = branches(records), worktrees(records)
    words = [f"until {'it lands' if len(named) == 1 else 'they land'}"] if named else []
    words += ["until its changes there are on a branch, or gone"] if trees else []
    return " and ".join(words)


def stays(records: Sequence[Mapping[str, object]]) -> str:
    """The same with the names, as short as a table wants it: `until branch a lands`."""
    words = [f"until branch {name} lands" for name in branches(records)]
    words += [f"until the changes in {path} are on a branch, or gone" for path in worktrees(records)]
    return "; ".join(words)


def _and(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def holder(item: Obstacle) -> str:
    """The line for one thing in the way. Not yet safe to show."""
    path = item.path
    if not path:
        return f"session {item.session} on node {item.node}"
    if item.session is None:
        return f"{path}: {item.problem or 'held by a record that cannot be read'}"
    meets = f" (both match {item.witness})" if item.witness not in {path, item.held} else ""
    if item.retained:
        what = "" if item.held == path else f", which claims {item.held}{meets}"
        return f"{path}: retained by {kept_by(item.retained, of=item.session)} {until(item.retained)}{what}"
    doing = item.title or item.reason or item.agent
    verb = "wanted earlier" if item.waiting else "held"
    words = [
        f"{path}: {verb} by session {item.session}",
        f"({doing})" if doing else "",
        f"on node {item.node},",
    ]
    if item.slots:
        words.append(unit_words(item.slots, item.capacity))
    else:
        words.append(item.mode + (f" claim on {item.held}" if item.held != path else " claim"))
    words += [meets.strip()] if item.held != path else []
    left = item.renewed_at + item.ttl - clock.now()
    words.append(f"- {duration(left)} left" if left > 0 else "- it has expired")
    if item.gone:
        words[-1] += "; its process is gone"
    return " ".join(word for word in words if word)


def time_left(claim: Claim, session: Session | None) -> int:
    """Seconds until the lease lapses, by the clock of the node that granted it; for display only."""
    return max(claim.granted_at, session.renewed_at if session else 0) + claim.ttl - clock.now()
