"""`inbox`, `inbox read`, `inbox unread`, `inbox notify`: what needs a person."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from gitfleet.base.text import counted, display
from gitfleet.cli import inbox_text, render
from gitfleet.cli.answer import Grid, Reply
from gitfleet.cli.claiming import freshness
from gitfleet.cli.declaring import Argument, Option
from gitfleet.errors import UsageError
from gitfleet.fleet.attention import notifying
from gitfleet.fleet.attention.item import ITEM_KINDS
from gitfleet.fleet.attention.notifying import NotifyRound
from gitfleet.fleet.attention.people_inbox import InboxLook
from gitfleet.fleet.attention.sending import Doubtful, NotSent
from gitfleet.fleet.fleet import Fleet
from gitfleet.fleet.views import inbox_rows

OfKind = Annotated[
    str, Option("--kind", metavar="KIND", help=f"Only these: {', '.join(ITEM_KINDS)}.", values=ITEM_KINDS)
]
Unread = Annotated[bool, Option("--unread", help="Only what nobody has read.")]
Everything = Annotated[bool, Option("--all", help="All of them, or all of one kind.")]
Trial = Annotated[bool, Option("--test", help="Send a test message, and nothing else.")]
Ids = Annotated[
    list[str] | None,
    Argument(metavar="[ID]...", help="Their ids, or how these begin (four characters at least)."),
]


def listing(kind: OfKind = "", only_unread: Unread = False) -> Reply:
    """List what needs a person: unread first, then what is urgent; each with one next command. Local, without the network.

    More than three of a kind are one row, unless `--kind` asks for them. An item goes when its cause does.
    """
    _check(kind)
    with Fleet.open(announce=render.note) as fleet:
        state = fleet.current()
        inbox = fleet.inbox
        everything = inbox.look(state)
        inbox.tidy(everything)
        found = everything.only(kind=kind, unread=only_unread)
        warnings = [*found.warnings, *freshness(fleet, state.age, len(state.tentative))]
        return Reply(
            inbox_rows.listed(found), _lines(found, whole=bool(kind), unread=only_unread), warnings=warnings
        )


def read(ids: Ids = None, everything: Everything = False, kind: OfKind = "") -> Reply:
    """Mark items as read in this clone: they come last from now on, and nobody is notified of them again. They stay
    until their cause is gone.
    """
    _check(kind)
    if bool(ids) == (everything or bool(kind)):
        raise UsageError(
            "Name the items that were read, or say --all.", hint="`gitfleet inbox` shows their ids."
        )
    with Fleet.open(announce=render.note) as fleet:
        inbox = fleet.inbox
        found = inbox.mark(ids) if ids else inbox.mark_all(kind=kind)
    lines = [f"read: {one.id} {one.kind} {one.who}" for one in found.items]
    return Reply(inbox_rows.marked(found), lines or ["nothing was unread"], warnings=found.warnings)


def unread(
    ids: Annotated[list[str], Argument(metavar="ID...", help="Their ids, or how these begin.")],
) -> Reply:
    """Mark items as unread again, in this clone."""
    with Fleet.open(announce=render.note) as fleet:
        found = fleet.inbox.unmark(ids)
    lines = [f"unread: {one.id} {one.kind} {one.who}" for one in found.items]
    return Reply(inbox_rows.marked(found), lines, warnings=found.warnings)


def notify(trial: Trial = False) -> Reply:
    """Notify people of what is new, as the maintainer does after each of its runs, by the rules on the trunk (`notify` of gitfleet.yaml).

    Nobody is told of an item twice, whatever crashes. With `--test` only a message that says that it is a test is sent.
    """
    with Fleet.open(announce=render.note) as fleet:
        done = _tried(fleet) if trial else notifying.run(fleet)
    lines = [*([f"failed: {done.fault}"] if done.fault else []), done.words]
    lines += [f"told: {one.id} {one.kind} {one.who}" for one in done.told]
    lines += [f"still to be sent: {counted(done.waiting, 'item')}"] if done.waiting else []
    return Reply(inbox_rows.notified(done), lines, code=21 if done.fault else 0)


def _tried(fleet: Fleet) -> NotifyRound:
    try:
        notifying.try_out(fleet)
    except (NotSent, Doubtful) as error:
        return NotifyRound(words="the test was not delivered for certain", fault=str(error))
    return NotifyRound(words="a test was sent")


def _check(kind: str) -> None:
    if kind and kind not in ITEM_KINDS:
        raise UsageError(
            f"There is no kind of item called '{display(kind[:40])}'.",
            hint=f"One of {', '.join(ITEM_KINDS)}.",
        )


def _lines(found: InboxLook, *, whole: bool, unread: bool) -> Iterator[str | Grid]:
    if not found.items:
        yield "nothing unread needs a person" if unread else "nothing needs a person"
        return
    yield f"{counted(len(found.items), 'item')}, {len(found.unread)} unread"
    yield inbox_text.grid(found, found.items if whole else found.rows())
