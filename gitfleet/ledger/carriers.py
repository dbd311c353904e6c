"""Which ledger commit carries an operation: looked for from the tip back."""

from __future__ import annotations

from collections.abc import Collection

from gitfleet.errors import Corrupt
from gitfleet.git.trees import Objects
from gitfleet.ledger import commits
from gitfleet.ledger.commits import Tip


def find(
    objects: Objects, tip: Tip | None, operations: Collection[str], *, most: int | None = None
) -> dict[str, Tip]:
    """The commits that carry these operations, by the operation's id; what is not found is left out.

    Looks at `most` commits (None: the whole chain), three objects each. A commit whose transaction cannot be read carries nothing. Raises Corrupt
    at one that is none, Damaged where one is gone from this clone.
    """
    missing, found = set(operations), dict[str, Tip]()
    while tip is not None and missing and (most is None or most > 0):
        try:
            here = missing & commits.transaction(objects, tip).ids
        except Corrupt:
            here = set()
        found |= dict.fromkeys(here, tip)
        missing -= here
        most = None if most is None else most - 1
        tip = commits.read(objects, tip.parent) if missing and tip.parent else None
    return found
