"""Which ignored files an archive takes along.

Git's ignored files are of two sorts that look alike: what can be made again (dependencies, caches, builds) and what
cannot (`.env`, notes, local settings). The first are many and large, the second few and small, so size decides
unless the caller says otherwise. What is left out is told, never passed over in silence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import NamedTuple

from gitfleet.errors import UsageError

SMALL, ALL, NONE = "small", "all", "none"
UNIT_BYTES = 1024 * 1024
UNIT_FILES = 100
TOTAL_BYTES = 32 * 1024 * 1024


class Size(NamedTuple):
    """How much one ignored entry holds."""

    files: int
    size: int


def check(words: Sequence[str]) -> tuple[str, ...]:
    """`words` as a choice: `small` (the default), `all` or `none` alone, or patterns beside `small`. Raises UsageError."""
    chosen = tuple(words) or (SMALL,)
    if len(chosen) > 1 and {ALL, NONE} & set(chosen):
        raise UsageError(
            f"--ignored {ALL} and --ignored {NONE} cannot be combined with other patterns.",
            hint="Pass patterns, or one of these words.",
        )
    if "" in chosen:
        raise UsageError("--ignored needs a pattern.", hint="Name a pattern, e.g. '*.env'.")
    return chosen


def choose(units: Mapping[str, Size], words: Sequence[str]) -> set[str]:
    """Which of the ignored entries (`path`, or `path/` for a folder that is ignored as a whole) are taken along.

    Small: up to 1 MiB and 100 files an entry, and 32 MiB together, the smallest first. A pattern is matched against
    the whole path and against its last part.
    """
    if NONE in words:
        return set()
    if ALL in words:
        return set(units)
    patterns = [word for word in words if word != SMALL]
    named = {unit for unit in units if any(_matches(unit, pattern) for pattern in patterns)}
    left = TOTAL_BYTES
    for unit, size in sorted(units.items(), key=lambda row: (row[1].size, row[0])):
        if unit in named or size.size > UNIT_BYTES or size.files > UNIT_FILES or size.size > left:
            continue
        left -= size.size
        named.add(unit)
    return named


def _matches(unit: str, pattern: str) -> bool:
    path, wanted = unit.rstrip("/"), pattern.rstrip("/")
    return fnmatchcase(path, wanted) or fnmatchcase(path.rpartition("/")[2], wanted)
