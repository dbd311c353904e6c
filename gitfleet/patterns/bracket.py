r"""The syntax of character classes: `[a-z]`, `[!x]`, `[^x]`, `[[:alpha:]]`, `[\]]`.

Owns reading one class the way git's wildmatch does, and what a class means when case does not count.
Leaves sets to `charsets` and components to `wildmatch`.

When case does not count, patterns are matched against comparison keys, and a class means **the keys of its
members**: `[A-Z]` is `[a-z]`, `[!A]` refuses both `a` and `A`. (git with `core.ignoreCase` does the same, but
forgets single capitals: its `[A]` then matches nothing.) One class stands for one character of the key, so a
member whose key is longer (`ß`, whose key is `ss`) is refused where it is written out, and is not in a range
that passes over it. POSIX names mean ASCII only, as in git.
"""

from __future__ import annotations

from gitfleet.patterns.casefold import key, single_folds
from gitfleet.patterns.charsets import complement, union

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gitfleet.patterns.charsets import Charset

_POSIX = {
    "alnum": "09AZaz",
    "alpha": "AZaz",
    "blank": "\t\t  ",
    "cntrl": "\0\x1f\x7f\x7f",
    "digit": "09",
    "graph": "!~",
    "lower": "az",
    "print": " ~",
    "punct": "!/:@[`{~",
    "space": "\t\r  ",
    "upper": "AZ",
    "xdigit": "09AFaf",
}


class NoPattern(ValueError):
    """Text that is no pattern; `why` and `hint` are for people. Never leaves this package."""

    def __init__(self, why: str, hint: str) -> None:
        super().__init__(why, hint)
        self.why = why
        self.hint = hint


class LongMember(NoPattern):
    """A class of which one member's key is more than one character."""


def read_literal(text: str, at: int) -> tuple[str, int]:
    r"""The literal character at `text[at]`, or the one that a backslash there escapes, and the index behind it.

    Raises Unreadable for a backslash at the end, and for one before a letter or digit: that is `src\api` written
    with the wrong separator, or the `\d` of another language, which git would read as the letter.
    """
    if text[at] != "\\":
        return text[at], at + 1
    char = text[at + 1 : at + 2]
    if not char or char.isalnum():
        raise NoPattern(
            f"the backslash in `\\{char}` escapes nothing",
            "write `/` between folders, and `\\\\` for a backslash itself",
        )
    return char, at + 2


def read_class(text: str, start: int, *, folded: bool) -> tuple[Charset, int]:
    """The set that the class opening at `text[start]` (its `[`) means, and the index behind its `]`.

    Raises Unreadable when it does not end, or names a POSIX class that does not exist.
    """
    negated = text.startswith(("!", "^"), start + 1)
    reader = _ClassReader(text, start + 1 + negated, folded=folded)
    reader.read()
    ranges = union(reader.ranges)
    if negated:
        return complement(ranges), reader.at
    if len(ranges) == 1 and ranges[0][0] == ranges[0][1]:
        return chr(ranges[0][0]), reader.at
    return ranges, reader.at


class _ClassReader:
    """Reads the members of one class; `at` is the next character, `ranges` what was found."""

    __slots__ = ("at", "folded", "low", "ranges", "text")

    def __init__(self, text: str, at: int, *, folded: bool) -> None:
        self.text = text
        self.at = at
        self.folded = folded
        self.ranges: list[tuple[int, int]] = []
        self.low = ""  # the member that a `-` would start a range from

    def read(self) -> None:
        self._member()  # a `]` in the first place is a member
        while self.text[self.at : self.at + 1] != "]":
            self._member()
        self.at += 1

    def _member(self) -> None:
        if (
            self.low
            and self.text[self.at : self.at + 1] == "-"
            and self.text[self.at + 1 : self.at + 2] not in {"", "]"}
        ):
            self.at += 1
            self._range(ord(self.low), ord(self._char()))
            self.low = ""
        elif self.text.startswith("[:", self.at) and self._posix():
            self.low = ""
        else:
            self.low = self._char()
            self._single(self.low)

    def _char(self) -> str:
        if self.at >= len(self.text):
            raise NoPattern(
                "its `[` has no `]`, or a `/` stands between them",
                "close the class with `]`, or write `\\[` for the character itself",
            )
        char, self.at = read_literal(self.text, self.at)
        return char

    def _posix(self) -> bool:
        """Read `[:name:]`; False, and nothing read, where the text only looks like it."""
        stop = self.text.find("]", self.at + 2)
        if stop < self.at + 3 or self.text[stop - 1] != ":":
            return False
        name = self.text[self.at + 2 : stop - 1]
        if name not in _POSIX:
            raise NoPattern(f"there is no character class `[:{name}:]`", f"the names are {', '.join(_POSIX)}")
        bounds = _POSIX[name]
        for low, high in zip(bounds[::2], bounds[1::2], strict=True):
            self._range(ord(low), ord(high))
        self.at = stop + 1
        return True

    def _single(self, char: str) -> None:
        folded = key(char) if self.folded else char
        if len(folded) != 1:
            raise LongMember(
                f"`{char}` in a class equals `{folded}`, which is more than one character, when case does not count",
                f"write `{{{char},…}}` in place of `[{char}…]`",
            )
        self.ranges.append((ord(folded), ord(folded)))

    def _range(self, low: int, high: int) -> None:
        self.ranges.append((low, high))
        if not self.folded:
            return
        self.ranges.append((max(low, ord("A")) + 32, min(high, ord("Z")) + 32))
        if high >= 0x80:
            self.ranges += [(to, to) for code, to in single_folds() if low <= code <= high]
