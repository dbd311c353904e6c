from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from gitfleet.hosts import asking
from gitfleet.hosts.wire import Wire


@pytest.fixture(params=["pidfd", "looking", "no-waitid"])
def system(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A system like this one, and such as can tell less of a process."""
    if request.param != "pidfd":
        monkeypatch.delattr(os, "pidfd_open", raising=False)
    if request.param == "no-waitid":
        monkeypatch.delattr(os, "waitid", raising=False)


def run(script: str, body: Callable[[Wire], Awaitable[None]]) -> int | None:
    """Have `body` use a Python program; how that ended."""

    async def use() -> int | None:
        wire = Wire([sys.executable, "-c", script], os.environ)
        try:
            await body(wire)
        finally:
            await wire.close()
        return wire.code

    return asyncio.run(use())


async def everything(wire: Wire) -> bytes:
    data = b""
    while more := await wire.read():
        data += more
    return data


LEAVER = "import subprocess, sys; print(subprocess.Popen(['sleep', '1000']).pid, flush=True); sys.exit({})"


def wait_for_the_end(pid: int) -> None:
    """Return when a process runs no more, or is only left to be reaped."""
    with suppress(ProcessLookupError, FileNotFoundError):
        while ") Z " not in Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace"):
            os.sched_yield()


@pytest.mark.usefixtures("system")
def test_end_is_noticed_while_somebody_holds_the_pipes() -> None:
    pids: list[int] = []

    async def body(wire: Wire) -> None:
        pids.append(int(await everything(wire)))

    assert run(LEAVER.format(3), body) == 3
    wait_for_the_end(pids[0])


@pytest.mark.usefixtures("system")
def test_program_is_fed_and_read_however_much_there_is() -> None:
    async def body(wire: Wire) -> None:
        data = os.urandom(5 << 20)
        writing = asyncio.create_task(wire.write(data))
        got = b""
        while len(got) < len(data):
            got += await wire.read()
        await writing
        wire.close_input()
        assert got == data
        assert await everything(wire) == b""

    assert run("import shutil, sys; shutil.copyfileobj(sys.stdin.buffer, sys.stdout.buffer)", body) == 0


@pytest.mark.usefixtures("system")
def test_program_that_does_not_listen_to_signals_is_killed_with_what_it_has_started() -> None:
    script = (
        "import os, signal, subprocess, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(1000)'])\n"
        "print(child.pid, flush=True); time.sleep(1000)\n"
    )
    pids: list[int] = []

    async def body(wire: Wire) -> None:
        pids.append(int(await wire.read()))

    assert run(script, body) == -signal.SIGKILL
    wait_for_the_end(pids[0])


@pytest.mark.usefixtures("system")
def test_program_that_has_ended_well_may_leave_another_running() -> None:
    pids: list[int] = []

    async def body(wire: Wire) -> None:
        pids.append(int(await everything(wire)))

    assert run(LEAVER.format(0), body) == 0
    os.kill(pids[0], signal.SIGKILL)


def test_last_words_are_kept_of_however_many() -> None:
    async def body(wire: Wire) -> None:
        await everything(wire)
        assert wire.said.endswith("the end\n")
        assert len(wire.said) <= 16384

    assert run("import sys; sys.stderr.write('x' * 100_000 + 'the end\\n'); sys.exit(1)", body) == 1


def test_reader_that_waits_holds_the_writer_back() -> None:
    async def body(wire: Wire) -> None:
        await wire.read()
        await asyncio.sleep(0)
        assert sum(map(len, wire._chunks)) <= 17 << 16

    run("import sys\nwhile True: sys.stdout.write('x' * 65536)", body)


def test_program_that_is_not_there_is_told_by_the_system() -> None:
    async def start() -> None:
        Wire(["/nowhere/ssh"], os.environ)

    with pytest.raises(FileNotFoundError):
        asyncio.run(start())


def test_request_to_stop_right_after_a_start_leaves_nothing_running(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[int] = []

    class Popen(subprocess.Popen[bytes]):
        def __init__(self, *args: Any, **more: Any) -> None:
            super().__init__(*args, **more)
            started.append(self.pid)
            signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr("gitfleet.hosts.wire.subprocess.Popen", Popen)

    async def use() -> None:
        Wire(["sleep", "1000"], os.environ)

    with pytest.raises(SystemExit):
        asking.run(use())
    with pytest.raises(ProcessLookupError):
        os.kill(started[0], 0)
