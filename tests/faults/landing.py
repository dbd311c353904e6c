"""A kind of operation that moves a branch, for tests of the ledger's seam for landings: its smallest user."""

from __future__ import annotations

from typing import Any

from gitfleet.base import canonical
from gitfleet.base.names import Oid, RefName
from gitfleet.clone import OPERATIONS
from gitfleet.codec import TEXT, Struct, field
from gitfleet.errors import Conflict, FleetError
from gitfleet.git.objects import open_objects
from gitfleet.git.repository import discover
from gitfleet.ledger import own_node
from gitfleet.ledger.ledger import Ledger
from gitfleet.ledger.model import Accepted, Answer, Move, Operation, Refused, View
from gitfleet.ledger.operations import BY_NODES, Decision, Registry, operation


class Land(Struct):
    ref: str = field(TEXT)
    new: str = field(TEXT)
    old: str = field(TEXT)


class Landed(Answer):
    ref: str = field(TEXT)


@operation("branch.land", body=Land, answer=Landed, actors=BY_NODES, moves=True)
def land(view: View, operation: Operation, body: Land, generation: int) -> Decision[Landed]:
    """Move a branch, and note it; each commit once."""
    where = f"landed/{body.new}"
    if view.get(where) is not None:
        return Refused(Conflict("This has landed already."))
    note = canonical.dump({"ref": body.ref, "generation": generation, "operation": operation.id})
    move = Move(RefName(body.ref), Oid(body.new), Oid(body.old))
    return Accepted({where: note}, Landed(body.ref), f"{body.ref} lands", moves=(move,))


KINDS = Registry([*OPERATIONS, land])


def ledger(clone: str) -> Ledger:
    """The ledger of a clone that knows how to land. The caller closes it."""
    repository = discover(clone)
    return Ledger(
        common_dir=repository.common_dir,
        git=repository.git,
        objects=open_objects(repository.common_dir),
        node=own_node.load(repository.common_dir),
        kinds=KINDS,
    )


def landing(clone: str, ref: str, new: str, old: str) -> dict[str, Any]:
    """Land from a process of its own; how it went."""
    book = ledger(clone)
    try:
        answer = book.request(land, book.itself, Land(ref, new, old))
    except FleetError as error:
        return {"error": type(error).__name__, **error.facts}
    finally:
        book.close()
    return {"status": answer.status.value, "commit": answer.commit}
