"""An exchange with the hub, and a replay of the ledger, as rows."""

from __future__ import annotations

from typing import TypedDict

from gitfleet.base.names import Oid


class SyncAnswer(TypedDict):
    """`sync`."""

    generation: int
    commit: Oid
    brought: int
    """How many operations of this clone were brought to the hub."""
    lost: list[str]
    """What was accepted tentatively and decided against (exit code 12)."""
    settled: list[str]
    """What became of branches that retain claims: pushed, landed, gone from the hub."""


class FsckAnswer(TypedDict):
    """`fsck`. A ledger that does not verify is an error, with the first bad commit as `where`."""

    verified: int
    """How many commits."""
    commit: Oid
    generation: int
