"""The form of a program's signature."""

from __future__ import annotations

from dataclasses import dataclass


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


def one(  # noqa: PLR0913 - the conditions, each by its name
    category: str, name: str, programs: str = "", *,
    verbs: str = "", flags: str = "", words: str = "", parts: str = "",
    script: bool = False, life: float | None = None, worker: bool = False, kept: str = "", free: bool = False,
) -> ProgramSignature:  # fmt: skip
    """A signature from words: what is a set of words in it is given as one string."""
    return ProgramSignature(
        category, name, _set(programs or name), _set(verbs), _set(flags), _set(words), _set(parts),
        script, life, worker, kept, free,
    )  # fmt: skip


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())
