"""Hosts as rows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypedDict

from gitfleet.hosts.checking import HostCheck
from gitfleet.hosts.inventory import MergedEntry

READY = "ready"


class HostCheckRow(TypedDict):
    """A host, and whether it can be scanned. What it did not tell is empty, or 0."""

    host_id: str
    """The host as it was named."""
    status: str
    """`ready`, or why not: `unreachable`, `blocked`, `no-tool`, `version-mismatch`, `timeout`, `died`, `error`."""
    why: str
    next: str
    """What to do about it."""
    took_ms: int
    tool_version: str
    python: str
    system: str
    uid: int
    """The user that we are there."""
    cores: int
    memory_total: int
    """In bytes, like the other."""
    memory_available: int
    hidden: bool
    """Whether the system hides processes from us."""
    protects: int | None
    """How many patterns its owner has there that protect something; null: they cannot be read, and everything is protected."""


class MergedHostRow(TypedDict):
    """A host that was named more than once; it is asked once."""

    host_id: str
    places: list[str]


class HostsCheckAnswer(TypedDict):
    """`hosts check`: the hosts in the order in which they were named."""

    hosts: list[HostCheckRow]
    merged: list[MergedHostRow]


def check_row(found: HostCheck) -> HostCheckRow:
    """A host as it was found."""
    machine, problem = found.machine, found.problem
    return {
        "host_id": found.spec.host_id,
        "status": str(problem.status) if problem else READY,
        "why": problem.words if problem else "",
        "next": problem.hint if problem else "",
        "took_ms": found.took,
        "tool_version": found.greeting.tool_version,
        "python": found.greeting.python,
        "system": machine.system,
        "uid": found.greeting.uid,
        "cores": machine.cores,
        "memory_total": machine.memory_total,
        "memory_available": machine.memory_available,
        "hidden": machine.hidden,
        "protects": found.protects,
    }


def merged_rows(merged: Iterable[MergedEntry]) -> list[MergedHostRow]:
    """Which hosts were named more than once, and where."""
    return [{"host_id": one.host_id, "places": list(one.places)} for one in merged]
