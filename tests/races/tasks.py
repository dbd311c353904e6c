"""What the children of a crowd do, where it is no command line. Everything here runs in a process of its own."""

from __future__ import annotations

import os
import random
from collections.abc import Sequence
from typing import Any

from gitfleet.base import canonical
from gitfleet.base.names import SessionId
from gitfleet.claims.service import Terms
from gitfleet.errors import FleetError
from gitfleet.fleet import joining
from gitfleet.fleet.fleet import Fleet
from gitfleet.git import refs
from gitfleet.git.program import Git
from gitfleet.git.repository import discover
from gitfleet.ledger.ledger import Ledger
from gitfleet.ledger.model import Operation, Result, operation_from
from tests.operations import raw

TREE = [
    f"{top}/{middle}/{leaf}"
    for top in ("src", "docs", "lib")
    for middle in ("api", "web")
    for leaf in ("a.py", "b.py", "c.md")
]
GLOBS = [
    "src/",
    "src/**/*.py",
    "*/api/",
    "lib/*/c.md",
    "**/*.md",
    "docs/w*/",
    "src/api/[ab].py",
    "{lib,docs}/web/a.py",
]


def move_ref(git_dir: str, name: str, new: str, old: str | None) -> bool:
    """One compare-and-swap of a ref."""
    return refs.move(Git(git_dir), name, new=new, old=old)


def join_fleet() -> str:
    """`gitfleet init`, without hooks; the node's id."""
    return joining.join(discover(), None, lambda _: None).node.id


def submit(record: dict[str, Any]) -> dict[str, Any]:
    """Submit exactly this operation; its result."""
    with Fleet.open() as fleet:
        return fleet.ledger.submit([operation_from(record, "a test")])[0].encode()


def work(session: str, seed: int, rounds: int, diary: str) -> int:
    """Claim overlapping things and release some, writing down each answer as it comes: a child may be killed any time."""
    chance = random.Random(seed)
    with open(diary, "ab") as file:
        for _ in range(rounds):
            wanted = chance.sample(TREE, 2) if chance.random() < 0.5 else [chance.choice(GLOBS)]
            _write(file.fileno(), _claim(session, wanted, shared=chance.random() < 0.3))
            if chance.random() < 0.6:
                _write(file.fileno(), _release_all(session))
    return 0


def _claim(session: str, wanted: list[str], *, shared: bool) -> dict[str, Any]:
    with Fleet.open() as fleet:
        submitted = _watch(fleet.ledger)
        try:
            result = fleet.claims.claim(SessionId(session), wanted, Terms(shared=shared))
        except FleetError as error:
            operation = submitted[0].id if submitted else ""
            return {"kind": "claim", "error": error.status, "message": error.message, "operation": operation}
        return {
            "kind": "claim",
            "status": result.status.value,
            "operation": result.receipt.operation,
            "commit": result.commit,
        }


def _watch(ledger: Ledger) -> list[Operation]:
    """A list that grows by each operation that is submitted, so that its fate can be looked up when it was refused."""
    submitted: list[Operation] = []
    submit = ledger.submit

    def watched(operations: Sequence[Operation], *, timeout: float) -> list[Result]:
        submitted.extend(operations)
        return submit(operations, timeout=timeout)

    ledger.submit = watched  # type: ignore[method-assign,assignment]
    return submitted


def _release_all(session: str) -> dict[str, Any]:
    with Fleet.open() as fleet:
        body = {"patterns": None}
        operation = raw("claim.release", fleet.ledger.node.id, session, body, at=1)
        try:
            result = fleet.ledger.submit([operation])[0]
        except FleetError as error:
            return {
                "kind": "release",
                "error": error.status,
                "message": error.message,
                "operation": operation.id,
            }
        status = result.status.value
        return {"kind": "release", "status": status, "operation": operation.id, "commit": result.commit}


def _write(handle: int, row: dict[str, Any]) -> None:
    os.write(handle, canonical.dump(row))
