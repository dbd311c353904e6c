"""The place of a manager: who has it, what a killed one leaves, and what others ask of it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from pathlib import Path

import pytest

from gitfleet import FleetManager
from gitfleet.base import statefile
from gitfleet.jobs.daemon import presence, requests
from gitfleet.jobs.daemon.presence import RunningManager
from gitfleet.jobs.daemon.requests import ManagerRequest
from gitfleet.jobs.errors import FleetManagerError
from gitfleet.jobs.logs import journal
from tests.jobs.dying import DIES_IN
from tests.workbench import ROOT
from tests.workbench import run as run_program

DIES = (
    DIES_IN
    + """
import asyncio, sys
from gitfleet import FleetManager
from gitfleet.base import files
from gitfleet.jobs.daemon import presence, requests
from gitfleet.jobs.daemon.requests import RequestBox
from gitfleet.jobs.daemon.seat import ManagerSeat
from gitfleet.jobs.dispatcher import Dispatcher
from gitfleet.jobs.logs.journal import Journal
from gitfleet.jobs.logs.keeping import EventLog
dies_in({step})
async def main():
    async with FleetManager(config_path=sys.argv[1], state_dir=sys.argv[2]):
        await asyncio.to_thread(requests.ask, sys.argv[2], presence.present(sys.argv[2]),
            requests.ManagerRequest(presence.present(sys.argv[2]).instance, requests.RELOAD))
asyncio.run(main())
"""
)
STEPS = [
    "EventLog, '__init__', after=True",
    "Journal, 'write', after=True",
    "presence, 'announce'",
    "presence, 'announce', after=True",
    "Dispatcher, 'start'",
    "RequestBox, 'open', after=True",
    "RequestBox, '_take'",
    "RequestBox, '_begin'",
    "FleetManager, 'reload'",
    "EventLog, 'close'",
    "presence, 'withdraw'",
    "presence, 'withdraw', after=True",
]


@pytest.fixture
def agents(lone_member: Path) -> Path:
    (lone_member / "agents").mkdir()
    (lone_member / "agents/tidy.yaml").write_text("command: [sh, -c, echo one]\nworking_directory: ..\n")
    return lone_member / "agents"


@pytest.mark.sample(4)
@pytest.mark.parametrize("step", STEPS)
def test_manager_that_is_killed_at_any_step_is_followed_by_another(
    agents: Path, tmp_path: Path, step: str
) -> None:
    state = str(tmp_path / "state")
    argv: list[str | Path] = [sys.executable, "-c", DIES.format(step=step), agents, state]
    run_program(argv, tmp_path, env={"PYTHONPATH": str(ROOT)}).ended(-signal.SIGKILL)
    assert presence.present(state) is None

    async def main() -> None:
        async with FleetManager(config_path=str(agents), state_dir=state):
            there = presence.present(state)
            assert there is not None
            assert there.pid == os.getpid()
            said = await asyncio.to_thread(
                requests.ask, state, there, ManagerRequest(there.instance, requests.RELOAD)
            )
            assert list(said) == []
        assert presence.present(state) is None

    asyncio.run(main())
    assert os.listdir(os.path.join(state, "requests")) == []
    told = [one.message for one in journal.read(state)]
    assert told[-1].startswith("stopped")
    known = step not in {"presence, 'announce'", "presence, 'withdraw', after=True", STEPS[0]}
    assert any("ended without a word" in words for words in told) == known


def test_request_to_a_former_manager_does_nothing(agents: Path, tmp_path: Path) -> None:
    state = str(tmp_path / "state")

    async def main() -> None:
        async with FleetManager(config_path=str(agents), state_dir=state) as fleet:
            former = RunningManager("former")
            with pytest.raises(FleetManagerError, match="ended before it answered"):
                await asyncio.to_thread(requests.ask, state, former, ManagerRequest("former", requests.STOP))
            Path(state, "requests/odd.request").write_bytes(b"{broken")
            there = presence.present(state)
            assert there is not None
            await asyncio.to_thread(
                requests.ask, state, there, ManagerRequest(there.instance, requests.RELOAD)
            )
            assert fleet.state == "running"

    asyncio.run(main())


def test_manager_in_a_program_is_stopped_from_elsewhere(agents: Path, tmp_path: Path) -> None:
    state = str(tmp_path / "state")

    async def main() -> None:
        async with FleetManager(config_path=str(agents), state_dir=state) as fleet:
            stopped = asyncio.Event()
            fleet.on("stopped", lambda _: stopped.set())
            there = presence.present(state)
            assert there is not None
            await asyncio.to_thread(requests.ask, state, there, ManagerRequest(there.instance, requests.STOP))
            await stopped.wait()
            assert fleet.state == "stopped"
            assert presence.present(state) is None

    asyncio.run(main())


def test_lock_without_a_name_is_waited_for(tmp_path: Path) -> None:
    state = str(tmp_path)
    lock = presence.lock(state)
    assert presence.met(state) is None
    assert lock.acquire()
    found: list[RunningManager | None] = []
    asks = threading.Thread(target=lambda: found.append(presence.met(state)))
    asks.start()
    there = presence.announce(state, "/agents")
    asks.join()
    assert found == [there]
    assert presence.present(state) == there
    statefile.save(str(tmp_path / presence.RECORD), RunningManager("x"))
    assert presence.present(state) == RunningManager("x")
    lock.release()
    assert presence.present(state) is None


FULL = """
import asyncio, resource, sys
from gitfleet import FleetManager
from gitfleet.errors import LocalStorage
from gitfleet.jobs.daemon import presence
async def main():
    fleet = FleetManager(config_path=sys.argv[1], state_dir=sys.argv[2])
    await fleet.initialize()
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
    try:
        await fleet.start()
    except LocalStorage as error:
        print(fleet.state, presence.present(sys.argv[2]), error.message)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    await fleet.start()
    print(fleet.state)
    await fleet.stop()
asyncio.run(main())
"""


def test_state_directory_that_takes_no_more_is_told_and_given_back(agents: Path, tmp_path: Path) -> None:
    argv: list[str | Path] = [sys.executable, "-c", FULL, agents, tmp_path / "state"]
    told = run_program(argv, tmp_path, env={"PYTHONPATH": str(ROOT)}).ok().stdout.splitlines()
    assert told[0].startswith("initialized None Could not write ")
    assert "What was there is unchanged." in told[0]
    assert told[1:] == ["running"]
