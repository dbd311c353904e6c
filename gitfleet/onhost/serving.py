"""What a host says to whoever asks it: frames on standard output, requests on standard input, one connection for all of it.

A frame is `NONCE KIND LENGTH`, a newline, LENGTH bytes of JSON in ASCII, a newline. The nonce is the asker's: login files and
banners write to the same wire. First comes `hello`; each request (one line of JSON) is answered by one `answer` or `error` with
its id, after any number of `event`; at the end of the input comes `end`, and nothing more is done.
"""

from __future__ import annotations

import json
import os
import platform
import re
from importlib import import_module
from typing import BinaryIO, Callable, Dict, Mapping

from gitfleet.onhost import facts
from gitfleet.onhost.records import RECORD_VERSION
from gitfleet.onhost.version import __version__

Body = Dict[str, object]
Tell = Callable[[Body], None]

LONGEST_REQUEST = 16 << 20
NONCE = re.compile(r"[0-9a-f]{32}\Z")

OPS: Mapping[str, str] = {
    "check": "gitfleet.onhost.asked.check",
    "scan": "gitfleet.onhost.asked.scan",
    "act": "gitfleet.onhost.acting.requests.act",
    "journal": "gitfleet.onhost.acting.requests.journal",
    "verify": "gitfleet.onhost.acting.requests.verify",
    "undo": "gitfleet.onhost.acting.requests.undo",
}
"""What can be asked: the function `(request, tell) -> answer` of each, imported when it is first needed."""


class OpRefused(Exception):
    """A request that is not carried out; `code` is one word for programs, the message for people. It has had no effect."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def serve(nonce: str, source: BinaryIO, sink: BinaryIO, ops: Mapping[str, str] = OPS) -> None:
    """Say hello, and answer until the input ends. Returns also when nobody reads any more."""

    def send(kind: str, body: Mapping[str, object]) -> None:
        data = json.dumps(body, ensure_ascii=True, allow_nan=False).encode("ascii")
        sink.write(f"{nonce} {kind} {len(data)}\n".encode("ascii") + data + b"\n")
        sink.flush()

    try:
        send("hello", hello())
        while True:
            line = source.readline(LONGEST_REQUEST + 1)
            if not line.endswith(b"\n"):
                break  # the end, or a line that was cut: neither is a request
            _answer(line, ops, send)
        send("end", {})
    except BrokenPipeError:
        return


def hello() -> Body:
    """What is said first: whether the two understand each other."""
    return {
        "record_version": RECORD_VERSION,
        "tool_version": __version__,
        "python": platform.python_version(),
        "boot": facts.boot(),
        "uid": os.getuid(),
    }


def _answer(line: bytes, ops: Mapping[str, str], send: Callable[[str, Mapping[str, object]], None]) -> None:
    number: object = None
    try:
        request = _request(line)
        number = request.get("id")
        function = _function(request.get("op"), ops)
        body = function(request, lambda told: send("event", {**told, "id": number}))
        send("answer", {**body, "id": number})
    except BrokenPipeError:
        raise
    except OpRefused as error:
        send("error", {"code": error.code, "message": str(error), "id": number})
    except Exception as error:  # noqa: BLE001 - the one boundary: whoever asked must hear of it
        words = f"{type(error).__name__}: {error}"[:500]
        code = "permission" if isinstance(error, PermissionError) else "internal"
        send("error", {"code": code, "message": words, "id": number})


def _function(name: object, ops: Mapping[str, str]) -> Callable[[Body, Tell], Body]:
    if not isinstance(name, str) or name not in ops:
        raise OpRefused("unknown-op", "this version does not know what is asked")
    module, _, function = ops[name].rpartition(".")
    found: Callable[[Body, Tell], Body] = getattr(import_module(module), function)
    return found


def _request(line: bytes) -> Body:
    try:
        request = json.loads(line.decode("utf-8"))
    except (ValueError, RecursionError):
        raise OpRefused("bad-request", "this is no JSON") from None
    if not isinstance(request, dict):
        raise OpRefused("bad-request", "this is no request")
    return request
