"""Which branches are built upon which: what is below a branch that is added, and what above it, by their commits."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from gitfleet.base.names import BranchName, Oid
from gitfleet.claims import model
from gitfleet.git import lineage
from gitfleet.git.program import Git
from gitfleet.ledger.model import View
from gitfleet.mergequeue.model import QueueEntry
from gitfleet.sessions import session_records


class Stacked(NamedTuple):
    """A branch at a head, and the name of the one that it is built upon ("": upon the target)."""

    branch: BranchName
    head: Oid
    upon: str


def known_branches(view: View) -> set[str]:
    """The branches that the fleet knows of: those that its sessions are on, and those that claims stay with."""
    found = {session.branch for session in session_records.readable(view)}
    found |= {keeper.branch for claim in model.retained(view) for keeper in claim.retained}
    return found - {""}


def stacked(git: Git, heads: Mapping[str, str], target: str) -> dict[str, Stacked]:
    """Branches by name, each with the nearest one below it: one whose head it contains, and the target does not.

    Of several at the same commit, none is built upon another. Costs one git process. Raises GitFailed.
    """
    tips = set(heads.values())
    carried = lineage.carriers(git, heads, target, lambda commit: [commit.oid] if commit.oid in tips else [])
    below = {name: carried.get(name, frozenset()) - {heads[name]} for name in heads}
    at: dict[str, str] = {}
    for name in sorted(heads, reverse=True):
        at[heads[name]] = name
    depth = {heads[name]: len(found) for name, found in below.items()}
    rows = {}
    for name, found in below.items():
        nearest = max(found, key=lambda oid: (depth[oid], oid), default="")
        rows[name] = Stacked(BranchName(name), Oid(heads[name]), at.get(nearest, ""))
    return rows


def chain(rows: Mapping[str, Stacked], branch: str) -> list[Stacked]:
    """A branch with all that it is built upon, the lowest first."""
    found = [rows[branch]]
    while found[-1].upon:
        found.append(rows[found[-1].upon])
    return found[::-1]


def heads_of(
    entries: Sequence[QueueEntry], there: Mapping[str, str], names: Collection[str]
) -> dict[str, str]:
    """Where branches are: the queued ones at their heads in the queue, those of `names` as the hub has them."""
    found = {name: there[name] for name in names if name in there}
    return {**found, **{entry.branch: entry.head for entry in entries}}
