"""One thing that needs a person: who, what, since when, and the one next step. Pure.

An item is made anew from its cause at each look, and goes when that goes. Its id is a digest of the cause, so that it stays the
same for as long as that does, and what was read stays read.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, get_args

from gitfleet.base import advice
from gitfleet.base.digests import sha256
from gitfleet.base.text import one_line
from gitfleet.codec import Struct

ItemKind = Literal[
    "needs-input", "lost", "hub", "held", "rejected", "dead-session", "maintainer", "conflict", "quota", "budget"
]  # fmt: skip
ITEM_KINDS: tuple[ItemKind, ...] = get_args(ItemKind)
WORDS: dict[ItemKind, str] = {
    "needs-input": "agents that wait for an answer",
    "lost": "claims that were lost",
    "hub": "alarms of the hub",
    "held": "entries that wait for a person",
    "rejected": "entries that came back",
    "dead-session": "sessions whose process is gone",
    "maintainer": "problems of the maintainer",
    "conflict": "conflicts to come",
    "quota": "pools without quota",
    "budget": "budgets that are spent",
}
FOLD = 3
"""Items of one kind that are shown one by one; more become one row."""


class AttentionItem(Struct):
    """`urgent`: it needs a person now; else it waits, or runs out. `since` in seconds since 1970 (0: not known), `who` and `what` in one safe line
    each, `step` as `advice` names it. `node`: whose people are told of it, where several nodes know ("": this clone's own). `about`: the id of
    the job or the entry, where it is about one.
    """

    id: str
    kind: ItemKind
    urgent: bool
    who: str
    what: str
    since: int
    step: str
    node: str = ""
    about: str = ""


class ItemFold(Struct):
    """Many items of one kind as one: how many, how many of them are unread, and the first of them."""

    kind: ItemKind
    count: int
    unread: int
    first: AttentionItem

    @property
    def step(self) -> str:
        """What shows them one by one."""
        return advice.INBOX_KIND.of(self.kind)


def item(  # noqa: PLR0913 - the fields of an item, each by its name
    kind: ItemKind,
    key: Sequence[str],
    *,
    who: str,
    what: str,
    since: int,
    step: str,
    urgent: bool = True,
    node: str = "",
    about: str = "",
) -> AttentionItem:
    """An item; `key` tells its cause from every other of the kind."""
    text = "\0".join([kind, *key]).encode("utf-8", "surrogateescape")
    return AttentionItem(
        sha256(text).hexdigest()[:12],
        kind,
        urgent,
        one_line(who, 80),
        one_line(what, 300),
        since,
        step,
        node,
        about,
    )


def ordered(items: Iterable[AttentionItem], read: Iterable[str] = ()) -> list[AttentionItem]:
    """Unread first, urgent before what can wait, then by kind, those that have waited longest first."""
    known = set(read)
    return sorted(
        items,
        key=lambda one: (one.id in known, not one.urgent, ITEM_KINDS.index(one.kind), one.since, one.id),
    )


def folded(items: Sequence[AttentionItem], read: Iterable[str] = ()) -> list[AttentionItem | ItemFold]:
    """The items in their order, with more than FOLD of one kind as one row where the first of them was."""
    known, found = set(read), list[AttentionItem | ItemFold]()
    for kind_first in items:
        same = [one for one in items if one.kind == kind_first.kind]
        if len(same) <= FOLD:
            found.append(kind_first)
        elif same[0] is kind_first:
            unread = sum(one.id not in known for one in same)
            found.append(ItemFold(kind_first.kind, len(same), unread, kind_first))
    return found
