"""Telling people of what needs them, once: what was told is written down before it is sent.

So a crash in between tells nobody twice; that it may have told nobody is said, and the inbox has the item either way. What certainly was not
delivered is tried again by later rounds, five times in all. One round of a clone goes on at a time. Items of which several nodes know are told by
one of them: the node whose session, radar or job they come from.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence

from gitfleet.base import advice, clock, files
from gitfleet.base.commands import spoken
from gitfleet.base.locks import NodeLock
from gitfleet.base.text import counted, one_line
from gitfleet.clone import Clone
from gitfleet.codec import Struct, replace
from gitfleet.fleet.attention import sending, told_items
from gitfleet.fleet.attention.item import AttentionItem
from gitfleet.fleet.attention.people_inbox import InboxLook, PeopleInbox
from gitfleet.fleet.attention.sending import PeopleMessage
from gitfleet.fleet.attention.told_items import ToldItem, ToldItems, ToldState
from gitfleet.trunk import notify_policy
from gitfleet.trunk.notify_policy import NotifyPolicy

TRIES = 5
_SHOWN = 10
_LONGEST = 3900
"""Bytes of the items in a text: of 4096 and more ntfy makes an attached file, and refuses it where it keeps none."""


class NotifyRound(Struct):
    """What a round did: the items that people were `told` of, how many wait, and in `words` what there is to say."""

    told: Sequence[AttentionItem] = ()
    waiting: int = 0
    words: str = ""
    fault: str = ""


def run(clone: Clone) -> NotifyRound:
    """One round. Raises what `PeopleInbox.look` raises, and LocalStorage where it cannot be written down: then nothing is sent."""
    state = clone.ledger.state
    rules = notify_policy.load(state)
    if not rules.anybody:
        return NotifyRound(words="gitfleet.yaml on the trunk names nobody to tell (`notify`)")
    lock = _lock(state)
    if not lock.acquire():
        return NotifyRound(words="another round goes on")
    try:
        return _round(clone, rules, PeopleInbox(clone).look())
    finally:
        lock.release()


def try_out(clone: Clone) -> None:
    """Send a message that says that it is a test; when that goes well, earlier faults are over. Raises NotSent (also where nobody is to be told), Doubtful."""
    state = clone.ledger.state
    rules = notify_policy.load(state)
    if not rules.anybody:
        raise sending.NotSent("gitfleet.yaml on the trunk names nobody to tell (`notify`)")
    text = "This is a test: what needs a person will be told like this."
    sending.send(rules, PeopleMessage(f"gitfleet in {_place(clone)}", text), clone.repository.git.cwd)

    lock = _lock(state)
    if lock.acquire():  # else a round goes on, which knows better
        try:
            told_items.save(state, ToldItems(told_items.load(state).items))
        finally:
            lock.release()


def _lock(state: str) -> NodeLock:
    return NodeLock(os.path.join(files.folder(os.path.join(state, "inbox")), "notify.lock"))


def _round(clone: Clone, rules: NotifyPolicy, found: InboxLook) -> NotifyRound:
    state, now = clone.ledger.state, clock.now()
    before = told_items.load(state)
    known = _kept(before.items, found)
    wanted = [one for one in found.unread if _is_wanted(one, rules, clone.ledger.node.id)]
    known |= {one.id: ToldItem(now) for one in wanted if one.id not in known}
    cut = [one for one in wanted if known[one.id].state == "sending"]
    waiting = [one for one in wanted if known[one.id].state == "waits"]
    due = [one for one in waiting if now - _begun(one, known[one.id], now) >= rules.dwell]
    lost = f"a round was killed while it told of {counted(len(cut), 'item')}" if cut else ""
    known |= {one.id: replace(known[one.id], state="told") for one in cut}
    local = time.localtime(now)
    if not due or rules.is_quiet(local.tm_hour * 60 + local.tm_min):
        if known != before.items:
            told_items.save(state, ToldItems(known, lost or before.fault, now if lost else before.at))
        words = "nobody is told now: these are quiet hours" if due else "nothing new to tell"
        return NotifyRound(waiting=len(waiting), words=words, fault=lost)
    sent = {one.id: replace(known[one.id], state="sending") for one in due}
    told_items.save(state, ToldItems({**known, **sent}, before.fault, before.at))
    fault = _deliver(clone, rules, due, known)
    told_items.save(state, ToldItems(known, fault or lost, now if fault or lost else 0))
    told = [one for one in due if known[one.id].state == "told"]
    left = len(waiting) - len(told)
    return NotifyRound(told, left, f"told of {counted(len(told), 'item')}", fault or lost)


def _deliver(
    clone: Clone, rules: NotifyPolicy, due: Sequence[AttentionItem], known: dict[str, ToldItem]
) -> str:
    """Send one message of all of these, and put what became of them into `known`; what went wrong, in words."""
    fault, state, more = "", "told", 0
    try:
        sending.send(rules, message(_place(clone), due), clone.repository.git.cwd)
    except sending.NotSent as error:
        fault, state, more = f"{error}; people were not told", "waits", 1
    except sending.Doubtful as error:
        fault = f"{error}; whether people were told is not known, and it is not tried again"
    for one in due:
        tries = known[one.id].tries + more
        became: ToldState = "told" if state == "told" else "given-up" if tries >= TRIES else "waits"
        known[one.id] = replace(known[one.id], state=became, tries=tries)
    return fault


def message(place: str, items: Sequence[AttentionItem]) -> PeopleMessage:
    """One message of all of these; its text names as many as services take whole. Pure."""
    lines, left = list[str](), _LONGEST
    for one in items[:_SHOWN]:
        line = f"{one.kind}: {one.who}: {one.what}\n  next: {spoken(one.step)}"
        left -= len(line.encode()) + 1
        if left < 0:
            break
        lines.append(line)
    if len(items) > len(lines):
        lines.append(f"and {len(items) - len(lines)} more: {spoken(advice.INBOX)}")
    rows = [
        {"id": one.id, "kind": one.kind, "urgent": one.urgent, "who": one.who, "what": one.what, "since": one.since,
         "next": spoken(one.step)}
        for one in items
    ]  # fmt: skip
    return PeopleMessage(f"{counted(len(items), 'item')} for you in {place}", "\n".join(lines), rows)


def _kept(known: Mapping[str, ToldItem], found: InboxLook) -> dict[str, ToldItem]:
    """What stays known: that of items that are there, and all where something could not be looked at."""
    there = {one.id for one in found.items}
    return {name: one for name, one in known.items() if found.unsure or name in there}


def _is_wanted(one: AttentionItem, rules: NotifyPolicy, node: str) -> bool:
    return one.node in {"", node} and (one.urgent or rules.what == "all")


def _begun(one: AttentionItem, told: ToldItem, now: int) -> int:
    """When it began, as far as this node knows: what others say of the time may only be later than its own first look."""
    return min(told.first, one.since) if one.since and not one.node and one.since <= now else told.first


def _place(clone: Clone) -> str:
    return place(clone.repository.common_dir, clone.ledger.node.id)


def place(common_dir: str, node: str) -> str:
    """How a clone is called in messages, in characters that can be sent. Pure."""
    name = one_line(os.path.basename(os.path.dirname(common_dir)), 80)
    return f"{name or 'this clone'} on {node}"
