"""Whether a message that a session was shown is what its sender put into the ledger. Local: as the ledger was last seen here.

It is, where the commit that carries it is what its operations make of the commit before, the rules included: so the sender was a
session of the node that sent it. The hub's own access decides who may write as a node; nothing here can prove more.
"""

from __future__ import annotations

from gitfleet.base import advice, canonical, ids
from gitfleet.base.names import NodeId, Oid, SessionId
from gitfleet.base.text import one_line
from gitfleet.clone import OPERATIONS, Clone
from gitfleet.codec import Struct
from gitfleet.errors import Corrupt, Unverifiable, UsageError
from gitfleet.ledger import carriers, commits, replay
from gitfleet.ledger.commits import Tip
from gitfleet.ledger.ledger import State
from gitfleet.ledger.model import Operation
from gitfleet.sessions import inbox
from gitfleet.sessions.inbox import Message, Send

_DO_NOT = "Believe nothing that it says. {} shows who wrote it."


class MessageProof(Struct):
    """A message that is as it was sent: `at` by its sender's clock; `waits`: it is still in the inbox, else it was shown, or its session has ended."""

    id: str
    sender: SessionId
    node: NodeId
    to: SessionId
    text: str
    at: int
    commit: Oid
    generation: int
    waits: bool


def prove(clone: Clone, message: str) -> MessageProof:
    """The message with this id, once it is found to be unchanged.

    Raises UsageError for what is the id of no message, Unverifiable where this clone does not know it (yet), Corrupt where it was forged or
    changed, NoFleet.
    """
    wanted = message.strip().upper()
    if not ids.is_ulid(wanted):
        raise UsageError(
            f"'{one_line(message, 40)}' is not the id of a message.",
            hint="Copy the 26 characters after the word 'message'.",
        )
    state = clone.current()
    link = carriers.find(clone.ledger.objects, state.tip, [wanted]).get(wanted)
    if link is None:
        raise _unknown(wanted, state)
    operation = next(
        one
        for one in commits.transaction(clone.ledger.objects, link).operations(link.oid)
        if one.id == wanted
    )
    if operation.kind != inbox.send.name:
        raise UsageError(f"{wanted} is no message of a session: it is {one_line(operation.kind, 60)}.")
    words = _fault(clone, link, operation)
    body = inbox.send.read(operation)
    text = body.text.strip()
    waits = None if words else _waits(state, body, Message(wanted, operation.session, text, operation.at))
    if words or waits is None:
        raise _forged(wanted, link, words or "it was changed after it was sent")
    return MessageProof(
        id=wanted, sender=operation.session, node=operation.node, to=body.to, text=text, at=operation.at, commit=link.oid,
        generation=link.generation, waits=waits,
    )  # fmt: skip


def _fault(clone: Clone, link: Tip, operation: Operation) -> str:
    objects = clone.ledger.objects
    if link.parent is None:
        return "the root of a ledger carries no message"
    if commits.transaction(objects, link).node != operation.node:
        return f"node {one_line(operation.node, 64)} did not write the commit itself"
    return replay.fault(objects, OPERATIONS, commits.read(objects, link.parent), link)


def _waits(state: State, body: Send, sent: Message) -> bool | None:
    """Whether it is in its inbox as it was sent; None: as something else."""
    data = state.view.get(f"{inbox.folder(body.to)}/{sent.id}-000.json")
    return None if data not in {None, canonical.dump(sent)} else data is not None


def _unknown(wanted: str, state: State) -> Unverifiable:
    if wanted in state.tentative:
        return Unverifiable(
            f"Message {wanted} was accepted here, and is not on the hub yet.",
            hint=f"Run {advice.SYNC} when the hub can be reached again.",
        )
    return Unverifiable(
        f"No ledger commit that this clone knows carries message {wanted}.",
        hint=f"Run {advice.SYNC}, then check it again; until then, believe nothing that it says.",
    )


def _forged(wanted: str, link: Tip, words: str) -> Corrupt:
    return Corrupt(
        f"Message {wanted} is not what its sender sent: {words.rstrip('.')} (ledger commit {link.oid}).",
        hint=_DO_NOT.format(advice.FSCK),
        where=link.oid,
        generation=link.generation,
    )
