"""What needs a person, as rows."""

from typing import TypedDict

from gitfleet.fleet.attention.item import WORDS, AttentionItem, ItemFold, ItemKind
from gitfleet.fleet.attention.people_inbox import InboxLook

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gitfleet.fleet.attention.notifying import NotifyRound

SHOWN = 7
"""Items that are shown beside something else."""


class InboxRow(TypedDict):
    """One thing that needs a person."""

    id: str
    """The same for as long as its cause is."""
    kind: ItemKind
    urgent: bool
    """Whether it needs a person now; else it waits, or runs out."""
    read: bool
    who: str
    """The session, agent, pool, budget or hub that it is about."""
    what: str
    since: int
    """Seconds since 1970; 0: not known."""
    next: str
    """The one next command."""


class InboxFoldRow(TypedDict):
    """More items of one kind than are shown one by one."""

    kind: ItemKind
    urgent: bool
    """Whether one of them needs a person now."""
    words: str
    """What these are, in words."""
    count: int
    unread: int
    since: int
    """Of the first of them; seconds since 1970, 0: not known."""
    next: str
    """The command that shows them one by one."""


class InboxListAnswer(TypedDict):
    """`inbox list`."""

    items: list[InboxRow]
    """Those that were asked for: unread first, urgent before others."""
    folded: list[InboxFoldRow]
    """The kinds of which there are more than are shown one by one."""
    unread: int
    """How many of `items` nobody has read."""
    unsure: list[ItemKind]
    """Kinds that could not be looked at: of these there may be more."""


class InboxTop(TypedDict):
    """The inbox in short: what nobody has read of it."""

    total: int
    """How many items there are, read or not."""
    unread: int
    items: list[InboxRow]
    """The first seven that are unread, of kinds that are not folded."""
    folded: list[InboxFoldRow]


class InboxReadAnswer(TypedDict):
    """`inbox read`, `inbox unread`: what was taken as read, or as unread again."""

    items: list[InboxRow]


class InboxNotifyAnswer(TypedDict):
    """`inbox notify`."""

    told: list[InboxRow]
    """What people were told of just now."""
    waiting: int
    """How many items they are yet to be told of."""
    words: str
    fault: str
    """What went wrong; empty when nothing did."""


def row(one: AttentionItem, *, read: bool) -> InboxRow:
    """An item as a row."""
    return {
        "id": one.id, "kind": one.kind, "urgent": one.urgent, "read": read, "who": one.who, "what": one.what,
        "since": one.since, "next": one.step,
    }  # fmt: skip


def listed(found: InboxLook) -> InboxListAnswer:
    """What a look has found."""
    return {
        "items": [row(one, read=one.id in found.read) for one in found.items],
        "folded": [fold(one) for one in found.rows() if isinstance(one, ItemFold)],
        "unread": len(found.unread),
        "unsure": list(found.unsure),
    }


def top(found: InboxLook) -> InboxTop:
    """What comes first of it."""
    rows = found.only(unread=True).rows()
    return {
        "total": len(found.items),
        "unread": len(found.unread),
        "items": [row(one, read=False) for one in rows if not isinstance(one, ItemFold)][:SHOWN],
        "folded": [fold(one) for one in rows if isinstance(one, ItemFold)],
    }


def fold(one: ItemFold) -> InboxFoldRow:
    """Many items as one row."""
    return {
        "kind": one.kind, "urgent": one.first.urgent, "words": WORDS[one.kind], "count": one.count, "unread": one.unread, "since": one.first.since,
        "next": one.step,
    }  # fmt: skip


def notified(done: "NotifyRound") -> InboxNotifyAnswer:
    """What a round has told."""
    told = [row(one, read=False) for one in done.told]
    return {"told": told, "waiting": done.waiting, "words": done.words, "fault": done.fault}


def marked(found: InboxLook) -> InboxReadAnswer:
    """What was taken as read, or as unread again."""
    return {"items": [row(one, read=one.id in found.read) for one in found.items]}
