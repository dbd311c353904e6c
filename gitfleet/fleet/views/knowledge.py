"""How good the local knowledge is that an answer rests on."""

from typing import TYPE_CHECKING, TypedDict

from gitfleet.base.names import Oid

if TYPE_CHECKING:
    from gitfleet.ledger.ledger import State


class Knowledge(TypedDict):
    """How good the local knowledge is that an answer rests on."""

    generation: int
    commit: Oid
    age: int | None
    """Seconds since the hub was last seen; null when this clone is its own hub or never saw it."""
    tentative: list[str]
    """Operations that the hub has not seen, and that this answer counts in."""


def knowledge(state: "State") -> Knowledge:
    """What the answers from one state have in common."""
    return {
        "generation": state.tip.generation,
        "commit": Oid(state.tip.oid),
        "age": state.age,
        "tentative": sorted(state.tentative),
    }
