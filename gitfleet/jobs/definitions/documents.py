"""YAML files as trees of values that know where they stand, and nothing that costs more than it is long.

Refused: what is not a plain file in its folder, or too large, not UTF-8, nested too deeply, or has a key twice; tags of
Python and others; aliases that would multiply.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from typing import NamedTuple

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

MAX_BYTES = 256 * 1024
MAX_DEPTH = 32
MAX_VALUES = 20_000
_TAG = "tag:yaml.org,2002:"
Scalar = str | int | float | bool | None


class Position(NamedTuple):
    """Where a value is written; `line` from 1, 0 where it is of the file as a whole."""

    file: str
    line: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


class PlacedValue(NamedTuple):
    """`data`: a scalar, a list of PlacedValue, or a dict of them. `plain`: a scalar without quotes."""

    data: Scalar | list[PlacedValue] | dict[str, PlacedValue]
    at: Position
    plain: bool = False

    @property
    def keys(self) -> Mapping[str, PlacedValue]:
        """What it holds by key; nothing where it is no dict."""
        return self.data if isinstance(self.data, dict) else {}


class Unusable(Exception):
    """What is wrong with a file, at `at`, of the key `key`."""

    def __init__(self, at: Position, words: str, key: str = "") -> None:
        super().__init__(words)
        self.at, self.words, self.key = at, words, key


def read(path: str) -> PlacedValue:
    """The values in the file. Raises Unusable."""
    data = _bytes(path)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise Unusable(Position(path, line), "is not UTF-8") from error
    return parse(text, path)


def parse(text: str, path: str) -> PlacedValue:
    """The values in the text of the file at `path`. Raises Unusable."""
    yaml = YAML(typ="safe", pure=True)
    try:
        node = yaml.compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        said = " ".join(str(error.problem or error.context or "").split())
        if "alias" in str(error.context):
            said += " (a value that begins with * must be in quotes)"
        raise Unusable(
            Position(path, mark.line + 1 if mark else 0), f"not readable as YAML: {said}"
        ) from error
    except RecursionError as error:
        raise Unusable(Position(path), f"is nested more than {MAX_DEPTH} deep") from error
    except (YAMLError, ValueError) as error:
        said = " ".join(str(error).split())[:200]
        raise Unusable(Position(path), f"not readable as YAML: {said}") from error
    if node is None:
        return PlacedValue({}, Position(path, 1))
    return _NodeReader(path).value(node, "", 0)


def _bytes(path: str) -> bytes:
    at = Position(path)
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        words = "is a symbolic link" if os.path.islink(path) else f"cannot be read: {error.strerror}"
        raise Unusable(at, words) from error
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise Unusable(at, "is not a file")
        data = _all(handle)
    except OSError as error:
        raise Unusable(at, f"cannot be read: {error.strerror}") from error
    finally:
        os.close(handle)
    if len(data) > MAX_BYTES:
        raise Unusable(at, f"is larger than {MAX_BYTES // 1024} KiB")
    return data


def _all(handle: int) -> bytes:
    """What can be read, up to one byte more than a file may have."""
    found = b""
    while len(found) <= MAX_BYTES and (part := os.read(handle, MAX_BYTES + 1 - len(found))):
        found += part
    return found


class _NodeReader:
    """Turns nodes into values, and counts them: an alias counts as often as it is used."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._count = 0

    def value(self, node: Node, key: str, depth: int, at: Position | None = None) -> PlacedValue:
        at = at or self._at(node)
        self._count += 1
        if depth > MAX_DEPTH:
            raise Unusable(at, f"is nested more than {MAX_DEPTH} deep", key)
        if self._count > MAX_VALUES:
            raise Unusable(
                at, f"has more than {MAX_VALUES} values, with each alias counted as often as it is used"
            )
        match node:
            case MappingNode() if node.tag == f"{_TAG}map":
                return PlacedValue(self._mapping(node, key, depth), at)
            case SequenceNode() if node.tag == f"{_TAG}seq":
                items = [self.value(one, f"{key}[{n}]", depth + 1) for n, one in enumerate(node.value)]
                return PlacedValue(items, at)
            case ScalarNode():
                return PlacedValue(self._scalar(node, at, key), at, node.style is None)
        raise Unusable(at, f"has a tag ({node.tag!a:.60}); values here are plain YAML", key)

    def _mapping(self, node: MappingNode, key: str, depth: int) -> dict[str, PlacedValue]:
        found: dict[str, PlacedValue] = {}
        for name, inner in node.value:
            at = self._at(name)
            if not isinstance(name, ScalarNode) or not name.value:
                raise Unusable(at, "has a key that is not a word", key)
            whole = f"{key}.{name.value}" if key else name.value
            if name.value in found:
                raise Unusable(at, f"is there twice, first in line {found[name.value].at.line}", whole)
            found[name.value] = self.value(inner, whole, depth + 1, at)
        return found

    def _scalar(self, node: ScalarNode, at: Position, key: str) -> Scalar:
        if node.tag == f"{_TAG}null" and not node.value:
            raise Unusable(at, "has no value; write null for none", key)
        tag = node.tag or ""
        if tag.startswith(_TAG) and tag[len(_TAG) :] in _KINDS:
            return scalar(node.value, tag)
        raise Unusable(at, f"has a tag ({node.tag!a:.60}); values here are plain YAML", key)

    def _at(self, node: Node) -> Position:
        return Position(self._path, node.start_mark.line + 1)


_KINDS = frozenset(["str", "int", "float", "bool", "null", "timestamp"])


def resolved(text: str) -> Scalar:
    """What YAML makes of a plain scalar."""
    node = YAML(typ="safe", pure=True).compose(text) if re.fullmatch(r"[\w.+-]{1,40}", text) else None
    return scalar(text, node.tag or "") if isinstance(node, ScalarNode) else text


def scalar(text: str, tag: str) -> Scalar:
    """The value of a scalar with that tag; its text where that is no value of the kind."""
    try:
        match tag.removeprefix(_TAG):
            case "int":
                digits = text.replace("_", "")
                return int(digits, 0) if re.match(r"[+-]?0[xob]", digits) else int(digits)
            case "float":
                return float(text.replace("_", "").replace(".inf", "inf").replace(".nan", "nan").lower())
            case "bool":
                return text.lower() == "true"
            case "null":
                return None
    except ValueError:
        return text
    return text


def plain(value: PlacedValue) -> object:
    """The value without its places."""
    match value.data:
        case dict():
            return {key: plain(inner) for key, inner in value.data.items()}
        case list():
            return [plain(inner) for inner in value.data]
    return value.data


def merged(under: PlacedValue, over: PlacedValue) -> PlacedValue:
    """`over` upon `under`: objects merge key by key, all else replaces."""
    if isinstance(under.data, dict) and isinstance(over.data, dict):
        both: dict[str, PlacedValue] = dict(under.data)
        for key, inner in over.data.items():
            both[key] = merged(both[key], inner) if key in both else inner
        return PlacedValue(both, over.at)
    return over


def place(value: PlacedValue, location: tuple[int | str, ...]) -> Position:
    """Where the value at the location is written, or the nearest around it that is."""
    at = value.at
    for step in location:
        data = value.data
        if isinstance(data, Mapping) and step in data:
            value = data[str(step)]
        elif isinstance(data, list) and isinstance(step, int) and step < len(data):
            value = data[step]
        else:
            break
        at = value.at
    return at
