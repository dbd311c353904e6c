"""The slow and obvious answers that patterns and their overlap are held against.

A matcher by way of regular expressions, written from git's documentation and sharing nothing with the package, and
all paths over a small alphabet up to a size.
"""

from __future__ import annotations

import re
from itertools import product

FORBIDDEN = {"", ".", "..", ".git"}


def regex(pattern: str) -> str:
    """An expression for the full match of a path; `pattern` has no braces, escapes or POSIX classes.

    Without `*` and `?` it is a path, and takes in everything beneath. A part whose only wildcards are classes is a class in
    one reading, and a name in the other; the pattern is both.
    """
    subtree = pattern.endswith("/") or not set(pattern) & set("*?")
    parts = pattern.rstrip("/").split("/")
    readings = [_one(parts, subtree, by_name=False)]
    if any("[" in part and not set(part) & set("*?") for part in parts):
        readings.append(_one(parts, subtree, by_name=True))
    return "(?:" + "|".join(readings) + ")"


def _one(parts: list[str], subtree: bool, *, by_name: bool) -> str:
    expression = ""
    for number, part in enumerate(parts):
        last = number == len(parts) - 1
        if re.fullmatch(r"\*\*+", part):
            expression += "[^/\n]+(?:/[^/\n]+)*" if last else "(?:[^/\n]+/)*"
        else:
            name = by_name and not set(part) & set("*?")
            # `*` may be empty, a component may not
            expression += (
                "(?=[^/\n])" + (re.escape(part) if name else component_regex(part)) + ("" if last else "/")
            )
    return expression + ("(?:/[^/\n]+)*" if subtree else "")


def component_regex(part: str) -> str:
    expression = ""
    for token in re.findall(r"\*+|\?|\[[!^]?\]?[^]]*\]|.", part, flags=re.DOTALL):
        if token[0] == "*":
            expression += "[^/\n]*"
        elif token == "?":
            expression += "[^/\n]"
        elif len(token) > 1:
            negated = token[1] in "!^"
            members = token[1 + negated : -1].replace("\\", "\\\\").replace("]", "\\]").replace("[", "\\[")
            expression += f"[^/\n{members}]" if negated else f"(?!/)[{members}]"
        else:
            expression += re.escape(token)
    return expression


def accepted(pattern: str, paths: str) -> set[str]:
    """Those of `paths` (one a line) that the pattern matches."""
    return set(re.findall(f"(?m)^(?:{regex(pattern)})$", paths))


def names(alphabet: str, longest: int) -> list[str]:
    """Every valid component over the alphabet."""
    found = ("".join(chars) for size in range(1, longest + 1) for chars in product(alphabet, repeat=size))
    return [name for name in found if name.lower() not in FORBIDDEN]


def paths(components: list[str], deepest: int) -> list[str]:
    """Every path of these components."""
    return ["/".join(parts) for size in range(1, deepest + 1) for parts in product(components, repeat=size)]
