"""JSON records on the commit path, read by the interpreter's own scanner.

`import json` brings regular expressions along, a quarter of a hook's time, for records that we wrote ourselves in
canonical form. What is not in that form raises, and the full gate reads it properly.
"""

from __future__ import annotations


class Context:
    """What the scanner asks for: objects as dicts, numbers as Python's own, no NaN."""

    strict = True
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int
    parse_constant = None
    memo: dict[str, str] = {}  # noqa: RUF012 - the scanner's own


def scan(text: str) -> tuple[object, int]:
    """The value at the beginning of `text`, and where it ends. Raises ValueError."""
    try:
        from _json import (
            make_scanner,  # CPython's; elsewhere, and for what it does not take, the ordinary reader does
        )

        return make_scanner(Context)(text, 0)  # type: ignore[arg-type]  # reads attributes of anything
    except (ImportError, StopIteration, TypeError, SystemError):  # the last for text that ends too early
        from json import JSONDecoder

        return JSONDecoder().raw_decode(text)


def load(data: bytes) -> dict[str, object]:
    """The record in `data`. Raises ValueError for anything but one object in canonical form."""
    text = data.decode("utf-8")
    record, end = scan(text)
    if text[end:] != "\n":
        raise ValueError("not in canonical form")
    if not isinstance(record, dict):
        raise ValueError("not an object")  # noqa: TRY004 - one kind of error for everything unreadable
    return record
