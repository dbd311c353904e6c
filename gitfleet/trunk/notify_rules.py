"""`notify:` of gitfleet.yaml: its shape, and what is compiled of it for `notify_policy`.

Apart from that for the reason that `policy_rules` is: its library is dear.
"""

from __future__ import annotations

import re
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

from gitfleet.trunk import durations, gate_rules
from gitfleet.trunk.notify_policy import MINUTES, Format, NotifyPolicy, What

_DEFAULTS = NotifyPolicy()
_LOCAL = {"localhost", "127.0.0.1", "::1"}
_SPAN = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)")
_HEADER = re.compile(r"[A-Za-z0-9-]{1,64}")


def _webhook(value: object) -> object:
    if value == "":
        return value
    if (
        not isinstance(value, str)
        or len(value) > 4096
        or not value.isascii()
        or not value.isprintable()
        or " " in value
    ):
        raise ValueError("must be an address, or ${NAME} for the variable that has it")
    if re.fullmatch(r"\$\{[A-Za-z_][A-Za-z0-9_]*\}", value):
        return value
    if not _is_safe(value):
        raise ValueError(
            "must be an https address without a user in it, or ${NAME} for the variable that has it"
        )
    return value


def _is_safe(address: str) -> bool:
    try:
        found = urlsplit(address)
    except ValueError:
        return False
    there = found.scheme == "https" or (found.scheme == "http" and found.hostname in _LOCAL)
    return there and bool(found.hostname) and found.username is None


def _headers(value: object) -> object:
    rows = value if isinstance(value, dict) else {}
    for name, text in rows.items():
        if not isinstance(name, str) or not _HEADER.fullmatch(name):
            raise ValueError(f"{str(name)[:80]!a} is no name of a header")
        if not isinstance(text, str) or len(text) > 4096 or not text.isprintable() or not text.isascii():
            raise ValueError(f"{name}: must be printable ASCII, on one line")
    return value


def _quiet(value: object) -> object:
    if value is None or (isinstance(value, tuple) and len(value) == 2):
        return value
    found = _SPAN.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError("must be two times of the day, such as 22:00-07:00")
    first, second, third, fourth = map(int, found.groups())
    begin, end = first * 60 + second, third * 60 + fourth
    if begin == end:
        raise ValueError("must be two different times of the day")
    return (begin, end)


_TIMES = {"type": "string", "pattern": f"^{_SPAN.pattern}$"}


class NotifyRules(BaseModel):
    """`notify:` in gitfleet.yaml. The description of a field says what it may hold."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    command: Annotated[
        tuple[str, ...],
        BeforeValidator(lambda value: () if value == [] else gate_rules.command(value)),
        WithJsonSchema(gate_rules.COMMAND_SCHEMA),
    ] = Field(
        default=(),
        description="a command, or a list of its words; `{title}` and `{text}` stand for the message, `{markup}` for a text without tags",
    )
    webhook: Annotated[str, BeforeValidator(_webhook)] = Field(
        default="", description="an https address, or `${NAME}` for the variable that has it"
    )
    headers: Annotated[dict[str, str], BeforeValidator(_headers)] = Field(
        default={},
        max_length=20,
        description="a mapping of headers of the webhook to texts, with `${NAME}` for variables",
    )
    format: Format = _DEFAULTS.format
    what: What = _DEFAULTS.what
    dwell: Annotated[int, BeforeValidator(lambda value: durations.seconds(value, shortest=0))] = Field(
        default=_DEFAULTS.dwell,
        ge=0,
        le=durations.LONGEST,
        examples=["`2m`"],
        description="a duration from 0 to 30 days",
    )
    quiet: Annotated[
        tuple[Annotated[int, Field(ge=0, lt=MINUTES)], Annotated[int, Field(ge=0, lt=MINUTES)]] | None,
        BeforeValidator(_quiet),
        WithJsonSchema(_TIMES),
    ] = Field(default=None, description="two times of the day, such as `22:00-07:00`")

    @model_validator(mode="after")
    def _one(self) -> Self:
        if self.command and self.webhook:
            raise ValueError("`command` and `webhook` exclude each other")
        return self

    def compiled(self) -> dict[str, object]:
        """The rules as `notify_policy.NotifyPolicy` reads them."""
        return self.model_dump(mode="json")
