"""The one door to the clocks.

Wall time is for people and for one machine's own leases; `elapsed` measures how long this machine watched
something, also across sleep. Neither ever decides which of two machines came first: the chain does that.
"""

from __future__ import annotations

import time


def now() -> int:
    """Wall time in whole seconds since 1970 (UTC)."""
    return int(time.time())


def milliseconds() -> int:
    """Wall time in whole milliseconds since 1970 (UTC), for ids that sort by it."""
    return int(time.time() * 1000)


def elapsed() -> float:
    """Seconds since this machine booted, suspension included where the system can tell."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


def wait(seconds: float) -> None:
    """Let other processes go on for `seconds`."""
    time.sleep(seconds)


def parsed(text: str) -> int:
    """The moment (seconds since 1970) that a text such as `2026-12-01T08:00Z` names, UTC where it names no zone; 0 for none."""
    from datetime import UTC, datetime  # only for what people write

    try:
        found = datetime.fromisoformat(text)
        return int((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError):
        return 0


def iso(stamp: int) -> str:
    """`stamp` as people and other programs read it: `2026-11-21T02:58:23Z`; `?` for one that is no time (records may hold any)."""
    try:
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(stamp))
    except (OverflowError, ValueError, OSError):
        return "?"
