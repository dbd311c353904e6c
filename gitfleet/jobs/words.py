"""The words of jobs: what a job or an attempt can be, how it can end, where a line comes from and what it can mean, and why there is none."""

from __future__ import annotations

from enum import StrEnum


class JobStatus(StrEnum):
    """Where a job stands."""

    PENDING = "pending"
    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"
    SKIPPED = "skipped"


class AttemptOutcome(StrEnum):
    """How an attempt ended."""

    SUCCESS = "success"
    FAILED = "failed"
    MAX_TURNS = "max_turns"
    QUOTA = "quota"
    AUTH = "auth"
    TIMEOUT = "timeout"
    STALLED = "stalled"
    BUDGET = "budget"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"
    NEEDS_INPUT = "needs_input"
    NO_CHANGE = "no_change"


class LineSource(StrEnum):
    """Where a line of a stream comes from: the agent's outputs, its output as JSON that its adapter knows, or ourselves."""

    STDOUT = "stdout"
    STDERR = "stderr"
    JSON = "json"
    SYSTEM = "system"


class EventKind(StrEnum):
    """What a line of a stream means. RAW: nothing that we know. The last six are ours."""

    RAW = "raw"
    SESSION = "session"
    MESSAGE = "message"
    REASONING = "reasoning"
    TOOL_START = "tool_start"
    TOOL_END = "tool_end"
    FILE_CHANGE = "file_change"
    USAGE = "usage"
    NOTICE = "notice"
    ERROR = "error"
    NEEDS_INPUT = "needs_input"
    RESULT = "result"
    STARTED = "started"
    SETUP = "setup"
    STOPPING = "stopping"
    ENDED = "ended"
    GAP = "gap"
    TORN = "torn"


class EndCause(StrEnum):
    """Why an attempt is over: it ended by itself, a limit of it was reached, somebody asked, it never began, its lease was over
    (`fenced`), it could not begin for what may pass (`postponed`), or it was never heard of again: its machine was started anew (`rebooted`), its shepherd was killed (`lost`).
    """

    EXITED = "exited"
    WALL = "wall"
    IDLE = "idle"
    AFTER_RESULT = "after_result"
    HANDSHAKE = "handshake"
    BUDGET = "budget"
    DISK = "disk"
    CANCELLED = "cancelled"
    TERMINATED = "terminated"
    START_FAILED = "start_failed"
    FENCED = "fenced"
    POSTPONED = "postponed"
    REBOOTED = "rebooted"
    LOST = "lost"


class SkipReason(StrEnum):
    """Why a schedule made no job at a planned time: limits, its last job has not ended, nothing ran here then, its pool was paused, its work
    source has nothing to do, or another node has made the job of that time.
    """

    CONCURRENCY_LIMIT = "concurrency_limit"
    OVERLAP = "overlap"
    MISSED = "missed"
    POOL_PAUSED = "pool_paused"
    NO_WORK = "no_work"
    ELSEWHERE = "elsewhere"


class ManagerState(StrEnum):
    """Where a FleetManager stands."""

    UNINITIALIZED = "uninitialized"
    INITIALIZED = "initialized"
    RUNNING = "running"
    STOPPING = "stopping"
    STOPPED = "stopped"
