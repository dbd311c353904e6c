"""Replaying the ledger: every commit's records must be what its operations make of its parent's.

Costs about two objects and one decision a generation; nothing is written.
"""

import itertools
from collections.abc import Callable, Iterator
from typing import NamedTuple

from gitfleet.errors import Corrupt, FleetError, NewerFormat
from gitfleet.git.trees import EMPTY_TREE, Objects, Snapshot
from gitfleet.ledger import commits
from gitfleet.ledger.commits import Tip
from gitfleet.ledger.hub import links
from gitfleet.ledger.model import TRANSACTION, Accepted, Answer, Operation
from gitfleet.ledger.operations import Decision, Registry


class Problem(NamedTuple):
    """The first commit of a chain that does not verify, and why."""

    commit: str
    generation: int
    words: str


def check(
    objects: Objects,
    kinds: Registry,
    tip: Tip,
    *,
    base: Tip | None = None,
    progress: Callable[[int], None] | None = None,
) -> tuple[int, Problem | None]:
    """Replay the chain that ends at `tip`, from the root or from `base`. Answers how many commits verified, and the first that did not."""
    try:
        chain = links(objects, tip, down_to=base.generation if base else 0)[::-1]
    except (Corrupt, NewerFormat) as error:
        return 0, Problem(error.where or tip.oid, tip.generation, error.message)
    if base is None and chain[0].oid != commits.write_root(objects):
        return 0, Problem(
            chain[0].oid, chain[0].generation, "The chain does not begin with the root commit of a fleet."
        )
    if base is not None and chain[0].oid != base.oid:
        return 0, Problem(
            chain[0].oid, chain[0].generation, "The chain does not continue the commit that it should."
        )
    for done, (parent, link) in enumerate(itertools.pairwise(chain), start=1):
        words = fault(objects, kinds, parent, link)
        if words:
            return done, Problem(link.oid, link.generation, words)
        if progress and done % 1000 == 0:
            progress(done)
    return len(chain), None


def fault(objects: Objects, kinds: Registry, parent: Tip, link: Tip) -> str:
    """Why `link` is not what its operations make of `parent`; empty when it is."""
    try:
        view = Snapshot(objects, parent.tree)
        moves = count = 0
        for operation, decision in decisions(objects, kinds, parent, link):
            if not isinstance(decision, Accepted):
                return f"Its operation {operation.id} ({operation.kind}) is refused on its parent: {decision.error.message}"
            moves += len(decision.moves)
            count += 1
            view.change(decision.changes)
        if moves and count > 1:
            return "It moves refs of the hub, and carries other operations too."
        view.delete(TRANSACTION)
        expected = view.write()
        actual = Snapshot(objects, link.tree)
        actual.delete(TRANSACTION)
        found = actual.write()
    except FleetError as error:
        return error.message
    except (KeyError, ValueError) as error:
        return f"It cannot be read: {type(error).__name__} {error}"
    return "" if expected == found else _difference(objects, expected, found)


def decisions(
    objects: Objects, kinds: Registry, parent: Tip, link: Tip
) -> Iterator[tuple[Operation, Decision[Answer]]]:
    """Each operation of `link` with what its rule decides, in order, each on what those before it made."""
    view = Snapshot(objects, parent.tree)
    for operation in commits.transaction(objects, link).operations(link.oid):
        decision = kinds.decide(view, operation, link.generation)
        yield operation, decision
        if isinstance(decision, Accepted):
            view.change(decision.changes)


def _difference(objects: Objects, expected: str, found: str) -> str:
    one, other = (dict(_oids(objects, oid)) for oid in (expected, found))
    paths = sorted(path for path in one.keys() | other.keys() if one.get(path) != other.get(path))
    shown = ", ".join(paths[:5]) + (f" and {len(paths) - 5} more" if len(paths) > 5 else "")
    return f"Its records are not what its operations make of its parent's: {shown}"


def _oids(objects: Objects, tree: str) -> Iterator[tuple[str, bytes | None]]:
    if tree == EMPTY_TREE:
        return
    view = Snapshot(objects, tree)
    for path in view.files(""):
        yield path, view.get(path)
