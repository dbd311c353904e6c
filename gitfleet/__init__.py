"""gitfleet: many coding agents on one repository, coordinated with nothing but git.

The library is the product; the command line is thin over it. `Fleet.open(path)` is the way in.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:  # hooks import this package on every commit, and `typing` would cost them 10 ms
    from gitfleet.base.names import SessionId
    from gitfleet.claims.asking import Claimed, Released
    from gitfleet.claims.model import Claim
    from gitfleet.claims.service import Terms
    from gitfleet.errors import (
        BadName,
        BadPath,
        BadPattern,
        Blocked,
        Conflict,
        Corrupt,
        Damaged,
        Deadlock,
        EntryMoved,
        FleetError,
        HubAlarm,
        HubError,
        HubRefused,
        HubUnreachable,
        InternalError,
        LocalStorage,
        LockHeld,
        Lost,
        Malformed,
        NewerFormat,
        NoEntry,
        NoFleet,
        NoRepository,
        NoSession,
        PolicyRefused,
        Queued,
        RefMoved,
        StaleFence,
        UnsupportedRepository,
        Unverifiable,
        UsageError,
    )
    from gitfleet.fleet.fleet import Fleet
    from gitfleet.jobs.errors import (
        AgentNotFoundError,
        ArgumentError,
        ConcurrencyLimitError,
        ConfigurationError,
        FleetManagerError,
        InvalidStateError,
        JobNotFoundError,
        ScheduleNotFoundError,
    )
    from gitfleet.jobs.fleet_manager import FleetManager
    from gitfleet.ledger.ledger import State
    from gitfleet.mergequeue.adding import Wanted
    from gitfleet.obstacles import Obstacle
    from gitfleet.onhost.version import __version__
    from gitfleet.sessions.service import Start
    from gitfleet.triage.service import PlanOptions
    from gitfleet.upkeep.maintainer import Options
    from gitfleet.worktrees.ensure import Wish
    from gitfleet.worktrees.removable import CleanupTerms
    from gitfleet.worktrees.service import Selection

__all__ = [
    "AgentNotFoundError",
    "ArgumentError",
    "BadName",
    "BadPath",
    "BadPattern",
    "Blocked",
    "Claim",
    "Claimed",
    "CleanupTerms",
    "ConcurrencyLimitError",
    "ConfigurationError",
    "Conflict",
    "Corrupt",
    "Damaged",
    "Deadlock",
    "EntryMoved",
    "Fleet",
    "FleetError",
    "FleetManager",
    "FleetManagerError",
    "HubAlarm",
    "HubError",
    "HubRefused",
    "HubUnreachable",
    "InternalError",
    "InvalidStateError",
    "JobNotFoundError",
    "LocalStorage",
    "LockHeld",
    "Lost",
    "Malformed",
    "NewerFormat",
    "NoEntry",
    "NoFleet",
    "NoRepository",
    "NoSession",
    "Obstacle",
    "Options",
    "PlanOptions",
    "PolicyRefused",
    "Queued",
    "RefMoved",
    "Released",
    "ScheduleNotFoundError",
    "Selection",
    "SessionId",
    "StaleFence",
    "Start",
    "State",
    "Terms",
    "UnsupportedRepository",
    "Unverifiable",
    "UsageError",
    "Wanted",
    "Wish",
    "__version__",
]

_HOMES = {
    "AgentNotFoundError": "gitfleet.jobs.errors",
    "ArgumentError": "gitfleet.jobs.errors",
    "Claim": "gitfleet.claims.model",
    "Claimed": "gitfleet.claims.asking",
    "CleanupTerms": "gitfleet.worktrees.removable",
    "ConcurrencyLimitError": "gitfleet.jobs.errors",
    "ConfigurationError": "gitfleet.jobs.errors",
    "Fleet": "gitfleet.fleet.fleet",
    "FleetManager": "gitfleet.jobs.fleet_manager",
    "FleetManagerError": "gitfleet.jobs.errors",
    "InvalidStateError": "gitfleet.jobs.errors",
    "JobNotFoundError": "gitfleet.jobs.errors",
    "Obstacle": "gitfleet.obstacles",
    "Options": "gitfleet.upkeep.maintainer",
    "PlanOptions": "gitfleet.triage.service",
    "Released": "gitfleet.claims.asking",
    "ScheduleNotFoundError": "gitfleet.jobs.errors",
    "Selection": "gitfleet.worktrees.service",
    "SessionId": "gitfleet.base.names",
    "Start": "gitfleet.sessions.service",
    "State": "gitfleet.ledger.ledger",
    "Terms": "gitfleet.claims.service",
    "Wanted": "gitfleet.mergequeue.adding",
    "Wish": "gitfleet.worktrees.ensure",
    "__version__": "gitfleet.onhost.version",
}


def __getattr__(name: str) -> object:
    """Public names, imported when first asked for: hooks import parts of this package and must not pay for the rest."""
    if name not in __all__:
        raise AttributeError(f"module 'gitfleet' has no attribute {name!r}")
    from importlib import import_module  # only here, so that hooks do not pay for it

    return getattr(import_module(_HOMES.get(name, "gitfleet.errors")), name)


def __dir__() -> list[str]:
    return __all__
