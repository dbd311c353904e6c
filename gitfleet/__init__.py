"""gitfleet: many coding agents on one repository, coordinated with nothing but git.

The library is the product; the command line is thin over it. `Fleet.open(path)` is the way in.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:  # hooks import this package on every commit, and `typing` would cost them 10 ms
    from typing import Any

    from gitfleet.claims.service import Terms
    from gitfleet.errors import (
        Blocked,
        Conflict,
        FleetError,
        HubRefused,
        HubUnreachable,
        Lost,
        NoSession,
        Queued,
        UsageError,
    )
    from gitfleet.fleet.fleet import Fleet
    from gitfleet.sessions.service import Start
    from gitfleet.upkeep.maintainer import Options
    from gitfleet.worktrees.ensure import Wish

__version__ = "0.1.0"
__all__ = [
    "Blocked",
    "Conflict",
    "Fleet",
    "FleetError",
    "HubRefused",
    "HubUnreachable",
    "Lost",
    "NoSession",
    "Options",
    "Queued",
    "Start",
    "Terms",
    "UsageError",
    "Wish",
    "__version__",
]

_HOMES = {
    "Fleet": "gitfleet.fleet.fleet",
    "Options": "gitfleet.upkeep.maintainer",
    "Start": "gitfleet.sessions.service",
    "Terms": "gitfleet.claims.service",
    "Wish": "gitfleet.worktrees.ensure",
}


def __getattr__(name: str) -> Any:
    """Public names, imported when first asked for: hooks import parts of this package and must not pay for the rest."""
    if name not in __all__:
        raise AttributeError(f"module 'gitfleet' has no attribute {name!r}")
    from importlib import import_module  # only here, so that hooks do not pay for it

    return getattr(import_module(_HOMES.get(name, "gitfleet.errors")), name)


def __dir__() -> list[str]:
    return __all__
