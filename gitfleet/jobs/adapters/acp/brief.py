"""What the client in the shepherd is told of its task; made where the attempt is started."""

from __future__ import annotations

from collections.abc import Mapping

from gitfleet.codec import JSON, TEXT, Struct, Table, Text, field

_LONG: Text[str] = Text(1 << 26)


class AcpBrief(Struct):
    """`agent`: a row of `agents`. `mode`, `model`, `auth` ("": none is asked for); `config`: further options of the agent's own.

    `permissions`: rules by kind of tool. `resume`: the agent's conversation to go on with ("": a new one).
    """

    agent: str = field(TEXT, default="")
    prompt: str = field(_LONG, default="")
    mode: str = field(_LONG, default="")
    model: str = field(_LONG, default="")
    auth: str = field(_LONG, default="")
    config: Mapping[str, object] = field(Table(JSON), default={})
    permissions: Mapping[str, str] = field(Table(TEXT), default={})
    resume: str = field(TEXT, default="")
