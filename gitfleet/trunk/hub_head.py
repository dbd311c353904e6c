"""The hub's HEAD: the branch that it names is the trunk, from the next exchange on.

Whatever talks to the hub hears what HEAD is (`git.head`). When it names another branch than before, that branch is
fetched at once, and its rules hold; a HEAD that names none leaves the trunk as it is. Both are told: once by `sync`, until
then by whatever else asks the hub, for a day by `status`, and by `doctor` whenever it is asked.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from gitfleet.base import clock, statefile
from gitfleet.base.text import display, duration
from gitfleet.codec import FLAG, TEXT, WHOLE, Struct, field, replace
from gitfleet.errors import FleetError, LocalStorage
from gitfleet.git import fleetrefs, head, refs
from gitfleet.git.head import Head
from gitfleet.git.remote import Remote
from gitfleet.ledger import own_node
from gitfleet.trunk import policy_file, position

if TYPE_CHECKING:
    from gitfleet.git.repository import Repository
    from gitfleet.ledger.ledger import Ledger
    from gitfleet.ledger.own_node import Node

_NEWS = 86400


class HeadNote(Struct):
    """What this clone knows of the hub's HEAD: its state, the trunk before the present one ("": none), since when, and whether
    `sync` has told it.
    """

    state: str = field(TEXT, default=head.BRANCH)
    was: str = field(TEXT, default="")
    at: int = field(WHOLE, default=0)
    told: bool = field(FLAG, default=True)


def follow(repository: Repository, ledger: Ledger, found: Head) -> None:
    """Go by what the hub has just said of its HEAD. Callers hold the node's lock.

    Costs one fetch when HEAD has moved, and nothing otherwise. What goes wrong is left to the next exchange, which hears the
    same: until then the old trunk holds.
    """
    if found.state == head.UNTOLD:
        return
    note = _load(ledger.state)
    try:
        if found.state != head.BRANCH or found.branch == ledger.node.trunk:
            if note.state != found.state:
                told = found.state == head.BRANCH
                _save(ledger.state, replace(note, state=found.state, at=clock.now(), told=told))
        elif _switch(repository, ledger.node, found.branch):
            _save(ledger.state, HeadNote(head.BRANCH, ledger.node.trunk, clock.now(), told=False))
            ledger.node = replace(ledger.node, trunk=found.branch)
            own_node.save(repository.common_dir, ledger.node)
            policy_file.refresh(repository, ledger.node)
    except FleetError:
        return


def begin(state: str, found: Head) -> None:
    """Note what HEAD was when this clone joined: no change of anything."""
    note = _load(state)
    if found.state not in {head.UNTOLD, note.state}:
        _save(state, HeadNote(found.state))


def ask(repository: Repository, ledger: Ledger) -> None:
    """Ask the hub what its HEAD is, where the last exchange did not tell. Never raises: the next one asks again."""
    if not ledger.node.hub or ledger.head is not None:
        return
    try:
        found, _ = Remote(repository.git, ledger.node.hub).survey("HEAD")
        with ledger.lock.held(30.0):
            ledger.hear(found)
    except FleetError:
        return


def news(ledger: Ledger, *, once: bool = False) -> list[str]:
    """What has become of the hub's HEAD within a day, in words; with `once` only what is not noted as told (`heard`)."""
    note = _load(ledger.state)
    if not ledger.node.hub or (note.told and (once or clock.now() - note.at > _NEWS)):
        return []
    return [words(ledger)] if note.at else []


def heard(ledger: Ledger) -> None:
    """Note that a person has been told by `sync`. Whatever else talks to the hub tells it until then; upkeep may talk to nobody."""
    note = _load(ledger.state)
    if not note.told:
        with suppress(LocalStorage):
            _save(ledger.state, replace(note, told=True))


def words(ledger: Ledger) -> str:
    """What the trunk is, and by whose word."""
    note, node = _load(ledger.state), ledger.node
    now = display(node.trunk)
    if note.state == head.DETACHED:
        return f"the hub's HEAD is detached and names no branch; '{now}' stays the trunk"
    if note.state == head.NONE:
        return f"the hub's HEAD names no branch that is there (deleted, or hidden); '{now}' stays the trunk"
    if not note.was:
        return f"'{now}' is the trunk, as the hub's HEAD says"
    since = duration(max(0, clock.now() - note.at))
    return f"the hub's HEAD names '{now}' now: rules, base and verdicts follow it (before, until {since} ago: '{display(note.was)}')"


def is_sound(repository: Repository, ledger: Ledger) -> bool:
    """Whether HEAD names a branch, or nothing is on the hub yet that it could name."""
    state = _load(ledger.state).state
    return state == head.BRANCH or position.tip(repository.git, ledger.node) is None


def _switch(repository: Repository, node: Node, branch: str) -> bool:
    """Fetch the branch as the trunk. False where the hub does not show it: then all is as before."""
    git = repository.git
    position.fetch(git, replace(node, trunk=branch))
    ref = fleetrefs.seen_trunk(node.hub)
    if refs.read(git, ref).get(ref) is not None:
        return True
    position.fetch(git, node)
    return False


def _load(state: str) -> HeadNote:
    return statefile.load(HeadNote, _path(state)) or HeadNote()


def _save(state: str, note: HeadNote) -> None:
    statefile.save(_path(state), note)


def _path(state: str) -> str:
    return os.path.join(state, "head.json")
