"""The form of a program's signature."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class ProgramSignature:
    """One way to know a program: by its name, and by all of the other conditions that are not empty (of each, any word will do).

    `verbs`: its first word; `flags`: options; `words`: any words; `parts`: folders of its path; `script`: a file of the user's
    own, run by an interpreter. `kept` and `free` override what its category says about being left alone.
    """

    category: str
    name: str
    programs: frozenset[str]
    verbs: frozenset[str] = frozenset()
    flags: frozenset[str] = frozenset()
    words: frozenset[str] = frozenset()
    parts: frozenset[str] = frozenset()
    script: bool = False
    life: float | None = None
    worker: bool = False
    kept: str = ""
    free: bool = False


def one(category: str, name: str, programs: str = "", **conditions: Any) -> ProgramSignature:
    """A signature from words: what is a set of words in it is given as one string."""
    sets = ("verbs", "flags", "words", "parts")
    split: dict[str, Any] = {
        key: frozenset(value.split()) if key in sets else value for key, value in conditions.items()
    }
    return ProgramSignature(category, name, frozenset((programs or name).split()), **split)
