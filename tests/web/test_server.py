"""Connections on which nothing comes."""

from __future__ import annotations

import asyncio

import pytest
import uvicorn
from starlette.responses import PlainTextResponse
from uvicorn.server import ServerState

from gitfleet.web import server
from gitfleet.web.server import PatientConnection

REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n"


async def heard(said: bytes, until: bytes) -> bytes:
    """What comes on a connection after `said` was sent on it, up to `until` (b"": its end)."""
    config = uvicorn.Config(PlainTextResponse("yes"), http=PatientConnection, lifespan="off", log_config=None)
    config.load()
    state = ServerState()
    loop = asyncio.get_running_loop()
    made = await loop.create_server(lambda: PatientConnection(config, state, {}), "127.0.0.1", 0)
    async with made:
        reader, writer = await asyncio.open_connection(*made.sockets[0].getsockname()[:2])
        writer.write(said)
        found = await (reader.readuntil(until) if until else reader.read())
        writer.close()
    return found


@pytest.mark.parametrize("said", [b"", REQUEST], ids=["nothing", "half a request"])
def test_connection_without_a_whole_request_is_closed_in_time(
    said: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "FIRST", 0.05)
    assert asyncio.run(heard(said, b"")) == b""


def test_connection_with_a_request_is_answered() -> None:
    assert asyncio.run(heard(REQUEST + b"\r\n", b"yes")).startswith(b"HTTP/1.1 200")
