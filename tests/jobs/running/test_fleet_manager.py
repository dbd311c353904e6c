"""The FleetManager with real agents: events, order, limits, cancelling, and managers that are killed."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from gitfleet import FleetManager
from gitfleet.errors import LocalStorage
from gitfleet.jobs import troubles
from gitfleet.jobs.attempts import conclusion, start
from gitfleet.jobs.errors import (
    AgentNotFoundError,
    ConfigurationError,
    InvalidStateError,
    JobNotFoundError,
    ScheduleNotFoundError,
)
from gitfleet.jobs.events import StopProgress
from gitfleet.jobs.records import job_ids
from gitfleet.jobs.words import JobStatus
from tests.workbench import ROOT, overlaid

TERMINAL = {"job:completed", "job:failed", "job:cancelled"}
QUICK = "echo one; echo two > two.txt"
HANGS = "echo ready; exec sleep 1000"


@pytest.fixture
def place(member: Path) -> Path:
    return member


def agent(place: Path, name: str, script: str, more: str = "") -> None:
    folder = place / "agents"
    folder.mkdir(exist_ok=True)
    text = f"command: [sh, -c, {script!r}]\nworking_directory: ..\nlimits: {{grace: 1s}}\n{more}"
    (folder / f"{name}.yaml").write_text(text)


def manager(place: Path, **more: Any) -> FleetManager:
    return FleetManager(config_path=str(place / "agents"), **more)


def _note(found: list[tuple[str, Any]], name: str, event: Any) -> None:
    found.append((name, event))


def recorded(fleet: FleetManager) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for name in (
        "job:created",
        "agent:started",
        "job:output",
        "agent:stopped",
        *TERMINAL,
        "started",
        "stopped",
    ):
        fleet.on(name, partial(_note, found, name))
    return found


@pytest.mark.always
def test_job_goes_from_its_trigger_to_its_end_with_its_events_in_order(place: Path) -> None:
    agent(place, "tidy", QUICK)

    async def main() -> None:
        fleet = manager(place)
        said = recorded(fleet)
        fleet.on("job:created", lambda _: 1 / 0)
        async with fleet:
            job = await fleet.trigger("tidy")
            assert job.status is JobStatus.QUEUED
            assert "".join([chunk async for chunk in fleet.stream_job_output(job.id)]) == "one\n"
            await fleet.until_idle()
        names = [name for name, _ in said]
        assert names == [
            "started", "job:created", "agent:started", "job:output", "agent:stopped", "job:completed", "stopped",
        ]  # fmt: skip
        assert fleet.get_job(job.id).output == "one\n"
        assert "".join([chunk async for chunk in fleet.stream_job_output(job.id)]) == "one\n"

    asyncio.run(main())


def test_queries_need_no_event_loop(place: Path) -> None:
    agent(place, "tidy", QUICK)
    fleet = manager(place)
    assert (fleet.state, fleet.get_jobs()) == ("uninitialized", [])
    with pytest.raises(InvalidStateError):
        fleet.get_status()
    with pytest.raises(ValueError, match="complete"):
        fleet.get_jobs(status="complete")
    asyncio.run(fleet.initialize())
    assert dict(fleet.get_status().agents) == {"total": 1, "running": 0, "idle": 1}
    assert fleet.get_agent("tidy").state == "idle"
    with pytest.raises(AgentNotFoundError):
        fleet.get_agent("nobody")
    with pytest.raises(JobNotFoundError):
        fleet.get_job(job_ids.new())


def test_operation_in_a_wrong_state_is_refused(place: Path) -> None:
    agent(place, "tidy", QUICK)

    async def main() -> None:
        fleet = manager(place)
        with pytest.raises(InvalidStateError):
            await fleet.start()
        async with fleet:
            with pytest.raises(InvalidStateError):
                await fleet.start()
            with pytest.raises(AgentNotFoundError):
                await fleet.trigger("nobody")
            with pytest.raises(ScheduleNotFoundError):
                await fleet.trigger("tidy", "never")
            other = manager(place)
            await other.initialize()
            with pytest.raises(InvalidStateError):
                await other.start()
        await fleet.stop()
        (place / "agents/tidy.yaml").write_text("comand: x\n")
        with pytest.raises(ConfigurationError):
            await manager(place).initialize()

    asyncio.run(main())


def test_limits_hold_and_priority_goes_first(place: Path) -> None:
    agent(place, "tidy", "echo ran")
    agent(place, "slow", HANGS)

    async def main() -> None:
        fleet = manager(place, fleet_wide=1)
        order: list[str] = []
        async with fleet:
            ready = asyncio.Event()
            fleet.on("job:output", lambda _: ready.set())
            first = await fleet.trigger("slow")
            await ready.wait()
            fleet.on("agent:started", lambda event: order.append(event.job_id))
            jobs = [await fleet.trigger("tidy", priority=priority) for priority in (0, 5, 0)]
            assert fleet.get_status().jobs["active"] == 1
            assert fleet.get_status().jobs["queued"] == 3
            assert fleet.get_agent("slow").current_job == first.id
            assert (await fleet.cancel_job(first.id)).status is JobStatus.CANCELLED
            await fleet.until_idle()
        assert order == [jobs[1].id, jobs[0].id, jobs[2].id]

    asyncio.run(main())


def test_job_that_waits_is_cancelled_at_once_and_one_that_ended_not_at_all(place: Path) -> None:
    agent(place, "slow", HANGS)

    async def main() -> None:
        fleet = manager(place)
        said = recorded(fleet)
        async with fleet:
            first, second = await fleet.trigger("slow"), await fleet.trigger("slow")
            assert (await fleet.cancel_job(second.id)).status is JobStatus.CANCELLED
            with pytest.raises(InvalidStateError):
                await fleet.cancel_job(second.id)
            await fleet.stop(wait_for_jobs=False)
            assert fleet.get_job(first.id).status is JobStatus.CANCELLED
            ends = [event.job_id for name, event in said if name in TERMINAL]
            assert sorted(ends) == sorted([first.id, second.id])

    asyncio.run(main())


KILLED = """
import asyncio, sys
from gitfleet import FleetManager
async def main():
    fleet = FleetManager(config_path=sys.argv[1])
    await fleet.initialize()
    await fleet.start()
    fleet.on("job:output", lambda event: print(event.job_id, event.chunk, end="", flush=True))
    await fleet.trigger(sys.argv[2])
    await asyncio.Event().wait()
