"""Which entry is meant, and what an entry may be called."""

from __future__ import annotations

from gitfleet.base import advice
from gitfleet.base.ids import is_ulid
from gitfleet.base.text import display
from gitfleet.errors import NoEntry, UsageError
from gitfleet.ledger.model import View
from gitfleet.mergequeue import model, transitions
from gitfleet.mergequeue.model import QueueEntry

SHORTEST = 6
"""Characters of the end of an id that name an entry."""
_HEADS = "refs/heads/"


def find(view: View, name: str) -> QueueEntry:
    """The entry of that id, the only live one whose id ends so, or that of a branch: the live one, else the one that was finished last.

    Raises NoEntry.
    """
    text, branch = name.upper(), name.removeprefix(_HEADS)
    found = model.find(view, text) if is_ulid(text) else None
    if found is not None:
        return found
    for some in (model.readable, model.lately):
        group = some(view)
        meant = [entry for entry in group if entry.branch == branch] or [
            entry for entry in group if len(name) >= SHORTEST and entry.id.endswith(text)
        ]
        if len({entry.id for entry in meant}) == 1 or (meant and group and meant[0].branch == branch):
            return meant[0]
        if meant:
            ids = ", ".join(entry.id for entry in meant)
            words = f"{display(name[:80])!r} could be several entries: {ids}."
            raise NoEntry(words, hint=f"Name one by its id; see {advice.QUEUE}.", entry=name)
    raise transitions.no_entry(name)


def check_title(title: str | None) -> None:
    """Raise UsageError for a title with control characters (a terminal would obey them), or one that is too long."""
    if title is None or (title.isprintable() and len(title) <= model.MAX_TITLE):
        return
    raise UsageError(
        f"A title is one line of at most {model.MAX_TITLE} characters, without control characters; this is not one: {display(title[:80])!r}.",
        hint="Write it as plain text.",
    )
