"""Whether two patterns can meet in a path.

Owns the exact answer, with a path as its witness, and whether one pattern takes in another. Leaves
patterns to `language`, and what a conflict means to the service. Two claims conflict if and only if some path that a
repository can hold matches both; a guess in either direction would block sessions for nothing, or let two of
them edit one file.

Paths are compared as they stand. Globs are intersected as automata, on two levels: components
between `/`, and characters within a component (`automaton.meet`). That takes at most the product of the lengths,
and `STEPS` bounds it; beyond that the answer is "yes, as far as I can tell" (`exact` False).
"""

from __future__ import annotations

from gitfleet.patterns.language import matches

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import NoReturn

    from gitfleet.patterns.language import Pattern
    from gitfleet.patterns.wildmatch import Component, Elements

STEPS = 60_000
"""Pairs of positions that one answer may look at. Patterns that people write take fewer than a thousand."""

_FOUND: dict[tuple[str, str, bool], Overlap | None] = {}
_KEPT = 4096  # answers about two globs; rules ask about the same few again and again

_set = object.__setattr__


class Overlap:
    """Two patterns meet. Immutable.

    - `witness`: a path that matches both; when not `exact`, the folder that any such path is in (empty: the root)
    - `exact`: False when the work bound was reached, and they are only taken to meet
    """

    __slots__ = ("exact", "witness")

    witness: str
    exact: bool

    def __init__(self, witness: str, *, exact: bool = True) -> None:
        _set(self, "witness", witness)
        _set(self, "exact", exact)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"an Overlap does not change: {name}")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"an Overlap does not change: {name}")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Overlap):
            return NotImplemented
        return (self.witness, self.exact) == (other.witness, other.exact)

    def __hash__(self) -> int:
        return hash((self.witness, self.exact))

    def __reduce__(self) -> tuple[object, ...]:
        return _again, (self.witness, self.exact)

    def __repr__(self) -> str:
        return f"Overlap({self.witness!r}, exact={self.exact})"


def _again(witness: str, exact: bool) -> Overlap:
    return Overlap(witness, exact=exact)


def overlap(a: Pattern, b: Pattern, *, case_sensitive: bool = False) -> Overlap | None:
    """Whether some path matches both patterns: such a path, or None when there is none.

    Symmetric but for the spelling of the witness. Takes microseconds for paths, and never more than `STEPS` steps for
    each pair of readings. A resource meets itself only, however many units either asks for.
    """
    if a.units or b.units:
        return Overlap(a.text if a.units <= b.units else b.text) if a.prefix == b.prefix else None
    if not _prefixes_meet(a, b, case_sensitive=case_sensitive):
        return None
    longer = b if len(a.prefix) < len(b.prefix) else a
    if a.shape == b.shape == "path":
        return Overlap("/".join(longer.prefix))
    for one, other in ((a, b), (b, a)):
        path = "/".join(one.prefix)
        if one.shape == "path" and matches(other, path, case_sensitive=case_sensitive):
            return Overlap(path)
    pair = (a.text, b.text, case_sensitive)
    if pair not in _FOUND:
        if len(_FOUND) >= _KEPT:
            _FOUND.clear()
        _FOUND[pair] = _search(a, b, longer.prefix, case_sensitive=case_sensitive)
    return _FOUND[pair]


def covers(a: Pattern, b: Pattern, *, case_sensitive: bool = False) -> bool:
    """True only if every path that `b` matches is matched by `a`.

    Exact when `b` is a path. When it is a glob, False where it takes more to see than putting the two side by side. A
    resource covers itself, however many units either asks for.
    """
    if a.units or b.units:
        return a.prefix == b.prefix
    if a.everything or a.text == b.text:
        return True
    if not _prefixes_meet(a, b, case_sensitive=case_sensitive):
        return False
    if a.shape == "path":  # it holds whatever begins with its names
        return len(a.prefix) <= len(b.prefix)
    return _readings_cover(a, b.readings(case_sensitive=case_sensitive), case_sensitive=case_sensitive)


def takes_in(a: Pattern, b: Pattern, *, case_sensitive: bool = False) -> bool:
    """Whether who names `a` means the claim on `b`, too: `a` covers it, or matches the very path that it is on.

    So `src/*.py` takes in `src/a.py`, though not what would be beneath if that were a folder. What is written with a slash
    is a folder to whoever wrote it, and is taken in as a whole or not at all. No right to change anything follows.
    """
    if covers(a, b, case_sensitive=case_sensitive):
        return True
    if (
        a.shape != "glob"
        or not b.subtree
        or b.text.endswith("/")
        or not _prefixes_meet(a, b, case_sensitive=case_sensitive)
    ):
        return False
    themselves = [one[:-1] for one in b.readings(case_sensitive=case_sensitive)]
    return _readings_cover(a, themselves, case_sensitive=case_sensitive)


def _readings_cover(a: Pattern, narrow: Iterable[Elements], *, case_sensitive: bool) -> bool:
    from gitfleet.patterns import automaton  # see `Pattern.readings`

    wide = a.readings(case_sensitive=case_sensitive)
    return all(
        any(len(x) * len(y) <= STEPS and automaton.covers(x, y, _component_covers) for x in wide)
        for y in narrow
    )


def _prefixes_meet(a: Pattern, b: Pattern, *, case_sensitive: bool) -> bool:
    x, y = (a.prefix, b.prefix) if case_sensitive else (a.prefix_key, b.prefix_key)
    shared = min(len(x), len(y))
    return x[:shared] == y[:shared]


def _component_covers(x: Component, y: Component) -> bool:
    from gitfleet.patterns import automaton
    from gitfleet.patterns.charsets import includes  # see `Pattern.readings`
    from gitfleet.patterns.wildmatch import ANY_COMPONENT, component_matches

    if x == ANY_COMPONENT:
        return True
    if isinstance(x, str) or isinstance(y, str):
        return isinstance(y, str) and component_matches(x, y)
    return len(x) * len(y) <= STEPS and automaton.covers(x, y, includes)


def _search(a: Pattern, b: Pattern, prefix: tuple[str, ...], *, case_sensitive: bool) -> Overlap | None:
    from gitfleet.patterns.automaton import Budget, Spent, meet
    from gitfleet.patterns.witness import Names  # see `Pattern.readings`

    found = None
    for x in a.readings(case_sensitive=case_sensitive):
        for y in b.readings(case_sensitive=case_sensitive):
            names = Names(Budget(STEPS), folded=not case_sensitive)
            try:
                path = meet(
                    x, y, start=None, step=names.step, accepts=lambda _state: True, budget=names.budget
                )
            except Spent:
                path, names.certain = None, False
            if path is not None:
                # The prefix as its claimant spells it.
                return Overlap("/".join([*prefix, *path[len(prefix) :]]))
            if not names.certain:
                found = Overlap("/".join(prefix), exact=False)
    return found
