"""The end of a log: read from its end, bounded, and made fit to be shown.

A log may be huge, binary, still being written, gone, or no file at all. Only regular files are read, and never more
of one than the limit.
"""

from __future__ import annotations

import os
import re
import stat

from gitfleet.base.text import display

MAX_BYTES = 256 * 1024
MAX_LINE = 500

# What a terminal would act on (ECMA-48, and xterm's control sequences): CSI, the strings that OSC, DCS, SOS, PM and APC
# begin, escapes of two and three characters. A string that has no end on its line ends with the line, so that
# one sequence cannot swallow the rest of a log.
_ESCAPES = re.compile(
    "(?:\x1b\\[|\x9b)[0-?]*[ -/]*[@-~]?"
    "|(?:\x1b[\\]PX^_]|[\x90\x98\x9d\x9e\x9f])[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\\\|\x9c)?"
    "|\x1b[ -/]*[0-~]?"
)


def read(path: str, lines: int, *, limit: int = MAX_BYTES) -> str | None:
    """The last `lines` lines of a file, raw, at most `limit` bytes; None when there is no file to read.

    Bytes that are no UTF-8 are kept as surrogates. Not safe to show: `shown` makes it so.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # a FIFO must not make us wait
    except (OSError, ValueError):
        return None
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            return None
        data, whole = _end(handle, lines, limit)
    except OSError:
        return None
    finally:
        os.close(handle)
    rows = data.split(b"\n")
    if not whole:
        rows[0] = rows[0].lstrip(bytes(range(0x80, 0xC0)))  # the rest of a character that was cut in two
    return b"\n".join(rows[-lines:]).decode("utf-8", "surrogateescape") if lines > 0 else ""


def shown(raw: str, lines: int) -> list[str]:
    r"""The last `lines` lines of a raw tail as a terminal would leave them, safe to show.

    Escape sequences are taken out, of a line that was written over (`\r`) the last version stays, and any other
    control character is made visible.
    """
    if not raw or lines <= 0:
        return []
    plain = _ESCAPES.sub("", raw)
    rows = [row.rstrip("\r").rpartition("\r")[2] for row in plain.split("\n")]
    rows = [display(row.expandtabs(4)) for row in rows]
    return [row if len(row) <= MAX_LINE else row[: MAX_LINE - 1] + "…" for row in rows[-lines:]]


def changed_at(path: str) -> int | None:
    """When the file was last written (seconds since 1970), or None."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    return int(found.st_mtime) if stat.S_ISREG(found.st_mode) else None


def _end(handle: int, lines: int, limit: int) -> tuple[bytes, bool]:
    """Enough of the end for `lines` lines, without the newline that ends the file; and whether that is all of it."""
    size = os.fstat(handle).st_size
    want = min(limit, 8192)
    while True:
        start = max(0, size - want)
        data = os.pread(handle, size - start, start)
        if start == 0 or want >= limit or data.count(b"\n") > lines:
            return data.removesuffix(b"\n"), start == 0
        want = min(limit, want * 4)
