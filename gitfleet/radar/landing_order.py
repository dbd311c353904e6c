"""An order in which branches land with the fewest conflicts to resolve. Pure.

Of two branches that conflict the later one has to be repaired, whatever the order; so what counts is how many have an
earlier one in conflict with them. The fewest is a largest set without conflicts, which nobody finds quickly; here the one
with the fewest open conflicts always goes first, which is never far from it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from gitfleet.radar.model import PairClash, WorkHead


def suggest(
    heads: Sequence[WorkHead],
    clashes: Sequence[PairClash],
    broken: Collection[WorkHead],
    stacks: Sequence[tuple[WorkHead, WorkHead]],
) -> list[WorkHead]:
    """All heads in the order to land in. A branch comes after those that it is stacked on; `broken` ones, and what is stacked
    on them, last.
    """
    place = {head: number for number, head in enumerate(heads)}
    rivals: list[set[int]] = [set() for _ in heads]
    under: list[set[int]] = [set() for _ in heads]
    for clash in clashes:
        one, two = place[clash.one], place[clash.two]
        rivals[one].add(two)
        rivals[two].add(one)
    for lower, upper in stacks:
        if place[upper] not in under[place[lower]]:
            under[place[upper]].add(place[lower])
    order: list[int] = []
    left, repair = set(range(len(heads))), {place[head] for head in broken}
    while left:
        free = [one for one in left if not under[one] & left] or list(left)
        ready = [one for one in free if one not in repair] or free
        first = min(ready, key=lambda one: (len((rivals[one] & left) - repair), _age(heads[one])))
        order.append(first)
        left.discard(first)
        if first not in repair:
            repair |= rivals[first] & left
    return [heads[one] for one in order]


def _age(head: WorkHead) -> tuple[bool, int, int, str, str, str]:
    return head.dirty, -head.rank, head.since, head.owner, head.name, head.commit
