"""What joining and leaving a fleet came to, as rows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypedDict

from gitfleet.base.names import BranchName, SessionId
from gitfleet.fleet.joining import ConfigWord
from gitfleet.fleet.probe import Trial
from gitfleet.fleet.views.rows import row_of


class ProbeRow(TypedDict):
    """One thing that was tried on the hub."""

    what: str
    ok: bool
    words: str


class HooksRow(TypedDict):
    """Where the hooks are."""

    folders: list[str]
    notes: list[str]


class InitAnswer(TypedDict):
    """`init`."""

    node: str
    hub: str
    """The remote's name; empty when this clone is its own hub."""
    trunk: BranchName
    fresh: bool
    """Whether this clone was no node before."""
    probe: list[ProbeRow]
    hooks: HooksRow
    session: SessionId
    """The session of the person whose worktree this is."""
    config: ConfigWord
    """Whether a gitfleet.yaml was written, one was there, or one has landed on the trunk."""


class UninstallAnswer(TypedDict):
    """`uninstall`."""

    kept: list[str]
    """What stays, and why."""


def probe(findings: Iterable[Trial]) -> list[ProbeRow]:
    """What was tried on the hub."""
    return [row_of(ProbeRow, one) for one in findings]
