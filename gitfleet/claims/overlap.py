"""Whether two patterns can meet in a path.

Owns the exact answer, with a path as its witness, and whether one pattern takes in another. Leaves
patterns to `patterns`, and what a conflict means to the service. Two claims conflict if and only if some path that a
repository can hold matches both; a guess in either direction would block sessions for nothing, or let two of
them edit one file.

Files and folders are compared as they stand. Globs are intersected as automata, on two levels: components
between `/`, and characters within a component (`sequences.meet`). That takes at most the product of the lengths,
and `STEPS` bounds it; beyond that the answer is "yes, as far as I can tell" (`exact` False).
"""

from __future__ import annotations

from gitfleet.claims.patterns import matches

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

    from gitfleet.claims.patterns import Pattern
    from gitfleet.claims.wildmatch import Component

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

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise AttributeError(f"an Overlap does not change: {name}")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"an Overlap does not change: {name}")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Overlap):
            return NotImplemented
        return (self.witness, self.exact) == (other.witness, other.exact)

    def __hash__(self) -> int:
        return hash((self.witness, self.exact))

    def __reduce__(self) -> tuple[Any, ...]:
        return _again, (self.witness, self.exact)

    def __repr__(self) -> str:
        return f"Overlap({self.witness!r}, exact={self.exact})"


def _again(witness: str, exact: bool) -> Overlap:
    return Overlap(witness, exact=exact)


def overlap(a: Pattern, b: Pattern, *, case_sensitive: bool = False) -> Overlap | None:
    """Whether some path matches both patterns: such a path, or None when there is none.

    Symmetric but for the spelling of the witness. Takes microseconds for files and folders, and never more
    than `STEPS` steps. A resource meets itself only, however many units either asks for.
    """
    if a.units or b.units:
        return Overlap(a.text if a.units <= b.units else b.text) if a.prefix == b.prefix else None
    if not _prefixes_meet(a, b, case_sensitive=case_sensitive):
        return None
    shorter, longer = (a, b) if len(a.prefix) < len(b.prefix) else (b, a)
    if a.shape != "glob" and b.shape != "glob":
        reaches = shorter.subtree or len(shorter.prefix) == len(longer.prefix)
        return Overlap("/".join(longer.prefix)) if reaches else None
    for file, other in ((a, b), (b, a)):
        if file.shape == "file":
            path = "/".join(file.prefix)
            return Overlap(path) if matches(other, path, case_sensitive=case_sensitive) else None
    pair = (a.text, b.text, case_sensitive)
    if pair not in _FOUND:
        if len(_FOUND) >= _KEPT:
            _FOUND.clear()
        _FOUND[pair] = _search(a, b, longer.prefix, case_sensitive=case_sensitive)
    return _FOUND[pair]


def covers(a: Pattern, b: Pattern, *, case_sensitive: bool = False) -> bool:
    """True only if every path that `b` matches is matched by `a`.

    Exact when `b` is a file or a folder. When it is a glob, False where it takes more to see than putting the two
    side by side. A resource covers itself, however many units either asks for.
    """
    if a.units or b.units:
        return a.prefix == b.prefix
    if a.everything or a.text == b.text:
        return True
    if not _prefixes_meet(a, b, case_sensitive=case_sensitive):
        return False
    if b.shape == "file":
        return matches(a, "/".join(b.prefix), case_sensitive=case_sensitive)
    if a.shape != "glob":  # a folder holds whatever begins with its names
        return a.subtree and len(a.prefix) <= len(b.prefix)
    from gitfleet.claims.sequences import covers as sequence_covers  # see `Pattern.elements`

    x, y = a.elements(case_sensitive=case_sensitive), b.elements(case_sensitive=case_sensitive)
    return len(x) * len(y) <= STEPS and sequence_covers(x, y, _component_covers)


def _prefixes_meet(a: Pattern, b: Pattern, *, case_sensitive: bool) -> bool:
    x, y = (a.prefix, b.prefix) if case_sensitive else (a.prefix_key, b.prefix_key)
    shared = min(len(x), len(y))
    return x[:shared] == y[:shared]


def _component_covers(x: Component, y: Component) -> bool:
    from gitfleet.claims.charsets import includes  # see `Pattern.elements`
    from gitfleet.claims.sequences import covers as sequence_covers
    from gitfleet.claims.wildmatch import ANY_COMPONENT, component_matches

    if x == ANY_COMPONENT:
        return True
    if isinstance(x, str) or isinstance(y, str):
        return isinstance(y, str) and component_matches(x, y)
    return len(x) * len(y) <= STEPS and sequence_covers(x, y, includes)


def _search(a: Pattern, b: Pattern, prefix: tuple[str, ...], *, case_sensitive: bool) -> Overlap | None:
    from gitfleet.claims.names import Names  # see `Pattern.elements`
    from gitfleet.claims.sequences import Budget, Spent, meet

    names = Names(Budget(STEPS), folded=not case_sensitive)
    try:
        path = meet(
            a.elements(case_sensitive=case_sensitive),
            b.elements(case_sensitive=case_sensitive),
            start=None,
            step=names.step,
            accepts=lambda _state: True,
            budget=names.budget,
        )
    except Spent:
        return Overlap("/".join(prefix), exact=False)
    if path is not None:
        return Overlap("/".join([*prefix, *path[len(prefix) :]]))  # the prefix as its claimant spells it
    return None if names.certain else Overlap("/".join(prefix), exact=False)
