"""How much one request may ask for, so that a record and an operation can hold it."""

from __future__ import annotations

from collections.abc import Sequence

from gitfleet.claims import model
from gitfleet.errors import UsageError
from gitfleet.patterns.language import Pattern
from gitfleet.sessions import session_records

MAX_TEXT = 256 * 1024
"""Characters that the patterns of one request may have together; an operation has to fit into one record."""


def check_size(wanted: Sequence[Pattern], reason: str = "", priority: int = 0) -> None:
    """Refuse what no record or operation could hold, before anything is left in the outbox. Raises UsageError."""
    if not 0 < len(wanted) <= model.MAX_PATTERNS:
        words = f"{len(wanted)} paths were given; one request takes 1 to {model.MAX_PATTERNS}."
        raise UsageError(words, hint="Name a directory or a glob instead of very many files.")
    if sum(len(pattern.text) for pattern in wanted) > MAX_TEXT:
        words = f"The paths given have more than {MAX_TEXT} characters together."
        raise UsageError(words, hint="Name them in several requests, or the directory that they are in.")
    if not 0 <= priority <= 100:
        raise UsageError("A priority is a number from 0 to 100.")
    if len(reason) > session_records.MAX_TEXT:
        words = f"The reason is longer than {session_records.MAX_TEXT} characters."
        raise UsageError(words, hint="Say it in fewer words.")
