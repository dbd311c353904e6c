"""Where the server listens, and connections on which nothing comes."""

from __future__ import annotations

import asyncio
import socket

import pytest
import uvicorn
from starlette.responses import PlainTextResponse
from uvicorn.server import ServerState

from gitfleet.errors import UsageError
from gitfleet.web import server
from gitfleet.web.server import PatientConnection
from tests.gatebench import Gated

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


@pytest.mark.parametrize("host", ["", " "])
def test_address_that_is_empty_is_refused_and_never_means_every_address(host: str) -> None:
    with pytest.raises(UsageError, match="empty"):
        server._listen(host, 0)


def test_port_that_is_taken_is_told_in_words_of_ours() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UsageError) as refused:
            server._listen("127.0.0.1", port)
    assert refused.value.message == f"Could not listen at 127.0.0.1, port {port}: Address already in use."
    assert "another port" in refused.value.hint


@pytest.mark.parametrize(
    ("host", "url", "is_open"),
    [("127.0.0.1", "http://127.0.0.1:", False), ("localhost", "http://localhost:", False), ("0.0.0.0", "http://127.0.0.1:", True)],
)  # fmt: skip
def test_server_says_an_address_that_works_here_and_whether_others_can_ask(
    alone: Gated, host: str, url: str, is_open: bool
) -> None:
    with alone.open() as fleet:
        made = server.WebServer(fleet, host, 0, read_only=False)
        made.close()
    assert made.url.startswith(url)
    assert made.is_open is is_open
