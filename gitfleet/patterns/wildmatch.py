"""Patterns as git's wildmatch reads them with WM_PATHNAME, compiled.

Owns what `*`, `?`, classes, `**` and a backslash mean within a pattern, and matching a compiled one. Leaves
normalisation, shapes and refusals of paths to `language`, classes to `bracket`.

Compiled, a pattern is a sequence (see `automaton`) of components: a `str` for a literal one, STAR for `**`,
and for the others again a sequence, of characters: a `str` for a literal one, ranges for `?` and classes,
STAR for `*`. Compiled *folded*, it is meant for comparison keys: the component's text is put in NFC first, then
literal runs and classes are folded. So `?` is one character of the key: it matches `é`, however that is written, and
the name `ß` takes two of them. (git's `?` is one byte.)
"""

from __future__ import annotations

from gitfleet.patterns.automaton import STAR, matches, settle
from gitfleet.patterns.bracket import read_class, read_literal
from gitfleet.patterns.casefold import key
from gitfleet.patterns.charsets import EVERY, accepts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitfleet.patterns.charsets import Charset

    Chars = tuple[Charset | None, ...]
    Component = str | Chars
    Elements = tuple[Component | None, ...]

ANY_COMPONENT: Chars = (STAR,)
_WILD = frozenset("*?[")


def is_globstar(component: str) -> bool:
    """Whether the component crosses `/`: two stars or more and nothing else, as in git."""
    return len(component) > 1 and not component.strip("*")


def literal_name(component: str) -> str | None:
    """The name that a component without wildcards means, its escapes taken out; None if it has wildcards.

    Raises Unreadable for a backslash that escapes nothing.
    """
    if "\\" not in component:
        return component if _WILD.isdisjoint(component) else None
    name = []
    at = 0
    while at < len(component):
        if component[at] in _WILD:
            return None
        char, at = read_literal(component, at)
        name.append(char)
    return "".join(name)


def name_with_classes(component: str) -> str | None:
    r"""The name that a component means if its brackets are characters; None where it has other wildcards.

    None, too, where a bracket or a backslash is escaped: who writes so means a pattern.
    """
    name = []
    at = 0
    while at < len(component):
        if component[at] in "*?" or component[at : at + 2] in {r"\[", r"\]", r"\\"}:
            return None
        char, at = (component[at], at + 1) if component[at] == "[" else read_literal(component, at)
        name.append(char)
    return "".join(name)


def compile_component(component: str, *, folded: bool) -> Component:
    """One component, compiled (not `**`). Raises Unreadable."""
    name = literal_name(component)
    if name is not None:
        return key(name) if folded else name
    if folded and not component.isascii():
        from unicodedata import normalize  # see `casefold.key`

        component = normalize("NFC", component)
    items = settle(_tokens(component, folded=folded), EVERY)
    return ANY_COMPONENT if items == (EVERY, STAR) else items


def compile_path(components: Sequence[str], *, subtree: bool, folded: bool) -> Elements:
    """A whole pattern, compiled. `subtree` adds everything beneath each match. Raises Unreadable."""
    elements = [STAR if is_globstar(part) else compile_component(part, folded=folded) for part in components]
    if elements and elements[-1] is STAR:  # git: a `**` at the end takes one component at least
        elements.append(ANY_COMPONENT)
    if subtree:
        elements.append(STAR)
    return settle(elements, ANY_COMPONENT)


def component_matches(component: Component, name: str) -> bool:
    """Whether a compiled component accepts a name (a key, if it was compiled folded)."""
    if isinstance(component, str):
        return component == name
    return matches(component, name, accepts)


def path_matches(elements: Elements, names: Sequence[str]) -> bool:
    """Whether a compiled pattern accepts the path whose components are `witness`."""
    return matches(elements, names, component_matches)


def _tokens(component: str, *, folded: bool) -> list[Charset | None]:
    tokens: list[Charset | None] = []
    run = ""  # literal characters not folded yet: they fold together
    at = 0
    while at < len(component):
        if component[at] not in _WILD:
            char, at = read_literal(component, at)
            run += char
            continue
        tokens += key(run) if folded else run
        run = ""
        if component[at] == "[":
            chars, at = read_class(component, at, folded=folded)
            tokens.append(chars)
        else:
            tokens.append(STAR if component[at] == "*" else EVERY)
            at += 1
    tokens += key(run) if folded else run
    return tokens
