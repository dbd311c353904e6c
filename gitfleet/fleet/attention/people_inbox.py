"""The inbox of the people of one clone: all that needs one of them, and what was read.

What was read is an empty file of the item's name in this node's folder, so that two who read at once both count, and no crash loses any.
Such a mark goes with its item, once a look finds the item's source sound and the item gone; what cannot be looked at keeps its marks.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial

from gitfleet.base import files
from gitfleet.base.text import one_line
from gitfleet.clone import Clone
from gitfleet.codec import Struct
from gitfleet.errors import FleetError, UsageError
from gitfleet.fleet.attention import clone_items, ledger_items
from gitfleet.fleet.attention.item import AttentionItem, ItemFold, ItemKind, folded, ordered
from gitfleet.ledger.ledger import State
from gitfleet.nodes.records import SessionState

Source = Callable[[Clone, State], Iterator[AttentionItem]]
Seen = Mapping[str, SessionState]
"""Whether processes of this node's sessions run, as was seen just now."""
NOTHING: Seen = {}
SOURCES: Sequence[tuple[tuple[ItemKind, ...], Source]] = (
    (("needs-input",), clone_items.questions),
    (("lost",), ledger_items.losses),
    (("hub",), ledger_items.alarm),
    (("held", "rejected"), ledger_items.entries),
    (("maintainer",), clone_items.maintenance),
    (("conflict",), ledger_items.conflicts),
    (("quota",), ledger_items.quotas),
    (("budget",), clone_items.budgets),
)
"""Where items come from, and of which kinds they are; beside sessions whose process is gone."""
_LEAST = 4


class InboxLook(Struct):
    """What a look has found: `items` in their order, the ids of those that were `read`, the kinds that could not be looked at, and why."""

    items: Sequence[AttentionItem] = ()
    read: Collection[str] = ()
    unsure: Collection[ItemKind] = ()
    warnings: Sequence[str] = ()

    @property
    def unread(self) -> list[AttentionItem]:
        """Those that nobody has read."""
        return [one for one in self.items if one.id not in self.read]

    def only(self, *, kind: str = "", unread: bool = False) -> InboxLook:
        """The part of it of one kind ("": of all), or without what was read."""
        items = [one for one in self.items if kind in {"", one.kind} and not (unread and one.id in self.read)]
        return InboxLook(items, self.read, self.unsure, self.warnings)

    def rows(self) -> list[AttentionItem | ItemFold]:
        """The items, many of one kind as one."""
        return folded(self.items, self.read)


class PeopleInbox:
    """The inbox of one clone. Any number of processes may use one at once."""

    def __init__(self, clone: Clone) -> None:
        self._clone = clone
        self._folder = os.path.join(clone.ledger.state, "inbox", "read")

    def look(self, state: State | None = None, seen: Seen = NOTHING) -> InboxLook:
        """All items there are now, as the ledger was last seen. No network. A source that fails is a warning, and keeps no other from telling.

        Sessions that are in `seen` are not looked at again. Raises NoFleet, NewerFormat, Corrupt.
        """
        state = state or self._clone.current()
        items: list[AttentionItem] = []
        unsure: list[ItemKind] = []
        warnings = []
        processes: Source = partial(ledger_items.dead, seen=seen)
        sources: list[tuple[tuple[ItemKind, ...], Source]] = [*SOURCES, (("dead-session",), processes)]
        for kinds, source in sources:
            try:
                items += source(self._clone, state)
            except (FleetError, OSError) as error:
                unsure += kinds
                warnings.append(f"the inbox lacks {', '.join(kinds)}: {error}")
        read = {name for name in files.names(self._folder) if not name.startswith(".")}
        return InboxLook(ordered({one.id: one for one in items}.values(), read), read, unsure, warnings)

    def mark(self, ids: Collection[str]) -> InboxLook:
        """Take these items as read, named by their ids or the first characters of these (four at least); those that are meant.

        Twice is harmless. Raises UsageError for one that is not there (then nothing is marked), LocalStorage.
        """
        found = self.look()
        meant = [self._one(found, name) for name in ids]
        return self._marked(found, meant)

    def mark_all(self, *, kind: str = "") -> InboxLook:
        """Take all items as read, or all of one kind; those that were not before. Raises LocalStorage."""
        found = self.look()
        return self._marked(found, found.only(kind=kind, unread=True).items)

    def unmark(self, ids: Collection[str]) -> InboxLook:
        """Take these items as unread again, named as for `mark`; those that are meant. Twice is harmless. Raises as `mark`."""
        found = self.look()
        meant = [self._one(found, name) for name in ids]
        for one in meant:
            files.remove(os.path.join(self._folder, one.id))
        unread = {one.id for one in meant}
        return InboxLook(meant, set(found.read) - unread, found.unsure, found.warnings)

    def tidy(self, found: InboxLook) -> None:
        """Let the marks go of items that are gone. Where that cannot be done, or told, they stay."""
        if found.unsure:
            return
        for name in set(found.read) - {one.id for one in found.items}:
            with suppress(FleetError):
                files.remove(os.path.join(self._folder, name))

    def _marked(self, found: InboxLook, meant: Sequence[AttentionItem]) -> InboxLook:
        if meant:
            files.folder(self._folder)
        for one in meant:
            files.touch(os.path.join(self._folder, one.id))
        self.tidy(found)
        return InboxLook(meant, {*found.read, *(one.id for one in meant)}, found.unsure, found.warnings)

    def _one(self, found: InboxLook, name: str) -> AttentionItem:
        same = [
            one for one in found.items if one.id == name or (len(name) >= _LEAST and one.id.startswith(name))
        ]
        if len(same) != 1:
            how = (
                "Several items of the inbox have ids that begin"
                if same
                else "No item of the inbox has an id that begins"
            )
            raise UsageError(
                f"{how} with '{one_line(name, 40)}'.",
                hint="The inbox shows the ids of those that are there.",
                unharmed="Nothing was marked.",
            )
        return same[0]
