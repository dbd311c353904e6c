"""The values of agent files: their types, each with what it checks. A check raises ValueError, in words for whoever wrote the file."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field

from gitfleet.errors import BadPath, BadPattern
from gitfleet.jobs.durations import milliseconds, size
from gitfleet.jobs.schedules import crontab
from gitfleet.patterns import language, resources

LEAST_INTERVAL = 1000
"""Milliseconds between two runs of a schedule, at least."""
LEAST_LEASE = 6000
"""Milliseconds of a lease, at least: a sixth of it is for an agent that has to be stopped."""
LONGEST_LEASE = 86_400_000
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
MOUNT = re.compile(r"([^:\s][^:]*):(/[^:]*)(?::(ro|rw))?")
"""A mount: its source, its target, and how."""
_IMAGE = re.compile(r"[A-Za-z0-9][\w./:@+-]{0,500}")
_REPO = re.compile(r"(?!\.)[\w.-]{1,100}/(?!\.)[\w.-]{1,100}", re.ASCII)
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\*?|\*")


def name(value: str) -> str:
    """The name of an agent, a schedule, a budget or a pool, which may become part of a path or a ref. Raises ValueError."""
    if not _NAME.fullmatch(value) or ".." in value or value.endswith((".", ".lock")):
        raise ValueError(
            f"{value[:70]!r} is not a name: letters, digits, '.', '_' and '-', at most 64, with a letter or digit first"
        )
    return value


def _words(value: object) -> object:
    if isinstance(value, str):
        try:
            return tuple(shlex.split(value))
        except ValueError as error:
            raise ValueError(f"cannot be split into words: {error}") from error
    return value


def _listed(value: object) -> object:
    return (value,) if isinstance(value, str) else value


def _text(value: str) -> str:
    if "\0" in value:
        raise ValueError("has a NUL, which nothing can be given")
    return value


def _variable(value: str) -> str:
    if not _VARIABLE.fullmatch(value):
        raise ValueError(f"{value[:60]!a} is no name of a variable, nor one that ends with *")
    return value


def _inside(value: str) -> str:
    parts = value.split("/")
    if not value or value.startswith(("/", "~")) or ".." in parts:
        raise ValueError(f"{value[:80]!a} is not a path inside the repository")
    return value


def _image(value: str) -> str:
    if not _IMAGE.fullmatch(value):
        raise ValueError(f"{value[:80]!a} is not an image, such as python:3.12")
    return value


def _mount(value: str) -> str:
    if not MOUNT.fullmatch(value):
        raise ValueError(f"{value[:80]!a} is not a mount, such as ~/.codex:/home/agent/.codex:ro")
    return value


def _resource(value: str) -> str:
    if not value.startswith(resources.PREFIX):
        raise ValueError(f"{value[:80]!a} is not a resource, such as res:port or res:gpu:2")
    try:
        language.parse(value)
    except BadPattern as error:
        raise ValueError(error.message) from error
    return value


def _claim(value: str) -> str:
    try:
        language.parse(value)
    except (BadPath, BadPattern) as error:
        raise ValueError(error.message) from error
    return value


def _lease(value: object) -> int:
    found = milliseconds(value, least=LEAST_LEASE)
    if found > LONGEST_LEASE:
        raise ValueError("is too long: at most a day")
    return found


def _rhythm(value: object) -> int:
    return milliseconds(value, least=LEAST_INTERVAL)


def _crontab(value: str) -> str:
    crontab.fields(value)
    return value


def _zone(value: str) -> str:
    crontab.zone(value)
    return value


def _repo(value: str) -> str:
    if not _REPO.fullmatch(value):
        raise ValueError(f"{value[:120]!a} is not OWNER/NAME")
    return value


def _api(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"https", "http"} or not parts.hostname or parts.username or parts.password:
        raise ValueError(f"{value[:120]!a} is no address of an API: https://HOST[/PATH]")
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        raise ValueError(f"a token would go to {value[:120]!a} unencrypted: it has to be https")
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"


def _ruled(value: object) -> object:
    return {"default": value} if isinstance(value, str) else value


Name = Annotated[str, AfterValidator(name)]
Words = Annotated[str, AfterValidator(_text)]
Argv = Annotated[tuple[Words, ...], BeforeValidator(_words)]
Texts = Annotated[tuple[Words, ...], BeforeValidator(_listed)]
Paths = Annotated[tuple[Annotated[str, AfterValidator(_inside)], ...], BeforeValidator(_listed)]
Claims = Annotated[tuple[Annotated[Words, AfterValidator(_claim)], ...], BeforeValidator(_listed)]
Resources = Annotated[tuple[Annotated[str, AfterValidator(_resource)], ...], BeforeValidator(_listed)]
Mounts = Annotated[tuple[Annotated[Words, AfterValidator(_mount)], ...], BeforeValidator(_listed)]
Milliseconds = Annotated[int, BeforeValidator(milliseconds)]
Rhythm = Annotated[int, BeforeValidator(_rhythm)]
Bytes = Annotated[int, BeforeValidator(size)]
Lease = Annotated[int, BeforeValidator(_lease)]
Count = Annotated[int, Field(ge=1, le=10_000, strict=True)]
Runtime = Literal["command", "codex", "claude", "acp", "docker"]
Tool = Literal[
    "default", "read", "edit", "delete", "move", "search", "execute", "think", "fetch", "switch_mode", "other"
]
Permissions = Annotated[Mapping[Tool, Literal["allow", "reject", "ask"]], BeforeValidator(_ruled)]

Repo = Annotated[str, AfterValidator(_repo)]
ApiAddress = Annotated[str, AfterValidator(_api)]
Variable = Annotated[str, AfterValidator(_variable)]
Crontab = Annotated[str, AfterValidator(_crontab)]
Zone = Annotated[str, AfterValidator(_zone)]
Image = Annotated[Words, AfterValidator(_image)]
Variables = Annotated[tuple[Variable, ...], BeforeValidator(_listed)]
