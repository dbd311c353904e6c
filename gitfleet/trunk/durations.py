"""Lengths of time as gitfleet.yaml has them: `90s`, `45m`, `2h`, `1d`, or a number of seconds."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field

from gitfleet.base.text import span

SHORTEST, LONGEST = 60, 30 * 86400
"""Seconds that a length of time in the rules may have, unless a key says otherwise."""
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def seconds(value: object, *, shortest: int = SHORTEST) -> object:
    """The length of time in seconds. Raises ValueError."""
    if isinstance(value, str):
        if not (value[-1:] in _UNITS and value[:-1].isascii() and value[:-1].isdigit() and len(value) < 10):
            raise ValueError(f"'{value[:40]}' is not a duration, such as 90s, 45m, 2h or 1d")
        value = int(value[:-1]) * _UNITS[value[-1]]
    elif type(value) is not int:
        raise ValueError("must be a duration, such as 90s, 45m, 2h or 1d")
    if not shortest <= value <= LONGEST:
        raise ValueError(f"{span(value)} is not between {span(shortest)} and {span(LONGEST)}")
    return value


def _usual(value: object) -> object:
    return seconds(value)


Seconds = Annotated[int, BeforeValidator(_usual), Field(ge=SHORTEST, le=LONGEST)]
