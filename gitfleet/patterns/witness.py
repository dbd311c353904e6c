"""Finding a name that two components of patterns both accept.

Owns which names a repository can hold at all (none is empty, `.`, `..` or `.git`; none has a control
character; folded, a name is its own comparison key), and the search for one, readable if it can be. Leaves
paths to `overlap`, the walk itself to `automaton.meet`.

The first look takes one character, a readable one, for each pair of items. That is exact for ASCII. Beyond it,
neighbours can matter: `e` and a combining accent are no key, since NFC makes one character of them. If the first
look finds such a name, a closer one tracks what was written since the last ASCII character and tries several
characters for each pair; when that finds nothing and did not try all, the answer is not `certain`.
"""

from __future__ import annotations

from gitfleet.patterns.automaton import STAR, meet
from gitfleet.patterns.casefold import key
from gitfleet.patterns.charsets import EVERY, common, members
from gitfleet.patterns.wildmatch import ANY_COMPONENT, component_matches

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from gitfleet.patterns.automaton import Budget
    from gitfleet.patterns.charsets import Charset
    from gitfleet.patterns.wildmatch import Chars, Component

_NO_NAMES = frozenset({"", ".", "..", ".git"})
_BEGINNINGS = frozenset({"", ".", "..", ".g", ".gi", ".git"})  # of those
_NOTHING: str | None = ""  # written so far; None: what no forbidden name begins with
_CLOSE_LOOK = 24  # characters that the closer look tries between two items
_NEW_PAIR = 16  # steps that a pair of items costs when it is met first


class Names:
    """The names that components of one pair of patterns share; answers are kept.

    `certain` turns False when "none" was said without having tried everything.
    """

    __slots__ = ("_names", "_picks", "budget", "certain", "folded")

    def __init__(self, budget: Budget, *, folded: bool) -> None:
        self.budget = budget
        self.folded = folded
        self.certain = True
        # By identity: the patterns outlive this object, and to hash a long class takes longer than to walk it.
        self._names: dict[tuple[int, int], str | None] = {}
        self._picks: dict[tuple[int, int, str | None], list[tuple[str, str | None]]] = {}

    def step(self, x: Component | None, y: Component | None, state: None) -> Iterator[tuple[str, None]]:
        """For `automaton.meet` of two paths: a name that both components accept, if there is one. Raises Spent."""
        pair = (id(x), id(y))
        if pair not in self._names:
            self._names[pair] = self._shared(
                ANY_COMPONENT if x is STAR else x, ANY_COMPONENT if y is STAR else y
            )
        name = self._names[pair]
        if name is not None:
            yield name, state

    def _shared(self, x: Component, y: Component) -> str | None:
        if isinstance(x, str):
            return x if y is ANY_COMPONENT or component_matches(y, x) else None
        if isinstance(y, str):
            return y if component_matches(x, y) else None
        if _ends_clash(x, y) or _ends_clash(x[::-1], y[::-1]):  # `*.py`, `*.md`: most pairs go apart here
            return None
        name = self._first_look(x, y)
        if name is not None and not self._is_name(name):
            name = self._closer_look(x, y)
        if name is not None and name.startswith("."):
            fuller = "x" + name  # `x.py` tells a reader more than `.py`
            if component_matches(x, fuller) and component_matches(y, fuller):
                return fuller
        return name

    def _is_name(self, text: str) -> bool:
        """Whether these characters can stand together in a path (or in a key)."""
        if text.isascii():
            return True
        stands = text.encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape") == text
        return stands and (not self.folded or key(text) == text)

    def _first_look(self, x: Chars, y: Chars) -> str | None:
        def step(a: Charset | None, b: Charset | None, begun: str | None) -> list[tuple[str, str | None]]:
            pair = (id(a), id(b), begun)
            if pair not in self._picks:
                self.budget.spend(_NEW_PAIR)
                self._picks[pair] = self._pick(a, b, begun)
            return self._picks[pair]

        found = meet(
            x, y, start=_NOTHING, step=step, accepts=lambda begun: begun not in _NO_NAMES, budget=self.budget
        )
        return None if found is None else "".join(found)

    def _pick(self, a: Charset | None, b: Charset | None, begun: str | None) -> list[tuple[str, str | None]]:
        """The characters worth trying after `begun`: one that leads away from all forbidden names, or all that do not."""
        near: list[tuple[str, str | None]] = []
        for char in members(_both(a, b), folded=self.folded):
            after = _go_on(begun, char)
            if after is None:
                return [(char, None)]
            near.append((char, after))
        return near

    def _closer_look(self, x: Chars, y: Chars) -> str | None:
        complete = True

        def step(
            a: Charset | None, b: Charset | None, state: tuple[str | None, str]
        ) -> Iterator[tuple[str, tuple[str | None, str]]]:
            nonlocal complete
            begun, tail = state
            for tried, char in enumerate(members(_both(a, b), folded=self.folded)):
                if tried == _CLOSE_LOOK:
                    complete = False
                    return
                self.budget.spend()
                together = char if char.isascii() else tail + char
                if self._is_name(together):
                    yield char, (_go_on(begun, char), together)

        found = meet(
            x,
            y,
            start=(_NOTHING, ""),
            step=step,
            accepts=lambda state: state[0] not in _NO_NAMES,
            budget=self.budget,
        )
        if found is None:
            self.certain = self.certain and complete
            return None
        return "".join(found)


def _ends_clash(x: Chars, y: Chars) -> bool:
    """Whether the literal characters that both begin with differ."""
    for a, b in zip(x, y, strict=False):
        if not isinstance(a, str) or not isinstance(b, str):
            return False
        if a != b:
            return True
    return False


def _both(a: Charset | None, b: Charset | None) -> Charset:
    return common(EVERY if a is STAR else a, EVERY if b is STAR else b)


def _go_on(begun: str | None, char: str) -> str | None:
    """`begun` and `char`, if a forbidden name begins so; None once none does."""
    if begun is None:
        return None
    longer = begun + char.lower()
    return longer if longer in _BEGINNINGS else None
