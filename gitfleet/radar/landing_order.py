"""An order in which branches land with the fewest conflicts to resolve. Pure.

Of two branches that conflict the later one has to be repaired, whatever the order; so what counts is how many have an
earlier one in conflict with them. The fewest is a largest set without conflicts, which nobody finds quickly; here the one
with the fewest open conflicts always goes first, which is never far from it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence

from gitfleet.radar.model import Clash, WorkHead


def suggest(
    heads: Sequence[WorkHead],
    clashes: Sequence[Clash],
    broken: Collection[WorkHead],
    stacks: Sequence[tuple[WorkHead, WorkHead]],
) -> list[WorkHead]:
    """All heads in the order to land in. A branch comes after those that it is stacked on; `broken` ones, and what is stacked
    on them, last.
    """
    rivals: dict[WorkHead, set[WorkHead]] = defaultdict(set)
    for clash in clashes:
        rivals[clash.one].add(clash.two)
        rivals[clash.two].add(clash.one)
    under: dict[WorkHead, set[WorkHead]] = defaultdict(set)
    for lower, upper in stacks:
        if upper not in under[lower]:
            under[upper].add(lower)
    order: list[WorkHead] = []
    left, repair = set(heads), set(broken)
    while left:
        free = [head for head in left if not under[head] & left] or list(left)
        head = min(
            free,
            key=lambda one: (
                one in repair,
                len(rivals[one] & left - repair),
                one.dirty,
                one.since,
                one.name,
                one.commit,
            ),
        )
        order.append(head)
        left.discard(head)
        if head not in repair:
            repair |= rivals[head] & left
    return order
