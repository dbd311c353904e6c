"""`queue:` of gitfleet.yaml: its shape, and what is compiled of it for `queue_policy`.

Apart from that for the reason that `policy_rules` is: its library is dear.
"""

from __future__ import annotations

import re
import shlex
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

from gitfleet.errors import FleetError
from gitfleet.patterns import language
from gitfleet.trunk import durations
from gitfleet.trunk.queue_policy import Method, QueuePolicy, Trusted, Way

_DEFAULTS = QueuePolicy()
Command = tuple[str, ...]
_TEXTS: dict[str, Any] = {"type": "array", "items": {"type": "string"}}
_COMMAND: dict[str, Any] = {"anyOf": [{"type": "string"}, {**_TEXTS, "minItems": 1}]}
_DURATION = {
    "anyOf": [{"type": "integer", "minimum": 1}, {"type": "string", "pattern": "^[0-9]+[smhd]$|^auto$"}]
}
_PART = {
    "type": "object",
    "properties": {"run": _COMMAND, "inputs": _TEXTS, "capacity": {"type": "integer"}},
    "required": ["run"],
    "additionalProperties": False,
}
_PARTS = {
    "type": "object",
    "minProperties": 1,
    "additionalProperties": {"anyOf": [*_COMMAND["anyOf"], _PART]},
}
_GATE = {"anyOf": [*_COMMAND["anyOf"], _PARTS, {"type": "null"}]}


def _limit(value: Any) -> Any:
    return 0 if value == "auto" else durations.seconds(value, shortest=1)


def command(value: Any) -> Any:
    """A command as a list: a text is split as a shell splits words, and no shell is started. Raises ValueError."""
    if isinstance(value, str):
        try:
            value = shlex.split(value)
        except ValueError as error:
            raise ValueError(f"cannot be split into words ({str(error).lower()})") from error
    words: list[Any] = value if isinstance(value, list) else [None]
    if not all(isinstance(word, str) for word in words):
        raise ValueError("must be a command: a text, or a list of texts")
    if not words or not words[0]:
        raise ValueError("names no command")
    if any("\0" in word for word in words):
        raise ValueError("has a NUL in it")
    return tuple(words)


def _input(value: Any) -> Any:
    try:
        found = language.parse(value) if isinstance(value, str) else []
    except FleetError as error:
        raise ValueError(error.message) from error
    if len(found) != 1 or found[0].units or found[0].shape not in {"path", "tree"}:
        raise ValueError("must be a path or a folder, without wildcards")
    return value


def _name(value: Any) -> Any:
    if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", value):
        raise ValueError("is not a name: letters, digits, '.', '_' and '-', at most 64")
    return value


def _committer(value: Any) -> Any:
    if not isinstance(value, str) or not re.fullmatch(r"[^<>\x00-\x1f]+ <[^<>\x00-\x20]+>", value):
        raise ValueError("must be a name and an address, such as Merge Queue <queue@example.org>")
    return value


class _StrictRules(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


CommandText = Annotated[Command, BeforeValidator(command), WithJsonSchema(_COMMAND)]


class PartRules(_StrictRules):
    """One part of `queue.gate`; a bare command is its `run`."""

    run: CommandText
    inputs: tuple[Annotated[str, BeforeValidator(_input)], ...] = ()
    capacity: int = Field(default=0, ge=0, le=1000, strict=True)


def _part(value: Any) -> Any:
    return value if isinstance(value, dict) else {"run": value}


Part = Annotated[PartRules, BeforeValidator(_part)]
GateParts = dict[Annotated[str, BeforeValidator(_name)], Part]


def _gate(value: Any) -> Any:
    """`queue.gate` as parts: no parts for `none`."""
    if value is None or value == "none":
        return {} if value else None
    if isinstance(value, dict):
        if not value:
            raise ValueError("names no part; say `none` to land without a gate")
        return value
    return {"gate": {"run": command(value) and value}}


class QueueRules(_StrictRules):
    """`queue:` in gitfleet.yaml. The description of a field says what it may hold, its example how the default is written."""

    gate: Annotated[GateParts | None, BeforeValidator(_gate), WithJsonSchema(_GATE)] = Field(
        default=None,
        description="a command, a list of its words, a mapping of parts to `{run, inputs, capacity}`, or `none`",
        examples=["nothing lands"],
    )
    method: Method = _DEFAULTS.method
    landing: Way = _DEFAULTS.landing
    time_limit: Annotated[int, BeforeValidator(_limit), WithJsonSchema(_DURATION)] = Field(
        default=_DEFAULTS.time_limit,
        alias="time-limit",
        description="`auto`, or a duration from 1 second to 30 days",
        examples=["`auto`"],
    )
    window: int = Field(
        default=_DEFAULTS.window, ge=1, le=1000, strict=True, description="a number from 1 to 1000"
    )
    ceiling: int = Field(
        default=_DEFAULTS.ceiling, ge=0, le=100, strict=True, description="a priority from 0 to 100"
    )
    tries: int = Field(
        default=_DEFAULTS.tries, ge=0, le=1000, strict=True, description="a number from 0 to 1000"
    )
    deadline: durations.Seconds = _DEFAULTS.deadline
    required: bool = _DEFAULTS.required
    trust: tuple[Trusted, ...] = Field(
        default=_DEFAULTS.trust, description="a list of `processor`, `ci`, `session`"
    )
    environment: tuple[str, ...] = Field(default=(), description="a list of words")
    delete_branches: bool = Field(default=_DEFAULTS.delete_branches, alias="delete-branches")
    pull_request: CommandText = Field(
        default=(), alias="pull-request", description="a command, or a list of its words"
    )
    committer: Annotated[str, BeforeValidator(_committer)] = Field(
        default=_DEFAULTS.committer,
        description="a name and an address, such as `Merge Queue <queue@example.org>`",
    )

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.landing == "pull-request" and not self.pull_request:
            raise ValueError("`landing: pull-request` needs the command that does it (`pull-request`)")
        return self

    def compiled(self) -> dict[str, Any]:
        """The rules as `queue_policy.QueuePolicy` reads them."""
        parts = [
            {"name": name, "run": list(part.run), "inputs": list(part.inputs), "capacity": part.capacity}
            for name, part in sorted((self.gate or {}).items())
        ]
        mode: Literal["unset", "none", "run"] = "unset" if self.gate is None else "run" if parts else "none"
        rest = self.model_dump(mode="json", exclude={"gate"})
        others = {"ceiling_of_others": self.ceiling} if "ceiling" in self.model_fields_set else {}
        return {"gate": {"mode": mode, "parts": parts}, **rest, **others}
