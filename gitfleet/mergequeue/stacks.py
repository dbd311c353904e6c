"""Which branches are built upon which: what is below a branch that is added, and what above it, by their commits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from gitfleet.base.names import BranchName, Oid
from gitfleet.git import lineage, refs
from gitfleet.git.program import Git
from gitfleet.ledger.model import View
from gitfleet.mergequeue import model, states, target_log
from gitfleet.mergequeue.branches import HEADS, Placed
from gitfleet.mergequeue.model import EntryPin, QueueEntry

_TIME = 300.0


class Stacked(NamedTuple):
    """A branch at a head, and the name of the one that it is built upon ("": upon the target)."""

    branch: BranchName
    head: Oid
    upon: str


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
    git: Git, entries: Sequence[QueueEntry], placed: Placed, target: str, landed: QueueEntry | None
) -> dict[str, str]:
    """Where branches are that the one which is added may be built upon, or that may be built upon it: the queued ones at their heads in
    the queue; and of the hub's, and those here that have never been there, whichever its history has. `landed`: see `landed_part`.

    Costs two git processes. Raises GitFailed.
    """
    history = set(_history(git, placed, landed)) - {placed.head}
    here = {ref.removeprefix(HEADS): oid for ref, oid in refs.read(git, HEADS).items()}
    names = {**here, **placed.there}
    below = {name: oid for name, oid in names.items() if oid in history and name != target}
    return {**below, **{entry.branch: entry.head for entry in entries}, placed.branch: placed.head}


def landed_part(view: View, git: Git, placed: Placed) -> QueueEntry | None:
    """The entry at the newest commit of a branch that has landed as another one (squashed or rebased): history does not tell of it.

    Costs five git processes. Raises GitFailed.
    """
    said = target_log.on_target(git, placed.target, frozenset({placed.head})).landings
    known = [*(model.find(view, entry_id) for entry_id, _ in said), *model.lately(view)]
    heads: dict[str, QueueEntry] = {one.head: one for one in known if one and one.state == states.LANDED}
    found = next((heads[oid] for oid in _history(git, placed, None) if oid in heads), None)
    if found is None:
        return None
    done = git.ask("merge-base", "--is-ancestor", found.landed, placed.target, timeout=_TIME)
    return found if done.code == 0 else None


def _history(git: Git, placed: Placed, landed: QueueEntry | None) -> list[str]:
    """The commits of a branch that have not landed, the newest first."""
    shut = [f"^{landed.head}"] if landed else []
    rows = git.run("rev-list", "--topo-order", placed.head, f"^{placed.target}", *shut, "--", timeout=_TIME)
    return rows.decode("ascii").split()


def landed_below(view: View, git: Git, entry: QueueEntry, head: str) -> EntryPin | None:
    """What an entry was built upon and `head` still has, if that has landed: squashed or rebased, perhaps, so that history does not tell."""
    below = model.find(view, entry.stack) if entry.stack and entry.under else None
    if below is None or below.state != states.LANDED:
        return None
    done = git.ask("merge-base", "--is-ancestor", entry.under, head, timeout=_TIME)
    return EntryPin(below.id, entry.under) if done.code == 0 else None


def rewritten_below(view: View, git: Git, entry: QueueEntry) -> QueueEntry | None:
    """The live entry below, if its branch no longer has the commit that this one is built upon."""
    below = model.find(view, entry.stack) if entry.stack and entry.under else None
    if below is None or below.state in states.FINISHED or below.head == entry.under:
        return None
    done = git.ask("merge-base", "--is-ancestor", entry.under, below.head, timeout=_TIME)
    return below if done.code == 1 else None
