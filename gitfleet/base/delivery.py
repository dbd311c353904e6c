"""What has to be told until it was heard: words count as delivered once they are out, and not before.

Whoever takes words from a store `begin`s their delivery. The entry point that writes the answer calls `done` after the
last byte was written, or `failed` when it could not be; a process that dies before does neither, and the words are told
the next time. One set of open deliveries for the process, since a program gives one answer at a time; who gives several
(the library) keeps its own, and hands a `Begin` to the store.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from gitfleet.errors import LocalStorage

Begin = Callable[[str, Callable[[], object]], bool]
"""Takes words along, by their key, with what remembers that they were heard; whether they are not on their way already."""

_open: dict[str, Callable[[], object]] = {}
_deaf = False


def begin(key: str, note: Callable[[], object]) -> bool:
    """Take words named `key` along with the present answer; `note` remembers that they were heard.

    False when they are on their way out already.
    """
    if key in _open:
        return False
    _open[key] = note
    return True


def nobody_hears() -> None:
    """Standard output or error of this process was closed from the beginning: nothing counts as heard."""
    global _deaf  # noqa: PLW0603 - a fact of the process
    _deaf = True


def done() -> None:
    """The words are out. What cannot be noted (a full disk) is told once more."""
    notes = dict.fromkeys(() if _deaf else _open.values())
    _open.clear()
    for note in notes:
        with suppress(LocalStorage):
            note()


def failed() -> None:
    """The words did not come out: nothing counts as heard."""
    _open.clear()
