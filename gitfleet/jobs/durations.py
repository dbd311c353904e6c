"""Lengths of time and amounts of bytes as agent files and the FleetManager's options have them."""

from __future__ import annotations

import re
from collections.abc import Mapping

LONGEST = 366 * 86_400_000
"""Milliseconds that a length of time may have."""
_TIMES = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
_SIZES: Mapping[str, int] = {"": 1, "b": 1} | {
    f"{letter}{end}": base**power
    for power, letter in enumerate("kmgt", 1)
    for end, base in (("", 1024), ("ib", 1024), ("b", 1000))
}


def milliseconds(value: object, *, least: int = 1) -> int:
    """The length of time in milliseconds: a whole number of them, or a text such as `90s`, `5m`, `1h`. Raises ValueError."""
    if isinstance(value, str):
        found = re.fullmatch(r"([0-9]{1,15})(ms|[smhdw])", value.strip())
        if found is None:
            raise ValueError(
                f"{value[:40]!a} is no length of time: a whole number with ms, s, m, h, d or w, such as 5m"
            )
        length = int(found[1]) * _TIMES[found[2]]
    elif type(value) is int:
        length = value
    else:
        raise ValueError("must be a length of time, such as 5m or 1h, or a whole number of milliseconds")
    if length < least:
        raise ValueError(f"{words(length)} is too short: at least {words(least)}")
    if length > LONGEST:
        raise ValueError(f"{words(length)} is too long: at most {words(LONGEST)}")
    return length


def size(value: object) -> int:
    """The amount in bytes: a whole number of them, or a text such as `500M`, `4GiB` (K, M, G, T: powers of 1024; KB, MB…: of 1000)."""
    if isinstance(value, str):
        found = re.fullmatch(r"([0-9]{1,15}) ?([A-Za-z]{0,3})", value.strip())
        if found is None or found[2].lower() not in _SIZES:
            raise ValueError(f"{value[:40]!a} is no amount of bytes, such as 500M or 4GiB")
        amount = int(found[1]) * _SIZES[found[2].lower()]
    elif type(value) is int:
        amount = value
    else:
        raise ValueError("must be an amount of bytes, such as 500M or 4GiB")
    if not 1 <= amount < 2**53:
        raise ValueError(f"{amount} bytes are not an amount that can be kept to")
    return amount


def words(value: int) -> str:
    """A length of time as an agent file has it, in the largest unit that says it exactly."""
    if value <= 0:
        return f"{value}ms" if value else "0"
    unit = next(unit for unit in ("w", "d", "h", "m", "s", "ms") if value % _TIMES[unit] == 0)
    return f"{value // _TIMES[unit]}{unit}"


def size_words(value: int) -> str:
    """An amount of bytes for people: `2 GiB`, `1.5 GiB`, `512 MiB`."""
    for power, unit in ((3, "GiB"), (2, "MiB"), (1, "KiB")):
        if value >= 1024**power:
            return f"{value / 1024**power:.1f}".removesuffix(".0") + f" {unit}"
    return f"{value} B"
