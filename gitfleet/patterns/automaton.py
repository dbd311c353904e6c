"""Sequences with stars: the one shape behind both levels of a pattern.

A component is a sequence of characters where `*` stands for any run of them; a path pattern is a sequence of
components where `**` stands for any run of those. Owns matching, inclusion and intersection of such
sequences for any kind of item. Leaves what an item accepts to `wildmatch` and `overlap`, who pass it in.

Nothing here backtracks more than once per star, so the worst case is the product of the two lengths.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any, TypeVar

    Item = Any  # of either level, or STAR: a type that may be several, or None, is not inferred
    Element = TypeVar("Element")
    Symbol = TypeVar("Symbol")
    State = TypeVar("State")
    Trail = tuple["Trail[Symbol]", Symbol] | None

STAR = None  # zero or more symbols, whatever they are


class Spent(Exception):
    """The work bound is used up. A signal to `overlap`; never leaves this package."""


class Budget:
    """How many more steps an answer may cost; one for all levels of one question."""

    __slots__ = ("left",)

    def __init__(self, steps: int) -> None:
        self.left = steps

    def spend(self, steps: int = 1) -> None:
        """Raises Spent when that many are not left."""
        self.left -= steps
        if self.left < 0:
            raise Spent


def settle(items: Iterable[Element], wild: Element) -> tuple[Element, ...]:
    """The same sequence in normal form: within a run of stars and `wild` items, one star, and it comes last."""
    settled: list[Element] = []
    stars: list[Element] = []
    for item in items:
        if item is STAR:
            stars = [item]
            continue
        if stars and item != wild:
            settled += stars
            stars = []
        settled.append(item)
    return (*settled, *stars)


def matches(
    items: Sequence[Item], symbols: Sequence[Symbol], accepts: Callable[[Item, Symbol], bool]
) -> bool:
    """Whether the sequence accepts all of `symbols`.

    Every item but a star takes exactly one symbol, so that going back to the latest star is enough.
    """
    at = here = resume = 0
    star = -1
    while here < len(symbols):
        if at < len(items) and items[at] is STAR:
            star, resume = at, here
            at += 1
        elif at < len(items) and accepts(items[at], symbols[here]):
            at += 1
            here += 1
        elif star >= 0:
            resume += 1
            at, here = star + 1, resume
        else:
            return False
    return all(item is STAR for item in items[at:])


def covers(a: Sequence[Item], b: Sequence[Item], includes: Callable[[Item, Item], bool]) -> bool:
    """True only if `a` accepts all that `b` accepts. May be False where that takes cleverness to see.

    `includes(x, y)` says that item `x` accepts all that item `y` accepts.
    """
    below = [False] * len(b) + [True]  # whether what is left of `a` covers b[j:], for each j
    for item in reversed(a):
        row = [False] * len(b) + [item is STAR and below[-1]]
        for j in range(len(b) - 1, -1, -1):
            if item is STAR:
                row[j] = below[j] or row[j + 1]
            else:
                row[j] = below[j + 1] and b[j] is not STAR and includes(item, b[j])
        below = row
    return below[0]


def meet(
    a: Sequence[Item],
    b: Sequence[Item],
    *,
    start: State,
    step: Callable[[Item, Item, State], Iterable[tuple[Symbol, State]]],
    accepts: Callable[[State], bool],
    budget: Budget,
) -> list[Symbol] | None:
    """A shortest list of symbols that both sequences accept, or None when there is none.

    Walks pairs of positions, breadth first, together with a state of the caller's: `step(x, y, state)` gives the
    symbols worth trying between item `x` of `a` and `y` of `b` (either may be STAR) and the state behind each;
    `accepts(state)` says whether a list may end there. Raises Spent.
    """
    frontier: list[tuple[int, int, State, Trail[Symbol]]] = [(0, 0, start, None)]
    seen = {(0, 0, start)}

    def push(
        onto: list[tuple[int, int, State, Trail[Symbol]]], at: tuple[int, int, State], trail: Trail[Symbol]
    ) -> None:
        if at not in seen:
            seen.add(at)
            onto.append((*at, trail))

    while frontier:
        following: list[tuple[int, int, State, Trail[Symbol]]] = []
        for p, q, state, trail in frontier:  # which grows: to pass over a star costs no symbol
            budget.spend()
            if p == len(a) and q == len(b) and accepts(state):
                return _unwind(trail)
            if p < len(a) and a[p] is STAR:
                push(frontier, (p + 1, q, state), trail)
            if q < len(b) and b[q] is STAR:
                push(frontier, (p, q + 1, state), trail)
            if p < len(a) and q < len(b):
                onward = (p + (a[p] is not STAR), q + (b[q] is not STAR))
                for symbol, after in step(a[p], b[q], state):
                    push(following, (*onward, after), (trail, symbol))
        frontier = following
    return None


def _unwind(trail: Trail[Symbol]) -> list[Symbol]:
    symbols = []
    while trail is not None:
        trail, symbol = trail
        symbols.append(symbol)
    return symbols[::-1]
