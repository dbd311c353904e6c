"""The part of `queue:` in gitfleet.yaml that says what a tree must pass: its shape, and what it is compiled to (`gates.policy`)."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from gitfleet.base.ids import is_name
from gitfleet.errors import FleetError
from gitfleet.patterns import language
from gitfleet.trunk import durations

NONE = "none"
AUTO = "auto"
_MOST = 16 * 1024


def command(value: object) -> object:
    """The words of a command: a text is split as a shell splits words, and no shell ever runs it."""
    if isinstance(value, str):
        try:
            value = shlex.split(value)
        except ValueError as error:
            raise ValueError(f"cannot be split into words: {error}") from error
    if not isinstance(value, list | tuple) or not all(isinstance(word, str) for word in value):
        raise ValueError("must be a list of words, or a text that is split as a shell splits words")
    if not value or not value[0]:
        raise ValueError("must name a command")
    if any("\0" in word for word in value):
        raise ValueError("has a NUL character in a word")
    if len(value) > 256 or sum(map(len, value)) > _MOST or max(map(len, value)) > 4096:
        raise ValueError("is too long: put it into a script, and name that")
    return tuple(value)


def _input(value: object) -> object:
    if isinstance(value, str):
        try:
            patterns = language.parse(value)
        except FleetError as error:
            raise ValueError(error.message) from error
        if any(pattern.units for pattern in patterns):
            raise ValueError(f"{value[:40]!a} is a resource, and no path")
    return value


def _limit(value: object) -> object:
    return 0 if value == AUTO else durations.seconds(value, shortest=1)


_SPELLINGS: list[dict[str, object]] = [
    {"type": "string"},
    {"type": "array", "items": {"type": "string"}, "minItems": 1},
]
COMMAND_SCHEMA: dict[str, object] = {"anyOf": _SPELLINGS}
Command = Annotated[tuple[str, ...], BeforeValidator(command), WithJsonSchema(COMMAND_SCHEMA)]
InputText = Annotated[str, BeforeValidator(_input)]


class _Keys(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class GatePartRules(_Keys):
    """One part of a gate: what is run, what it depends on, and how often it may run at once in the whole fleet (0: as it comes)."""

    run: Command
    inputs: tuple[InputText, ...] = ()
    capacity: int = Field(default=0, ge=0, le=1000, strict=True)


_PART = {
    "type": "object",
    "properties": {
        "run": COMMAND_SCHEMA,
        "inputs": {"type": "array", "items": {"type": "string"}},
        "capacity": {"type": "integer", "minimum": 0, "maximum": 1000},
    },
    "required": ["run"],
    "additionalProperties": False,
}


def _gate(value: object) -> object:
    if isinstance(value, Mapping) and not value:
        raise ValueError("must have a part, or be none")
    if value is None or isinstance(value, Mapping):
        return value
    return {} if value == NONE else {"": {"run": command(value)}}


def _named(value: dict[str, GatePartRules] | None) -> dict[str, GatePartRules] | None:
    parts = value or {}
    if len(parts) > 64:
        raise ValueError("has more than 64 parts")
    for name in parts:
        if name and not is_name(name):
            raise ValueError(f"{name[:80]!a} is not a name: use 1 to 64 letters, digits, '.', '_' and '-'")
    return value


Gate = Annotated[
    dict[str, GatePartRules] | None,
    BeforeValidator(_gate),
    AfterValidator(_named),
    WithJsonSchema({
        "anyOf": [
            {"const": NONE},
            *_SPELLINGS,
            {"type": "object", "additionalProperties": _PART, "minProperties": 1},
            {"type": "null"},
        ]
    }),
]  # fmt: skip
TimeLimit = Annotated[
    int,
    BeforeValidator(_limit),
    WithJsonSchema({"anyOf": [{"const": AUTO}, {"type": "string"}, {"type": "integer"}]}),
]


def _words(value: object) -> object:
    return (
        " ".join(value) if isinstance(value, list) and all(isinstance(one, str) for one in value) else value
    )


class QueueGateRules(_Keys):
    """What of `queue:` is about gates."""

    gate: Gate = Field(  # {}: none, by the rules' own word
        default=None,
        description="a command, a list of its words, a mapping of parts to `{run, inputs, capacity}`, or `none`",
        examples=["nothing lands"],
    )
    time_limit: TimeLimit = Field(
        default=0,
        alias="time-limit",
        description="`auto`, or a duration from 1 second to 30 days",
        examples=["`auto`"],
    )
    environment: Annotated[str, BeforeValidator(_words)] = Field(
        default="", max_length=1000, description="a text, or a list of words"
    )
    trust: tuple[Literal["processor", "ci", "session"], ...] = Field(
        default=("processor", "ci"), description="a list of `processor`, `ci`, `session`"
    )


def compiled(rules: QueueGateRules) -> dict[str, object]:
    """The rules as `gates.policy.GatePolicy` reads them."""
    parts = rules.gate or {}
    return {
        "parts": [
            {"name": name, "run": list(part.run), "inputs": list(part.inputs), "capacity": part.capacity}
            for name, part in parts.items()
        ],
        "none": rules.gate == {},
        "time_limit": rules.time_limit,
        "environment": rules.environment,
        "trust": list(dict.fromkeys(rules.trust)),
    }
