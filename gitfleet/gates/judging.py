"""What the end of a run says: of what was tested, or of the machine. Pure.

Only a program that ran, and ended with an exit code of its own, says anything of what it tested. Everything else is nobody's
fault: it is `indeterminate`, with a reason.
"""

from __future__ import annotations

import errno
import signal
from collections.abc import Sequence
from typing import NamedTuple

from gitfleet.base.text import duration, span
from gitfleet.gates.model import FAILED, INDETERMINATE, PASSED, GateResult

_FROM_OUTSIDE = frozenset([
    signal.SIGHUP, signal.SIGINT, signal.SIGKILL, signal.SIGTERM, signal.SIGXCPU, signal.SIGXFSZ, signal.SIGPIPE,
])  # fmt: skip
"""Signals that come to a program from elsewhere; a shell says 128 and their number of what it ran."""
_SAYS = {
    125: "it ended with 125, which means that it cannot tell",
    126: "it ended with 126: a program that it needs cannot be run",
    127: "it ended with 127: a program that it needs is not there",
}
_NO_ROOM = ("No space left on device", "Disk quota exceeded")
LEAST_ROOM = 1024 * 1024
"""Bytes. With less than this, a failure may be the disk's."""
FLOOR = 600
"""Seconds of the shortest time limit that is made from earlier runs: a machine may be busy."""
UNMEASURED = 3600
"""Seconds of the time limit of a command that has never ended."""
_TIMES = 3
_CEILING = 24 * 3600


class RunEnd(NamedTuple):
    """How a program ended: its exit code (negative: the signal; None: it did not come so far), and why it was ended by us
    (`limit`, `stop`, `start`: it could not be started, for the reason `number`); the least room on its disks in bytes (-1: not known),
    whether its log found no room, and the last lines of that.
    """

    code: int | None
    why: str = ""
    number: int = 0
    limit: int = 0
    room: int = -1
    full: bool = False
    tail: Sequence[str] = ()


def time_limit(set_: int, earlier: Sequence[int]) -> int:
    """Seconds that a run may take: what policy has set, or (0) three times the longest of the earlier runs and a minute more,
    ten minutes at least and a day at most; an hour where there is none.
    """
    if set_:
        return set_
    return min(_CEILING, max(FLOOR, _TIMES * max(earlier) + 60)) if earlier else UNMEASURED


def result(end: RunEnd) -> tuple[GateResult, str]:
    """What a run says, and the reason where that is nothing."""
    reason = _trouble(end)
    if reason:
        return INDETERMINATE, reason
    return (PASSED if end.code == 0 else FAILED), ""


def _trouble(end: RunEnd) -> str:
    if end.why or end.code is None:
        return _ended_by_us(end)
    if end.code in _SAYS:
        return _SAYS[end.code]
    number = -end.code if end.code < 0 else end.code - 128
    if end.code < 0 or number in _FROM_OUTSIDE:
        return f"a signal ended {'it' if end.code < 0 else 'what it ran'} ({_name(number)})"
    return "the disk was full" if end.code and _no_room(end) else ""


def _ended_by_us(end: RunEnd) -> str:
    if end.why == "start":
        return f"it could not be started: {_start(end.number)}"
    return f"it took longer than {span(end.limit)}" if end.why == "limit" else "it was stopped"


def _no_room(end: RunEnd) -> bool:
    said = any(words in line for line in end.tail for words in _NO_ROOM)
    return end.full or said or 0 <= end.room < LEAST_ROOM


def _start(number: int) -> str:
    words = {
        errno.ENOENT: "there is no such program, or no such interpreter",
        errno.EACCES: "it may not be run",
        errno.ENOEXEC: "the system does not know what to run it with (no interpreter is named in its first line)",
    }
    return words.get(number, errno.errorcode.get(number, "for an unknown reason"))


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)


def took(seconds: float) -> str:
    """How long, for people."""
    return f"{seconds:.1f} s" if seconds < 10 else duration(seconds)
