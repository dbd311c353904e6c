"""The server in a clone, and a client that says exactly what a test wants said."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.cli.conftest import Cli, cli, hub_cli
from tests.workbench import PATIENCE, ROOT, Overlay, overlaid

__all__ = ["cli", "hub_cli"]

PROGRAM = [sys.executable, "-I", "-S", str(ROOT / "gitfleet/mcp/run.py")]
HELLO = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "raw", "version": "1"}}


class RawClient:
    """A server, and what is said to it line by line."""

    def __init__(self, cli: Cli, env: Overlay) -> None:
        variables = {**cli.gitfleet.environment(), **cli.clone.as_session(cli.clone.session), **env}
        self.process = subprocess.Popen(
            PROGRAM, cwd=cli.clone.path, env=overlaid(variables), bufsize=0,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self._in, self._out = self.process.stdin, self.process.stdout
        self._rest = b""

    def say(self, *messages: Any) -> None:
        """Say messages; bytes as they are."""
        for message in messages:
            data = message if isinstance(message, bytes) else json.dumps(message).encode() + b"\n"
            while data:
                data = data[self._in.write(data) or 0 :]

    def next(self) -> Any:
        """The next message; it must be a line of JSON."""
        while b"\n" not in self._rest:
            ready, _, _ = select.select([self._out], [], [], PATIENCE)
            assert ready, "the server says nothing"
            data = os.read(self._out.fileno(), 1 << 16)
            assert data, "the server has ended"
            self._rest += data
        line, self._rest = self._rest.split(b"\n", 1)
        return json.loads(line)

    def ask(self, id_: str | int, method: str, params: Any = None) -> Any:
        """Ask, and wait for the answer; notifications and other answers before it are passed over."""
        self.say(request(id_, method, params))
        return self.answer(id_)

    def answer(self, id_: str | int) -> Any:
        """The answer to a request."""
        while (message := self.next()).get("id") != id_:
            pass
        return message

    def call(self, id_: str | int, tool: str, **arguments: Any) -> Any:
        """Call a tool; its result."""
        return self.ask(id_, "tools/call", {"name": tool, "arguments": arguments})["result"]

    def begin(self) -> None:
        """Do the handshake."""
        self.ask("hello", "initialize", HELLO)
        self.say({"jsonrpc": "2.0", "method": "notifications/initialized"})

    def end(self) -> tuple[list[Any], bytes]:
        """Close the input, and wait for the end: the messages that were left, and what it said on standard error."""
        self._in.close()
        rest = self._rest + self._out.read()
        assert self.process.stderr is not None
        errors = self.process.stderr.read()
        assert self.process.wait(PATIENCE) == 0
        return [json.loads(line) for line in rest.splitlines()], errors

    def close(self) -> None:
        """Leave nothing behind."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.process.wait(PATIENCE)
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()


def request(id_: Any, method: str, params: Any = None) -> dict[str, Any]:
    """A request."""
    return {"jsonrpc": "2.0", "id": id_, "method": method, **({} if params is None else {"params": params})}


@pytest.fixture
def serve(cli: Cli) -> Iterator[Callable[..., RawClient]]:
    """`serve()` starts a server in a clone, after the handshake; `serve(handshake=False)` before it."""
    clients: list[RawClient] = []

    def start(*, handshake: bool = True, env: Overlay | None = None) -> RawClient:
        clients.append(RawClient(cli, env or {}))
        if handshake:
            clients[-1].begin()
        return clients[-1]

    yield start
    for client in clients:
        client.close()
