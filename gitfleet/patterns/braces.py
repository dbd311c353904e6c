"""Brace expansion: `src/{api,web}/*.py` is two patterns.

Owns what the shell would do before a program sees the pattern. Leaves the patterns that come out to
`language`. As in bash, braces nest, an alternative may be empty or span components, a backslash takes a
brace's or comma's meaning away, and braces that hold no comma or are not closed stay as they are. Each `}` closes
the nearest open `{`; ranges (`{1..3}`) are not expanded, and classes do not protect their braces.
"""

from __future__ import annotations

from gitfleet.patterns.bracket import NoPattern

LIMIT = 64


def expand(text: str) -> tuple[str, ...]:
    """Every alternative of `text`, in bash's order, duplicates included. Raises Unreadable beyond `LIMIT`."""
    return tuple(_expand(text, _groups(text), (0, len(text)), depth=0))


def inert(text: str) -> bool:
    """Whether `text` holds no group, so that it expands to itself."""
    return "{" not in text or not _groups(text)


def guard(text: str) -> str:
    """`text` with every brace escaped that could open a group."""
    guarded = []
    escaped = False
    for char in text:
        guarded.append("\\{" if char == "{" and not escaped else char)
        escaped = char == "\\" and not escaped
    return "".join(guarded)


def _groups(text: str) -> dict[int, list[int]]:
    """For each `{` that opens a group: its own index, those of its commas, that of its `}`."""
    groups: dict[int, list[int]] = {}
    unclosed: list[list[int]] = []
    escaped = False
    for at, char in enumerate(text):
        if escaped or char == "\\":
            escaped = not escaped
        elif char == "{":
            unclosed.append([at])
        elif char == "," and unclosed:
            unclosed[-1].append(at)
        elif char == "}" and unclosed:
            cuts = unclosed.pop()
            if len(cuts) > 1:
                groups[cuts[0]] = [*cuts, at]
    return groups


def _expand(text: str, groups: dict[int, list[int]], span: tuple[int, int], *, depth: int) -> list[str]:
    if depth > LIMIT:  # each level adds an alternative at least
        raise _too_many()
    spelled = [""]
    at, stop = span
    while at < stop:
        if at not in groups:
            spelled = [head + text[at] for head in spelled]
            at += 1
            continue
        cuts = groups[at]
        tails = []
        for number, before in enumerate(cuts[:-1], 1):
            tails += _expand(text, groups, (before + 1, cuts[number]), depth=depth + 1)
        if len(spelled) * len(tails) > LIMIT:
            raise _too_many()
        spelled = [head + tail for head in spelled for tail in tails]
        at = cuts[-1] + 1
    return spelled


def _too_many() -> NoPattern:
    return NoPattern(
        f"its braces stand for more than {LIMIT} patterns",
        "use a wildcard or a folder, or ask in several requests",
    )
