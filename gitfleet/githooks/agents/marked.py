"""A marked block at the end of a text that belongs to somebody else; taken out again, the text is as it was.

The first line of the block says what was added around it: `gap`, line breaks before it; `made`, that there was no file.
Bytes in, bytes out; several blocks with different names may stand in one text. Pure.
"""

from __future__ import annotations

import re
from typing import NamedTuple


class Style(NamedTuple):
    """How a comment begins and ends in that kind of file."""

    opening: str
    closing: str


MARKDOWN = Style("<!-- ", " -->")
SHELL = Style("# ", "")


class MarkedBlock(NamedTuple):
    """Where a block stands (`start`, `end`: with the line breaks that were added), what is in it, and whether it made the file.

    `at` is where that begins, `newline` how its lines end.
    """

    start: int
    end: int
    at: int
    body: bytes
    made: bool
    newline: bytes


def find(text: bytes, name: str, style: Style) -> MarkedBlock | None:
    """The block of that name; None when there is none. Raises ValueError when its end is missing."""
    opening = re.escape(f"{style.opening}gitfleet:begin {name}")
    head = re.search(
        rf"^{opening}( made)? gap=(\d){re.escape(style.closing)}(\r?\n)".encode(), text, re.MULTILINE
    )
    if head is None:
        return None
    closing = f"{style.opening}gitfleet:end {name}{style.closing}"
    tail = re.compile(rf"^{re.escape(closing)}(\r?\n|\Z)".encode(), re.MULTILINE).search(text, head.end())
    if tail is None:
        raise ValueError(f"the line `{closing}` is missing")
    start = head.start()
    for _ in range(int(head[2])):
        start -= len(head[3]) if text[:start].endswith(head[3]) else 0
    body = text[head.end() : tail.start()]
    return MarkedBlock(start, tail.end(), head.end(), body, head[1] is not None, head[3])


def put(text: bytes | None, name: str, style: Style, body: bytes) -> bytes:
    """`text` (None: no file) with the block at its end, or in the place of the one that was there. Raises ValueError."""
    known = find(text, name, style) if text is not None else None
    newline = known.newline if known else b"\r\n" if text and b"\r\n" in text else b"\n"
    body = body.replace(b"\n", newline)
    if known is not None and text is not None:
        return text[: known.at] + body + text[known.at + len(known.body) :]
    before = text or b""
    gap = 0 if not before else 1 if before.endswith(b"\n") else 2
    made = " made" if text is None else ""
    opening = f"{style.opening}gitfleet:begin {name}{made} gap={gap}{style.closing}".encode()
    closing = f"{style.opening}gitfleet:end {name}{style.closing}".encode()
    return before + newline * gap + opening + newline + body + closing + newline


def without(text: bytes | None, name: str, style: Style) -> bytes | None:
    """`text` without the block; None when nothing is left of a file that the block made. Raises ValueError."""
    known = find(text, name, style) if text is not None else None
    if text is None or known is None:
        return text
    before, after = text[: known.start], text[known.end :]
    glued = before and after and not (before.endswith(b"\n") or after.startswith((b"\n", b"\r\n")))
    rest = before + (known.newline if glued else b"") + after
    return None if known.made and not rest else rest
