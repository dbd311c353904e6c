"""The keys of agent files and of `fleet.yaml` as a table: for the reference, and for the test that each of them is heeded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import UnionType
from typing import Annotated, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints

from pydantic.fields import FieldInfo

from gitfleet.jobs import durations
from gitfleet.jobs.definitions import values
from gitfleet.jobs.definitions.schema import Section
from gitfleet.jobs.words import AttemptOutcome

_DURATION = "a duration: `30s`, `5m`, `2h`, or milliseconds"
_KINDS: Mapping[object, str] = {
    values.Argv: "a command: a text, which is split as a shell splits words, or a list of words",
    values.Texts: "a text, or a list of texts",
    values.Paths: "a path, or a list of paths, in the repository",
    values.Claims: "a path or a glob, or a list of them",
    values.Resources: "a resource, or a list of them: `res:port`, `res:gpu:2`",
    values.Mounts: "a list of mounts: `SOURCE:TARGET[:ro]`",
    values.Milliseconds: _DURATION,
    values.Rhythm: _DURATION,
    values.Lease: _DURATION,
    values.Bytes: "a size: `500M`, `2G`, or bytes",
    values.Count: "a whole number from 1 to 10000",
    values.Name: "a name",
    values.Words: "a text",
    values.Variable: "the name of a variable",
    values.Variables: "names of variables, or their beginnings: `AWS_*`",
    values.Crontab: "five fields, or `@daily` and its like",
    values.Zone: "a time zone: `Europe/Berlin`",
    values.Image: "an image",
    values.Permissions: "`allow`, `reject` or `ask`, or one of them by kind of tool",
    bool: "`true` or `false`",
    int: "a whole number",
    float: "a number",
    str: "a text",
}
_TIMES = (values.Milliseconds, values.Rhythm, values.Lease)


class FileKey(NamedTuple):
    """A key by its path (`limits.wall`), what it may hold, its default as a file would have it, what it is for, and whose it is."""

    path: str
    holds: str
    default: str
    words: str
    section: type[Section]
    name: str


def keys(section: type[Section], prefix: str = "") -> Iterator[FileKey]:
    """All keys of a section and of those within it."""
    hints = get_type_hints(section, include_extras=True)
    for name, info in section.model_fields.items():
        kind = _without_none(hints[name])
        inner, between = _inner(kind)
        words = (info.description or "").rstrip(".")
        if inner is None:
            yield FileKey(f"{prefix}{name}", _holds(kind), _default(info, kind), words, section, name)
        else:
            yield from keys(inner, f"{prefix}{name}.{between}")


def _inner(kind: object) -> tuple[type[Section] | None, str]:
    """The section that a key holds, and what stands between in a path."""
    bare = get_args(kind)[0] if get_origin(kind) is Annotated else kind
    if isinstance(bare, type) and issubclass(bare, Section):
        return bare, ""
    origin = get_origin(kind)
    if kind not in _KINDS and isinstance(origin, type) and issubclass(origin, Mapping):
        found = get_args(kind)[1]
        if isinstance(found, type) and issubclass(found, Section):
            return found, "NAME."
    return None, ""


def _without_none(kind: object) -> object:
    if get_origin(kind) in {Union, UnionType}:
        kinds = [one for one in get_args(kind) if one is not type(None)]
        return kinds[0] if len(kinds) == 1 else kind
    return kind


def _holds(kind: object) -> str:
    if kind in _KINDS:
        return _KINDS[kind]
    match get_origin(kind):
        case origin if origin is Annotated:
            return _holds(get_args(kind)[0])
        case origin if origin is Literal:
            return ", ".join(f"`{one}`" for one in get_args(kind))
        case origin if isinstance(origin, type) and issubclass(origin, Mapping):
            return "a mapping"
        case origin if origin is tuple and get_args(kind)[0] is AttemptOutcome:
            return "a list of outcomes"
    return "a list" if get_origin(kind) is tuple else "a value"


def _default(info: FieldInfo, kind: object) -> str:
    if info.is_required():
        return "must be there"
    value = info.get_default(call_default_factory=True)
    if value in (None, "", (), {}):
        return ""
    if kind in _TIMES:
        return f"`{durations.words(value)}`"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`[{', '.join(map(str, value))}]`" if isinstance(value, tuple) else f"`{value}`"
