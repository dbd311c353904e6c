"""Options that several commands share, spelled once."""

from __future__ import annotations

from typing import Annotated

from gitfleet.cli.declaring import Option
from gitfleet.errors import UsageError

SessionFlag = Annotated[
    str | None,
    Option(
        "--session",
        "--session-id",
        metavar="ID",
        help="Act for this session (default: the one of this worktree).",
        complete="own_sessions",
    ),
]

OfSession = Annotated[
    str | None,
    Option(
        "--session", "--session-id", metavar="ID", help="Only those of this session.", complete="session_ids"
    ),
]

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def seconds(text: str) -> int:
    """The seconds in `90s`, `45m`, `2h`, `1d` or a plain number of seconds. Raises UsageError."""
    number, unit = (text[:-1], text[-1]) if text[-1:] in _UNITS else (text, "s")
    if not (number.isascii() and number.isdigit() and len(number) < 9):
        raise UsageError(f"'{text[:40]}' is not a duration.", hint="Write it as 90s, 45m, 2h or 1d.")
    return int(number) * _UNITS[unit]
