"""One line of a stream: as it lies in the file, and as a value.

In the file it is one JSON object: `{"seq":7,"at":1795973074045,"source":"stdout","type":"message","raw":"…","event":{…}}`.
`raw` is what the agent wrote, without its line end; bytes that are no UTF-8 are base64, and `"enc":"base64"` says so.
`"cut":true`: no line end came after it (the last line of an output, or one so long that it is kept in pieces). So every
byte that an agent wrote can be had back: `raw` of each line, and a line end unless it is cut. Written and read where
each microsecond counts, hence by hand.
"""

from __future__ import annotations

import json
from binascii import a2b_base64, b2a_base64
from collections.abc import Mapping
from json.encoder import encode_basestring as quoted
from typing import NamedTuple

_SCAN = json.JSONDecoder().raw_decode  # without what `loads` does before and after it
RAW = "raw"
TORN = "torn"


class StreamLine(NamedTuple):
    """A line. `seq` counts from 1, `at` is in milliseconds since 1970; `end` is where it ends in the file (0: not known)."""

    seq: int
    at: int
    source: str
    raw: bytes
    type: str = RAW
    event: Mapping[str, object] | None = None
    cut: bool = False
    end: int = 0

    @property
    def text(self) -> str:
        """What was written, as text; broken bytes are replaced. Not made safe for a terminal."""
        return self.raw.decode("utf-8", "replace")


def encode(
    seq: int,
    at: int,
    source: str,
    raw: bytes,
    *,
    type: str = RAW,
    event: Mapping[str, object] | None = None,
    cut: bool = False,
) -> bytes:
    """The same from its parts."""
    try:
        said = quoted(raw.decode())
    except UnicodeDecodeError:
        said = f'"{b2a_base64(raw, newline=False).decode()}","enc":"base64"'
    more = ',"cut":true' if cut else ""
    if event is not None:
        more += f',"event":{json.dumps(event, separators=(",", ":"))}'
    return f'{{"seq":{seq},"at":{at},"source":"{source}","type":"{type}","raw":{said}{more}}}\n'.encode()


def decode(data: bytes, *, before: int = 0, end: int = 0) -> StreamLine:
    """The line in `data` (its line end is not needed). What is none, such as one that a crash cut off, is of type `torn`, after `before`."""
    try:
        text = data.decode()
        read, stop = _SCAN(text)
        raw = a2b_base64(read["raw"]) if "enc" in read else read["raw"].encode()
        return StreamLine(
            int(read["seq"]), int(read["at"]), read["source"], raw,
            read.get("type", RAW), read.get("event"), "cut" in read, end,
        ) if text[stop:] in {"", "\n"} else _torn(data, before, end)  # fmt: skip
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return _torn(data, before, end)


def _torn(data: bytes, before: int, end: int) -> StreamLine:
    return StreamLine(before + 1, 0, "system", data.rstrip(b"\n"), TORN, cut=True, end=end)


def number(head: bytes) -> int:
    """The `seq` of the line that begins with `head`; 0 where that is not told (a torn one)."""
    if not head.startswith(b'{"seq":'):
        return 0
    digits, comma, _ = head[7:32].partition(b",")
    return int(digits) if comma and digits.isdigit() else 0
