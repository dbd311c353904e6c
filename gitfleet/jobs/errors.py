"""Errors of the FleetManager: each has a `code` that programs can go by, and its facts as attributes and as `context`.

FleetManagerError                 the root
├── ConfigurationError            agent files that say what cannot be meant
├── AgentNotFoundError            no agent of that name
├── JobNotFoundError              no job of that id
├── ScheduleNotFoundError         the agent has no schedule of that name
├── InvalidStateError             not while the manager (or the job) is in its present state
├── ConcurrencyLimitError         the agent, or the fleet, runs as many jobs as it may
└── ArgumentError                 what a method was given cannot be meant (a ValueError, too)
"""

from __future__ import annotations

from typing import ClassVar

from gitfleet.codec import TEXT, WHOLE, Many, field
from gitfleet.errors import UNCHANGED, FleetError


class FleetManagerError(FleetError):
    """`code` names the kind of failure."""

    code: ClassVar[str] = "FLEET_MANAGER_ERROR"
    exit_code = 20

    @property
    def context(self) -> dict[str, object]:
        """The facts, as JSON holds them."""
        return self.facts


class ConfigurationError(FleetManagerError):
    """`config_path` as it was given; `validation_errors`: every finding as one line, `FILE:LINE: KEY: what is wrong`."""

    code = "CONFIGURATION_ERROR"
    exit_code = 2
    unharmed = UNCHANGED
    config_path: str = field(TEXT, default="")
    validation_errors: tuple[str, ...] = field(Many(TEXT), default=())


class AgentNotFoundError(FleetManagerError):
    """`agent_name` as it was given."""

    code = "AGENT_NOT_FOUND"
    exit_code = 2
    unharmed = UNCHANGED
    agent_name: str = field(TEXT, default="")


class JobNotFoundError(FleetManagerError):
    """`job_id` as it was given."""

    code = "JOB_NOT_FOUND"
    exit_code = 2
    unharmed = UNCHANGED
    job_id: str = field(TEXT, default="")


class ScheduleNotFoundError(FleetManagerError):
    """`schedule_name` as it was given, of the agent `agent_name`."""

    code = "SCHEDULE_NOT_FOUND"
    exit_code = 2
    unharmed = UNCHANGED
    agent_name: str = field(TEXT, default="")
    schedule_name: str = field(TEXT, default="")


class InvalidStateError(FleetManagerError):
    """`operation` needs `expected_state`, and it is `current_state`."""

    code = "INVALID_STATE"
    unharmed = UNCHANGED
    current_state: str = field(TEXT, default="")
    expected_state: str = field(TEXT, default="")
    operation: str = field(TEXT, default="")


class ConcurrencyLimitError(FleetManagerError):
    """`current_jobs` of `limit` run already; `agent_name` is "" where the limit is the fleet's."""

    code = "CONCURRENCY_LIMIT"
    unharmed = UNCHANGED
    agent_name: str = field(TEXT, default="")
    current_jobs: int = field(WHOLE, default=0)
    limit: int = field(WHOLE, default=0)


class ArgumentError(FleetManagerError, ValueError):
    """What a method was given as `argument` cannot be meant."""

    code = "INVALID_ARGUMENT"
    exit_code = 2
    unharmed = UNCHANGED
    argument: str = field(TEXT, default="")
