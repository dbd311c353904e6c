"""Scripted models on loopback: each answers a real client with the next turn of a script, and keeps what it was asked.

Two forms of HTTP: `Responses` is the one that Codex speaks (POST …/responses), `Messages` the one of Claude Code (POST
/v1/messages). Nothing in them thinks, and nothing leaves this machine.
"""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from tests.agents.clients import LONGEST

Event = dict[str, Any]
Asked = dict[str, Any]
_NUMBERS = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a tool: with its `input`, or for a tool that takes free text, with `text`; `namespace` is Codex's."""

    name: str
    input: dict[str, Any] = field(default_factory=dict)
    text: str = ""
    namespace: str = ""


@dataclass(frozen=True, slots=True)
class Turn:
    """What the model says next. Until `gate` is set it thinks; with `status` it fails; `mark` picks the conversation, `unless` leaves one out."""

    say: str = ""
    calls: Sequence[Call] = ()
    gate: threading.Event | None = None
    status: int = 0
    mark: str = ""
    unless: str = ""


def say(text: str, *, gate: threading.Event | None = None, mark: str = "") -> Turn:
    """A turn of words only, which ends the work."""
    return Turn(say=text, gate=gate, mark=mark)


def use(*calls: Call, mark: str = "", gate: threading.Event | None = None) -> Turn:
    """A turn that calls tools."""
    return Turn(calls=calls, mark=mark, gate=gate)


class Model:
    """One scripted model, served while the `with` block runs. `asked` is every request of the main conversations."""

    path = ""
    end = ""
    """What a stream ends with."""

    def __init__(self, *turns: Turn) -> None:
        self._turns, self._lock = list(turns), threading.Lock()
        self.asked: list[Asked] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for turn in self._turns:
            if turn.gate:
                turn.gate.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def heard(self) -> str:
        """All that the client told the model, as one text: refusals and context among it."""
        return "\n".join(_words(asked) for asked in self.asked)

    def turn(self, asked: Asked) -> Turn:
        """The next turn for a request: the first one that is meant for it; the last of all is said again and again."""
        whole = json.dumps(asked)
        with self._lock:
            self.asked.append(asked)
            fitting = [
                turn for turn in self._turns
                if turn.mark in whole and not (turn.unless and turn.unless in whole)
            ]  # fmt: skip
            if not fitting:
                return Turn(say="nothing left to say")
            if fitting[0] is not self._turns[-1] and len(fitting) > 1:
                self._turns.remove(fitting[0])
            return fitting[0]

    def is_main(self, asked: Asked) -> bool:
        """Whether a request is part of the work, and no side question (a title, a summary)."""
        raise NotImplementedError

    def events(self, turn: Turn) -> Iterator[Event]:
        """A turn as the stream that the client reads."""
        raise NotImplementedError


class Responses(Model):
    """What Codex talks to."""

    path = "/responses"

    def is_main(self, asked: Asked) -> bool:
        given = asked.get("input") or []
        if given and "task title" in json.dumps(given[-1]):
            return False
        return bool(asked.get("tools")) or any(item.get("type") == "additional_tools" for item in given)

    def events(self, turn: Turn) -> Iterator[Event]:
        items = [*_message(turn.say), *(_call(call) for call in turn.calls)]
        usage = {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}
        whole = {"id": f"resp_{next(_NUMBERS)}", "object": "response", "output": items, "usage": usage}
        yield {"type": "response.created", "response": {**whole, "status": "in_progress", "output": []}}
        for place, item in enumerate(items):
            for stage in ("added", "done"):
                yield {"type": f"response.output_item.{stage}", "output_index": place, "item": item}
        yield {"type": "response.completed", "response": {**whole, "status": "completed"}}


def _message(text: str) -> list[Event]:
    if not text:
        return []
    content = [{"type": "output_text", "text": text, "annotations": []}]
    return [{"type": "message", "role": "assistant", "id": f"msg_{next(_NUMBERS)}", "content": content}]


def _call(call: Call) -> Event:
    number = next(_NUMBERS)
    named = {"id": f"fc_{number}", "call_id": f"call_{number}", "name": call.name}
    if call.text:
        return {"type": "custom_tool_call", **named, "input": call.text}
    space = {"namespace": call.namespace} if call.namespace else {}
    return {"type": "function_call", **named, **space, "arguments": json.dumps(call.input)}


class Messages(Model):
    """What Claude Code talks to."""

    path = "/v1/messages"

    def is_main(self, asked: Asked) -> bool:
        return bool(asked.get("tools"))

    def events(self, turn: Turn) -> Iterator[Event]:
        usage = {"input_tokens": 1, "output_tokens": 1}
        message: Event = {
            "id": f"msg_{next(_NUMBERS)}", "type": "message", "role": "assistant", "model": "scripted",
            "content": [], "stop_reason": None, "stop_sequence": None, "usage": usage,
        }  # fmt: skip
        yield {"type": "message_start", "message": message}
        for place, (empty, delta) in enumerate(_blocks(turn)):
            yield {"type": "content_block_start", "index": place, "content_block": empty}
            yield {"type": "content_block_delta", "index": place, "delta": delta}
            yield {"type": "content_block_stop", "index": place}
        reason = "tool_use" if turn.calls else "end_turn"
        yield {
            "type": "message_delta",
            "delta": {"stop_reason": reason, "stop_sequence": None},
            "usage": usage,
        }
        yield {"type": "message_stop"}


def _blocks(turn: Turn) -> Iterator[tuple[Event, Event]]:
    if turn.say:
        yield {"type": "text", "text": ""}, {"type": "text_delta", "text": turn.say}
    for call in turn.calls:
        block = {"type": "tool_use", "id": f"toolu_{next(_NUMBERS)}", "name": call.name, "input": {}}
        yield block, {"type": "input_json_delta", "partial_json": json.dumps(call.input)}


def _words(asked: Asked) -> str:
    """All strings in a request, with their line breaks, so that a sentence is found however it was wrapped in JSON."""
    found: list[str] = []
    todo: list[Any] = [asked.get("input"), asked.get("messages")]
    while todo:
        item = todo.pop()
        if isinstance(item, str):
            found.append(item)
        elif isinstance(item, dict):
            todo += item.values()
        elif isinstance(item, list):
            todo += item
    return "\n".join(found)


def _event(event: Event) -> str:
    named = f"event: {event['type']}\n" if "type" in event else ""
    return f"{named}data: {json.dumps(event)}\n\n"


def _handler(model: Model) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            """Say nothing on standard error."""

        def do_HEAD(self) -> None:
            self._plain(200)

        def do_GET(self) -> None:
            self._plain(404)

        def do_POST(self) -> None:
            data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if not self.path.partition("?")[0].endswith(model.path):
                return self._plain(404)
            asked = json.loads(data)
            turn = model.turn(asked) if model.is_main(asked) else Turn(say="ok")
            if turn.gate:
                turn.gate.wait(LONGEST)
            try:
                return self._plain(turn.status) if turn.status else self._stream(model.events(turn))
            except OSError:  # the client has gone
                self.close_connection = True

        def _plain(self, status: int) -> None:
            data = json.dumps({"error": {"type": "scripted", "message": f"scripted {status}"}}).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(data)

        def _stream(self, events: Iterator[Event]) -> None:
            data = ("".join(map(_event, events)) + model.end).encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    return Handler


Play = Callable[..., Model]
