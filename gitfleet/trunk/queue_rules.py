"""`queue:` of gitfleet.yaml: its shape, and what is compiled of it for `queue_policy`.

Apart from that for the reason that `policy_rules` is: its library is dear.
"""

from __future__ import annotations

import re
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from gitfleet.trunk import durations, gate_rules
from gitfleet.trunk.gate_rules import QueueGateRules
from gitfleet.trunk.queue_policy import Method, Processing, QueuePolicy, Way

_DEFAULTS = QueuePolicy()


def _committer(value: object) -> object:
    if not isinstance(value, str) or not re.fullmatch(r"[^<>\x00-\x1f]+ <[^<>\x00-\x20]+>", value):
        raise ValueError("must be a name and an address, such as Merge Queue <queue@example.org>")
    return value


def _maybe_command(value: object) -> object:
    return () if value == [] else gate_rules.command(value)


MaybeCommand = Annotated[
    tuple[str, ...], BeforeValidator(_maybe_command), WithJsonSchema(gate_rules.COMMAND_SCHEMA)
]


class QueueRules(QueueGateRules):
    """`queue:` in gitfleet.yaml. The description of a field says what it may hold, its example how the default is written."""

    method: Method = _DEFAULTS.method
    landing: Way = _DEFAULTS.landing
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
    process: Processing = _DEFAULTS.process
    delete_branches: bool = Field(default=_DEFAULTS.delete_branches, alias="delete-branches")
    pull_request: MaybeCommand = Field(
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

    def compiled(self) -> dict[str, object]:
        """The rules as `queue_policy.QueuePolicy` and `gates.policy.GatePolicy` read them."""
        rest = self.model_dump(mode="json", exclude=set(QueueGateRules.model_fields))
        others = {"ceiling_of_others": self.ceiling} if "ceiling" in self.model_fields_set else {}
        return {**gate_rules.compiled(self), **rest, **others}
