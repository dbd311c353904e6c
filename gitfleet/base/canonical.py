"""One spelling for each record, so that equal records have equal object ids.

Sorted keys, no blanks, UTF-8, a newline at the end, no floats. A byte that is no UTF-8 is carried in memory
as a lone surrogate (os.fsdecode) and on disk as the JSON escape of it, which every JSON reader accepts.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import NoReturn

from gitfleet.codec import Struct

MAX_BYTES = 8 * 1024 * 1024
MAX_DEPTH = 64


def dump(record: Mapping[str, object] | Struct) -> bytes:
    """The canonical bytes of a record. Floats are refused (TypeError), since their spelling is not one.

    Whatever `load` answered can be dumped.
    """
    text = json.dumps(
        _strict(record), sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False
    )
    return text.encode("utf-8", "backslashreplace") + b"\n"


def load(data: bytes) -> dict[str, object]:
    """The record in `data`. Raises ValueError unless it is one JSON object of a sane size and depth, without floats."""
    if len(data) > MAX_BYTES:
        raise ValueError(f"{len(data)} bytes are more than a record may have ({MAX_BYTES})")
    try:
        text = data.decode("utf-8")
        record, end = _READER.raw_decode(text) if text.startswith("{") else (None, 0)
        if text[end:] != "\n":  # not as we write it
            record = _READER.decode(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(record, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004 - one kind of error for everything unreadable
    if data.count(b"[") + data.count(b"{") > MAX_DEPTH:  # only then can it be deeper
        _check_depth(record)
    return record


def _no_float(text: str) -> NoReturn:
    raise ValueError(f"records hold no floats ({text[:20]})")


_READER = json.JSONDecoder(parse_float=_no_float, parse_constant=_no_float)


def _check_depth(record: object) -> None:
    level = [record]
    for _ in range(MAX_DEPTH):
        level = [child for value in level for child in _children(value)]
        if not level:
            return
    raise ValueError("nested too deeply")


def _children(value: object) -> list[object]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _strict(value: object) -> object:
    if isinstance(value, float):
        raise TypeError("records hold no floats")
    if isinstance(value, Struct):
        return _strict(value.encode())
    if isinstance(value, Mapping):
        return {str(k): _strict(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_strict(v) for v in value]
    return value
