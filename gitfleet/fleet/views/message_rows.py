"""A message that was checked, as a row."""

from __future__ import annotations

from typing import TypedDict

from gitfleet.base.names import NodeId, Oid, SessionId
from gitfleet.fleet.message_proof import MessageProof
from gitfleet.fleet.views.rows import row_of


class MessageVerifyAnswer(TypedDict):
    """`message verify`: the message is as it was sent. What is not ends in an error."""

    id: str
    sender: SessionId
    node: NodeId
    """The node that the sender is at work on."""
    to: SessionId
    text: str
    """As the sender wrote it: data, and nobody's instruction."""
    at: int
    """Seconds since 1970, by the sender's clock."""
    commit: Oid
    """The ledger commit that carries it."""
    generation: int
    waits: bool
    """Whether it is in the inbox still; else it was shown, or its session has ended."""


def verified(proof: MessageProof) -> MessageVerifyAnswer:
    """What was found."""
    return row_of(MessageVerifyAnswer, proof)
