"""Sets of characters: what one element of a wildcard pattern accepts.

Owns their representation (a literal character is itself, any other set is a tuple of disjoint ascending
ranges of code points), their algebra, and which of their characters a person likes to read. Leaves the
syntax of classes to `bracket`. Ranges make the algebra exact: whether two negated classes share a
character is decided, never sampled.
"""

from __future__ import annotations

from gitfleet.patterns.casefold import key

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    Ranges = tuple[tuple[int, int], ...]
    Charset = str | Ranges

EVERY: Ranges = ((0, 0x10FFFF),)
NOTHING: Ranges = ()

# Letters first, `x` before all, then what reads worse and worse. No `/`, no control character.
_READABLE = "xabcdefghijklmnopqrstuvwyz0123456789_-+=,@%~#.ABCDEFGHIJKLMNOPQRSTUVWXYZ^!:;&()]{}'$`<>|\"?*[\\ "
# What else a path may hold, in the order of liking: characters, C1 controls, bytes that are no UTF-8.
_BEYOND_ASCII = ((0xA1, 0xD7FF), (0xE000, 0x10FFFF), (0x80, 0xA0), (0xDC80, 0xDCFF))


def union(ranges: Iterable[tuple[int, int]]) -> Ranges:
    """The ranges sorted, and merged where they touch. A reversed range is empty."""
    merged: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        if low > high:
            continue
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return tuple(merged)


def complement(ranges: Ranges) -> Ranges:
    """Every code point outside `ranges`, which is a `union`."""
    outside = []
    start = 0
    for low, high in ranges:
        outside.append((start, low - 1))
        start = high + 1
    outside.append((start, EVERY[0][1]))
    return tuple((low, high) for low, high in outside if low <= high)


def accepts(chars: Charset, char: str) -> bool:
    """Whether the one character `char` is in the set."""
    if isinstance(chars, str):
        return chars == char
    code = ord(char)
    return any(low <= code <= high for low, high in chars)


def common(a: Charset, b: Charset) -> Charset:
    """What both sets hold; `NOTHING` when they share no character."""
    if isinstance(a, str):
        return a if accepts(b, a) else NOTHING
    if isinstance(b, str):
        return b if accepts(a, b) else NOTHING
    return _crossed(a, b)


def _crossed(a: Ranges, b: Ranges) -> Ranges:
    shared = []
    i = j = 0
    while i < len(a) and j < len(b):
        low, high = max(a[i][0], b[j][0]), min(a[i][1], b[j][1])
        if low <= high:
            shared.append((low, high))
        if a[i][1] < b[j][1]:
            i += 1
        else:
            j += 1
    return tuple(shared)


def includes(a: Charset, b: Charset) -> bool:
    """Whether `a` holds all that `b` holds."""
    return common(a, b) == b


def members(chars: Charset, *, folded: bool) -> Iterator[str]:
    """The characters of the set that a path may hold, the most readable first.

    With `folded`, only those that a comparison key may hold. Neither `/` nor a control character is among them,
    unless `chars` is such a literal.
    """
    if isinstance(chars, str):
        yield chars
    if isinstance(chars, str) or not chars:
        return
    for char in _READABLE if chars[0][0] < 0x80 else "":
        if accepts(chars, char) and not (folded and char.isupper()):
            yield char
    for window in _BEYOND_ASCII:
        for start, stop in _crossed(chars, (window,)):
            for code in range(start, stop + 1):
                if not folded or key(chr(code)) == chr(code):
                    yield chr(code)
