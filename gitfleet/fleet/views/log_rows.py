"""The audit log as rows."""

from collections.abc import Iterable
from typing import TypedDict

from gitfleet.base.names import Oid, SessionId
from gitfleet.fleet.views.rows import row_of
from gitfleet.ledger.log import Line


class OperationRow(TypedDict):
    """One operation that the fleet has agreed."""

    generation: int
    commit: Oid
    at: int
    """When, by the clock of its node."""
    node: str
    session: SessionId
    kind: str
    """Which operation, e.g. `claim.acquire`; the guide to the ledger lists them."""
    operation: str
    paths: list[str]
    subject: str
    """What happened, in one line."""


class LogAnswer(TypedDict):
    """`log`, newest first."""

    operations: list[OperationRow]


def operations(found: Iterable[Line]) -> LogAnswer:
    """What `Fleet.log` found."""
    return {"operations": [row_of(OperationRow, line) for line in found]}