asyncio.run(main())
"""


def test_job_goes_on_when_its_manager_is_killed_and_the_next_one_takes_it_up(place: Path) -> None:
    os.mkfifo(place / ".git/gate")
    agent(place, "long", f"echo ready; read -r _ < {place}/.git/gate; echo over; echo 1 >> runs.txt")
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, place / "agents", "long"], env=overlaid({"PYTHONPATH": str(ROOT)}),
        stdout=subprocess.PIPE, text=True,
    ) as first:  # fmt: skip
        assert first.stdout is not None
        job_id = first.stdout.readline().split()[0]
        first.send_signal(signal.SIGKILL)

    async def main() -> None:
        fleet = manager(place)
        said = recorded(fleet)
        async with fleet:
            assert fleet.get_job(job_id).status is JobStatus.RUNNING
            (place / ".git/gate").write_text("go\n")
            await fleet.until_idle()
        job = fleet.get_job(job_id)
        assert (job.status, job.error, job.output) == (JobStatus.COMPLETED, "", "ready\nover\n")
        assert Path(job.attempts[0].worktree, "runs.txt").read_text() == "1\n"
        assert [name for name, _ in said if name in TERMINAL] == ["job:completed"]

    asyncio.run(main())


@pytest.mark.parametrize("step", ["start", "conclude"])
def test_job_that_could_not_be_looked_after_is_looked_after_again_and_runs_once(
    place: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    agent(place, "tidy", f"echo 1 >> {place}/.git/runs; echo two > two.txt")
    monkeypatch.setattr(troubles, "_FIRST", 0.01)
    where: Any = {"start": start, "conclude": conclusion}[step]
    real, left = getattr(where, step), ["once", "twice"]

    def fails(*given: Any, **more: Any) -> Any:
        if left:
            raise ValueError(left.pop())
        return real(*given, **more)

    monkeypatch.setattr(where, step, fails)

    async def main() -> None:
        fleet = manager(place)
        said = recorded(fleet)
        async with fleet:
            job = await fleet.trigger("tidy")
            await fleet.until_idle()
        assert fleet.get_job(job.id).status is JobStatus.COMPLETED
        assert [name for name, _ in said if name in TERMINAL] == ["job:completed"]

    asyncio.run(main())
    assert (place / ".git/runs").read_text() == "1\n"


def test_job_that_nobody_can_look_after_keeps_no_manager_from_its_end(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent(place, "tidy", QUICK)
    monkeypatch.setattr(troubles, "_FIRST", 0.001)

    def fails(*_: Any, **__: Any) -> None:
        raise LocalStorage("The disk is full.")

    async def main() -> None:
        fleet = manager(place)
        with monkeypatch.context() as broken:
            broken.setattr(conclusion, "conclude", fails)
            async with fleet:
                job = await fleet.trigger("tidy")
                await fleet.until_idle()
        assert fleet.get_job(job.id).status is JobStatus.RUNNING
        async with manager(place) as other:
            await other.until_idle()
            assert other.get_job(job.id).status is JobStatus.COMPLETED

    asyncio.run(main())


@pytest.mark.parametrize("fails", [False, True])
def test_progress_of_stop_that_fails_or_is_asynchronous_does_not_keep_it_from_stopping(
    place: Path, tmp_path: Path, fails: bool, caplog: pytest.LogCaptureFixture
) -> None:
    done = tmp_path / "done"
    agent(place, "waits", f"echo ready; while ! test -e {done}; do sleep 0.05; done")
    told: list[int] = []

    def heard(progress: StopProgress) -> None:
        told.append(progress.pending_jobs)
        done.touch()

    async def later(progress: StopProgress) -> None:
        await asyncio.sleep(0)
        heard(progress)

    def broken(progress: StopProgress) -> None:
        heard(progress)
        raise RuntimeError("boom")

    async def main() -> tuple[str, str]:
        fleet, ready = manager(place), asyncio.Event()
        await fleet.initialize()
        await fleet.start()
        fleet.on("job:output", lambda _: ready.set())
        job = await fleet.trigger("waits")
        await ready.wait()
        await fleet.stop(timeout=None, on_progress=broken if fails else later)
        return fleet.state, fleet.get_job(job.id).status

    assert asyncio.run(main()) == ("stopped", "completed")
    assert told == [1]
    assert ("progress of stop" in caplog.text) == fails
