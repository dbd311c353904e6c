"""The official client of the protocol, in every version that it speaks."""

from __future__ import annotations

from typing import Any

import anyio
import pytest
from mcp import StdioServerParameters
from mcp.client.client import Client
from mcp.client.session import ClientSession
from mcp.client.stdio import stdio_client
from mcp_types import version as versions

from gitfleet.mcp import messages
from tests.cli.conftest import Cli
from tests.mcp.conftest import PROGRAM


def parameters(cli: Cli) -> StdioServerParameters:
    env = {**cli.gitfleet.environment(), "GITFLEET_SESSION": str(cli.clone.session)}
    return StdioServerParameters(command=PROGRAM[0], args=PROGRAM[1:], env=env, cwd=cli.clone.path)


def test_the_versions_are_those_of_the_official_library() -> None:
    assert set(messages.HANDSHAKE) == set(versions.HANDSHAKE_PROTOCOL_VERSIONS)
    assert set(messages.MODERN) == set(versions.MODERN_PROTOCOL_VERSIONS)
    assert messages.HANDSHAKE[0] == versions.LATEST_HANDSHAKE_VERSION


async def whole_round(client: Client | ClientSession) -> None:
    """Claim, check, tell, list: what comes back is held against the declared schemas by the client itself."""
    listed = await client.list_tools()
    assert {
        "claim",
        "release",
        "wait",
        "check",
        "status",
        "queue",
        "queue_add",
        "messages",
        "message_verify",
        "tell",
    } == {tool.name for tool in listed.tools}
    done: Any = await client.call_tool("claim", {"paths": ["src/a.py"]})
    assert not done.is_error
    assert [claim["pattern"] for claim in done.structured_content["data"]["granted"]] == ["src/a.py"]
    checked: Any = await client.call_tool("check", {"paths": ["src/a.py"]})
    assert checked.structured_content["data"]["paths"][0]["state"] == "mine"
    refused: Any = await client.call_tool("claim", {"paths": 7})
    assert refused.is_error
    await client.call_tool("release", {})


@pytest.mark.parametrize("mode", ["legacy", "auto", *versions.MODERN_PROTOCOL_VERSIONS])
def test_the_official_client_in_each_mode_works_with_every_tool(cli: Cli, mode: str) -> None:
    async def play() -> None:
        async with Client(stdio_client(parameters(cli)), mode=mode) as client:
            assert client.protocol_version == (
                versions.LATEST_HANDSHAKE_VERSION if mode == "legacy" else versions.LATEST_MODERN_VERSION
            )
            assert client.server_info is None or client.server_info.name == "gitfleet"
            await whole_round(client)

    anyio.run(play)


@pytest.mark.parametrize("version", versions.HANDSHAKE_PROTOCOL_VERSIONS)
def test_a_handshake_in_an_older_version_goes_on_in_that_version(
    cli: Cli, version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mcp.client.session.LATEST_HANDSHAKE_VERSION", version)

    async def play() -> None:
        async with stdio_client(parameters(cli)) as (read, write), ClientSession(read, write) as session:
            begun = await session.initialize()
            assert begun.protocol_version == version
            await session.send_ping()
            await whole_round(session)

    anyio.run(play)


def test_progress_of_a_wait_reaches_the_official_client_and_its_end_too(cli: Cli) -> None:
    cli("claim", "src/a.py", env=cli.other).ok()
    heard = anyio.Event()

    async def note(progress: float, total: float | None, message: str | None) -> None:
        assert total == 3000
        assert message
        assert progress >= 0
        heard.set()

    async def play() -> None:
        async with (
            Client(stdio_client(parameters(cli)), mode="legacy") as client,
            anyio.create_task_group() as group,
        ):
            results: list[Any] = []

            async def wait() -> None:
                given = {"paths": ["src/a.py"], "timeout": 3000}
                results.append(await client.call_tool("wait", given, progress_callback=note))

            group.start_soon(wait)
            await heard.wait()
            there: Any = await client.call_tool("check", {"paths": ["src/a.py"]})  # meanwhile
            assert there.structured_content["data"]["paths"][0]["state"] == "theirs"
            freed: Any = await client.call_tool("release", {"session": str(cli.clone.other)})
            assert not freed.is_error
        assert results[0].structured_content["status"] == "ok"

    anyio.run(play)
