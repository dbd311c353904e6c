"""Messages of the protocol as lines: JSON-RPC 2.0, one message a line."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from gitfleet.base import plain_json

NOT_FOUND = -32601
AUTH_REQUIRED = -32000
NO_RESOURCE = -32002
INVALID_PARAMS = -32602
_ESCAPED = b"\\u"
_HALVES = re.compile("[\ud800-\udfff]")


class AcpFault(NamedTuple):
    """An answer that is an error: `code`, its words, and `kind`, where the agent names one in the error's data."""

    code: int
    message: str
    kind: str = ""

    @property
    def words(self) -> str:
        """For people."""
        return f"{self.message or 'no reason was given'} ({self.code})"


class AcpMessage(NamedTuple):
    """A message of the agent's. Without `method`, it is the answer to `number`: a `result`, or a `fault`.

    `reply_to` is the id of a request, which has to be answered; None for a notification.
    """

    method: str = ""
    params: Mapping[str, object] = MappingProxyType({})
    reply_to: str | int | None = None
    number: int | None = None
    result: object = None
    fault: AcpFault | None = None


def request(number: int, method: str, params: dict[str, object]) -> bytes:
    """A question of ours, which gets an answer of that number."""
    return _line({"id": number, "method": method, "params": params})


def notification(method: str, params: dict[str, object]) -> bytes:
    """Something that gets no answer."""
    return _line({"method": method, "params": params})


def answer(reply_to: str | int, result: Mapping[str, object]) -> bytes:
    """Our answer to a request of the agent's."""
    return _line({"id": reply_to, "result": result})


def refusal(reply_to: str | int, method: str) -> bytes:
    """Our answer to a request that we do not have."""
    return _line({"id": reply_to, "error": {"code": NOT_FOUND, "message": f"no {method[:80]} here"}})


def read(line: bytes) -> AcpMessage | None:
    """What a line of the agent's says; None where it is no message."""
    if not line.startswith(b"{"):
        return None
    try:
        read: object = plain_json.load(line)
        told = table(_whole(read) if _ESCAPED in line else read)
    except (ValueError, RecursionError):
        return None
    given = told.get("id")
    identifier = given if isinstance(given, str | int) and not isinstance(given, bool) else None
    if isinstance(method := told.get("method"), str):
        return AcpMessage(method, table(told.get("params")), identifier)
    if not isinstance(identifier, int) or not told.keys() & {"result", "error"}:
        return None
    return AcpMessage(number=identifier, result=told.get("result"), fault=_fault(told.get("error")))


def table(value: object) -> dict[str, object]:
    """An object where one should be; anything else is an empty one."""
    return value if isinstance(value, dict) else {}


def _whole(value: object) -> object:
    """The same without halves of characters, which nothing could be written with."""
    if isinstance(value, str):
        return _HALVES.sub("\ufffd", value)
    if isinstance(value, dict):
        return {_whole(key): _whole(one) for key, one in value.items()}
    return [_whole(one) for one in value] if isinstance(value, list) else value


def _fault(error: object) -> AcpFault | None:
    if error is None:
        return None
    told = table(error)
    code, message = told.get("code"), told.get("message")
    kind = table(told.get("data")).get("errorKind")
    return AcpFault(
        code if type(code) is int else 0,
        message if isinstance(message, str) else "",
        kind if isinstance(kind, str) else "",
    )


def _line(message: dict[str, object]) -> bytes:
    return json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n"
