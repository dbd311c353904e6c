"""Text that came from elsewhere, made safe to show or to keep.

Owns the escape of control characters before display and the words for durations and numbers. Leaves layout to
`cli.render`.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def display(text: str) -> str:
    """`text` with every control character, terminal escape, bidi override and broken byte made visible.

    A name from a branch, a record or a log can therefore never move the cursor, change colours, or
    hide a part of itself. Printable Unicode stays as it is.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if c.isprintable() else _escape(c) for c in text)


def _escape(char: str) -> str:
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that is no UTF-8, as os.fsdecode keeps it
        return f"\\x{code - 0xDC00:02x}"
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def one_line(text: str, limit: int = 200) -> str:
    """The first line of `text`, displayable, at most `limit` characters."""
    line = display(text.strip().split("\n", 1)[0].strip())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def duration(seconds: float) -> str:
    """`seconds` in words people use: `45s`, `12m`, `3h05m`, `2d04h`."""
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m"
    if whole < 86400:
        return f"{whole // 3600}h{whole % 3600 // 60:02d}m"
    return f"{whole // 86400}d{whole % 86400 // 3600:02d}h"


def duration_holds(seconds: float) -> float:
    """For how many seconds more `duration` says of what grows what it says of `seconds` now."""
    unit = 1 if seconds < 60 else 60 if seconds < 86400 else 3600
    return unit - max(0.0, seconds) % unit


def span(seconds: int) -> str:
    """A length of time that somebody set, exactly and as people write it: `90s`, `45m`, `24h`, `30d`."""
    for unit, size, least in (("d", 86400, 2), ("h", 3600, 1), ("m", 60, 1)):
        if seconds % size == 0 and seconds >= least * size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def some(items: Sequence[str], most: int = 3) -> str:
    """The first of several things that are safe to show, and how many more there are: `a, b, c and 2 more`."""
    more = f" and {len(items) - most} more" if len(items) > most else ""
    return ", ".join(items[:most]) + more


def counted(number: int, noun: str) -> str:
    """A number with its noun, in the plural unless it is one: `2 files`, `2 entries`, `2 processes`."""
    if number == 1:
        return f"{number} {noun}"
    if noun.endswith(("s", "x", "ch", "sh")):
        return f"{number} {noun}es"
    return (
        f"{number} {noun[:-1]}ies" if noun[-1:] == "y" and noun[-2:-1] not in "aeiou" else f"{number} {noun}s"
    )


def amount(size: int) -> str:
    """So many bytes in the largest unit of which there is one: `512 B`, `1.5 MiB`."""
    number = float(size)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if number < 1024:
            return f"{number:.0f} B" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1024
    return f"{number:.1f} TiB"
