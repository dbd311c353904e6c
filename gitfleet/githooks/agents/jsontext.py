"""A JSON text changed in one place, every other byte kept: for settings files that belong to somebody else.

What is put in and then taken out again leaves the text as it was. New parts follow the text's own indentation and line
breaks. The text has been found to be JSON before (`json.loads`); here is only asked where its parts stand. Pure.
"""

from __future__ import annotations

import json
from typing import NamedTuple

_BLANK = " \t\r\n"
_READER = json.JSONDecoder()


class Part(NamedTuple):
    """One value: `text[start:end]`. `kind` is `{`, `[` or `v`; `items` are the values in it, with their keys in an object.

    `starts` is where each item begins, its key included.
    """

    kind: str
    start: int
    end: int
    items: tuple[tuple[str, Part], ...] = ()
    starts: tuple[int, ...] = ()

    def get(self, key: str) -> Part | None:
        """The value of a key; of one that stands there twice the last, as readers take it."""
        return next((part for name, part in reversed(self.items) if name == key), None)

    def place(self, key: str) -> int:
        """Which item that is."""
        return max(number for number, (name, _) in enumerate(self.items) if name == key)


def parse(text: str) -> Part:
    """The parts of a JSON text. Raises ValueError for anything else, or what is nested too deeply."""
    try:
        json.loads(text)
        return _part(text, _after_blank(text, 0))
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _part(text: str, at: int) -> Part:
    kind = text[at]
    if kind not in "{[":
        return Part("v", at, _scalar_end(text, at))
    items: list[tuple[str, Part]] = []
    starts = []
    place = _after_blank(text, at + 1)
    while text[place] not in "}]":
        key, start = "", place
        if kind == "{":
            end = _scalar_end(text, place)
            key = json.loads(text[place:end])
            place = _after_blank(text, _after_blank(text, end) + 1)
        part = _part(text, place)
        items.append((key, part))
        starts.append(start)
        place = _after_blank(text, part.end)
        if text[place] == ",":
            place = _after_blank(text, place + 1)
    return Part(kind, at, place + 1, tuple(items), tuple(starts))


def _scalar_end(text: str, at: int) -> int:
    return _READER.raw_decode(text, at)[1]


def _after_blank(text: str, at: int) -> int:
    while at < len(text) and text[at] in _BLANK:
        at += 1
    return at


def append(text: str, where: Part, value: object, key: str | None = None) -> str:
    """`text` with `value` as the last item of `where`; under `key`, where that is an object."""
    item = _spelled(text, where, value)
    if key is not None:
        item = f"{json.dumps(key)}: {item}"
    if where.items:
        at = where.items[-1][1].end
        return text[:at] + "," + (_line(text, where) or " ") + item + text[at:]
    return (
        text[: where.start + 1] + _line(text, where) + item + _closing(text, where) + text[where.start + 1 :]
    )


def remove(text: str, where: Part, index: int) -> str:
    """`text` without an item of `where`, as if it had never been appended."""
    end = where.items[index][1].end
    if index:
        return text[: where.items[index - 1][1].end] + text[end:]
    if len(where.items) > 1:
        return text[: where.starts[0]] + text[where.starts[1] :]
    rest = text[end : where.end]
    before = text[where.start + 1 : where.starts[0]]
    closing = _closing(text, where)
    ours = before == _line(text, Part(where.kind, where.start, where.end)) and rest.startswith(closing)
    return text[: where.start + 1] + (rest[len(closing) :] if ours else rest[-1:]) + text[where.end :]


def replace(text: str, where: Part, index: int, value: object) -> str:
    """`text` with another value for an item of an array."""
    part = where.items[index][1]
    return text[: part.start] + _spelled(text, where, value) + text[part.end :]


def _spelled(text: str, where: Part, value: object) -> str:
    line = _line(text, where)
    if not line:
        return json.dumps(value, ensure_ascii=False)
    spelled = json.dumps(value, ensure_ascii=False, indent=_unit(text))
    return spelled.replace("\n", line)


def _line(text: str, where: Part) -> str:
    """What stands before an item of `where` on a line of its own: the line break and the indentation; "" for one line."""
    newline = "\r\n" if "\r\n" in text else "\n"
    if not where.items:
        one_line = "\n" not in text.strip() and where.start > len(text) - len(text.lstrip())
        return "" if one_line else newline + _indentation(text, where.start) + _unit(text)
    start = where.starts[0]
    if "\n" not in text[where.start : where.items[-1][1].end]:
        return ""
    return newline + (
        _indentation(text, start)
        if not text[text.rfind("\n", 0, start) + 1 : start].strip()
        else _indentation(text, where.start) + _unit(text)
    )


def _closing(text: str, where: Part) -> str:
    """What stands before the bracket that closes `where` when its first item is put in."""
    line = _line(text, Part(where.kind, where.start, where.end))
    return line[: len(line) - len(_unit(text))] if line else ""


def _indentation(text: str, at: int) -> str:
    """What the line of `at` begins with."""
    start = text.rfind("\n", 0, at) + 1
    end = start
    while text[end] in " \t":
        end += 1
    return text[start:end]


def _unit(text: str) -> str:
    """One step of the text's indentation; two blanks where there is none."""
    for line in text.split("\n")[1:]:
        indented = line[: len(line) - len(line.lstrip(" \t"))]
        if indented and line.strip():
            return "\t" if indented[0] == "\t" else indented
    return "  "
