"""Operations that move refs of the hub, a landing for one: what is special about their transactions.

The refs move with the ledger in one atomic push, each only from where the operation says that it is. Such an operation is a
transaction of its own, so that a ref which has moved meanwhile keeps nobody else waiting, and it is never tentative: either
it happens while its caller waits, or it does not. A branch that is checked out somewhere is the caller's care.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from gitfleet.base.ids import is_oid
from gitfleet.base.text import display
from gitfleet.errors import Damaged, FleetError, RefMoved, UsageError
from gitfleet.git import fleetrefs
from gitfleet.git.push_answer import Push, PushAnswer
from gitfleet.git.trees import Objects
from gitfleet.ledger.model import Accepted, Answer, Move, Operation, Refused
from gitfleet.ledger.operations import Registry

_REF = r"refs/(?!.*(?:\.\.|//|@\{|/\.|\.lock(?:/|$)))[^\x00-\x20\x7f~^:?*\[\\]*[^\x00-\x20\x7f~^:?*\[\\/.]"


def together(kinds: Registry, batch: Sequence[Operation]) -> list[Operation]:
    """The operations of `batch` that go into the next transaction: all that move no ref, else the first that does.

    What an actor asked for after a move waits for that.
    """
    plain: list[Operation] = []
    waiting = []
    for operation in batch:
        kind = kinds.get(operation.kind)
        if (kind is not None and kind.moves) or operation.actor in waiting:
            waiting.append(operation.actor)
        else:
            plain.append(operation)
    return plain or list(batch[:1])


def asks_first(kinds: Registry, batch: Sequence[Operation]) -> bool:
    """Whether the hub is asked before anything is sent: a hub that is away has then certainly moved nothing."""
    return not all(may_be_tentative(kinds, operation) for operation in together(kinds, batch))


def may_be_tentative(kinds: Registry, operation: Operation) -> bool:
    """Whether an operation may wait for the hub."""
    kind = kinds.get(operation.kind)
    return kind is None or kind.waits


def of(accepted: Sequence[tuple[Operation, Accepted[Answer]]]) -> tuple[Move, ...]:
    """The moves of a transaction."""
    return tuple(move for _, decision in accepted for move in decision.moves)


def check(objects: Objects, moves: Sequence[Move]) -> FleetError | None:
    """Why these moves cannot be asked for, before the hub is: a ref that operations do not move, a commit that is not here."""
    if not is_sound(moves):
        what = ", ".join(display(move.ref) for move in moves)
        return UsageError(
            f"An operation may not move {what} so.", hint="Name branches, each once, with full object ids."
        )
    for move in moves:
        try:
            if move.new:
                objects.read(move.new)
        except (KeyError, ValueError):
            words = f"{display(move.ref)} was to move to {move.new}, which is not in this clone."
            return Damaged(words, hint="Fetch it, and try again.", where=move.new)
    return None


def is_sound(moves: Sequence[Move]) -> bool:
    """Whether these are moves of refs that operations may move: none of ours, none twice, each with full object ids."""
    values = [value for move in moves for value in (move.old, move.new) if value]
    sound = all(re.fullmatch(_REF, move.ref) and (move.old or move.new) for move in moves)
    ours = any(move.ref.startswith(fleetrefs.ROOT.rstrip("/")) for move in moves)
    once = len({move.ref for move in moves}) == len(moves)
    return sound and once and not ours and all(map(is_oid, values))


def verdict(hub: str, moves: Sequence[Move], answer: PushAnswer) -> Refused | None:
    """The end of an operation whose push was turned down because of one of its own refs; None where it is the ledger's, or not sure.

    Only what git saw before it sent anything tells a ref that has moved from one that is locked.
    """
    if answer.refs.get(fleetrefs.COORD) is not Push.HELD:
        return None
    for move in moves:
        said = answer.refs.get(move.ref)
        if said is Push.LOST and answer.unsent:
            return Refused(moved(move))
        if said is Push.REFUSED:
            from gitfleet.git.answers import hub_error  # only who is refused pays for it

            return Refused(hub_error(hub, answer.output, what="write to", refused=True))
    return None


def moved(move: Move, found: str = "") -> RefMoved:
    """The error about a ref that is elsewhere by now."""
    name = display(move.ref.removeprefix("refs/heads/"))
    was = f"at {move.old[:12]}" if move.old else "not there"
    return RefMoved(
        f"{name} has moved since this was decided: it was to be {was}.",
        hint="Fetch it, look at what is new there, and try again.",
        ref=move.ref,
        expected=move.old,
        found=found,
    )
