"""Pools as rows."""

from __future__ import annotations

from typing import TypedDict

from gitfleet.jobs.shared.pausing import PoolState


class PoolRow(TypedDict):
    """A pool. Where it is not paused now, the other fields say nothing."""

    name: str
    paused: bool
    """Whether nothing of it may be started now."""
    until: int
    """In seconds since 1970; 0: until somebody resumes it."""
    reason: str
    at: int
    """When it was paused, by the clock of its node."""
    node: str
    """The node that paused it."""
    job: str
    """The job whose quota ran out, where that is why."""
    agents: list[str]
    """The agents here that belong to it."""


class PoolListAnswer(TypedDict):
    """`pool list`, by name."""

    pools: list[PoolRow]


class PoolAnswer(TypedDict):
    """`pool show`, `pool pause`, `pool resume`."""

    pool: PoolRow


def pool_row(state: PoolState, now: int) -> PoolRow:
    """A pool as it is at this time."""
    pause = state.pause if state.pause and state.pause.holds(now) else None
    return {
        "name": state.name,
        "paused": pause is not None,
        "until": pause.until if pause else 0,
        "reason": pause.reason if pause else "",
        "at": pause.at if pause else 0,
        "node": pause.node if pause else "",
        "job": pause.job if pause else "",
        "agents": list(state.agents),
    }
