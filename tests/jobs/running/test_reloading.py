"""Agent files that change under a manager that runs: what holds for whom, what is told, and what a bad file does."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from gitfleet import FleetManager
from gitfleet.jobs import waiting
from gitfleet.jobs.errors import ConfigurationError, InvalidStateError
from gitfleet.jobs.logs.entries import LogEntry
from gitfleet.jobs.words import JobStatus


@pytest.fixture
def place(member: Path) -> Path:
    (member / "agents").mkdir()
    return member


def agent(place: Path, name: str, script: str, more: str = "") -> None:
    text = f"command: [sh, -c, {script!r}]\nworking_directory: ..\nlimits: {{grace: 1s}}\n{more}"
    (place / f"agents/{name}.yaml").write_text(text)


def manager(place: Path) -> FleetManager:
    return FleetManager(config_path=str(place / "agents"))


def test_job_that_runs_keeps_what_it_began_with_and_new_ones_get_the_new(place: Path) -> None:
    os.mkfifo(place / ".git/gate")
    agent(place, "tidy", f"read -r _ < {place}/.git/gate; echo old")

    async def main() -> None:
        async with manager(place) as fleet:
            told: list[Any] = []
            fleet.on("config:reloaded", told.append)
            running = asyncio.Event()
            fleet.on("agent:started", lambda _: running.set())
            first = await fleet.trigger("tidy")
            await running.wait()
            agent(place, "tidy", "echo new", "concurrency: 2\n")
            agent(place, "other", "echo other")
            found = await fleet.reload()
            assert found == [
                "agent:other added",
                "agent:tidy:command changed",
                "agent:tidy:concurrency changed",
            ]
            assert [event.changes for event in told] == [tuple(found)]
            second = await fleet.trigger("tidy")
            assert "".join([chunk async for chunk in fleet.stream_job_output(second.id)]) == "new\n"
            (place / ".git/gate").write_text("go\n")
            await fleet.until_idle()
            assert fleet.get_job(first.id).output == "old\n"
            assert await fleet.reload() == []

    asyncio.run(main())


def test_files_that_cannot_be_used_change_nothing_and_are_told_in_the_log(place: Path) -> None:
    agent(place, "tidy", "echo one")

    async def main() -> None:
        fleet = manager(place)
        with pytest.raises(InvalidStateError):
            await fleet.reload()
        async with fleet:
            (place / "agents/tidy.yaml").write_text("comand: x\n")
            with pytest.raises(ConfigurationError) as caught:
                await fleet.reload()
            assert "did you mean command?" in caught.value.validation_errors[0]
            job = await fleet.trigger("tidy")
            await fleet.until_idle()
            assert fleet.get_job(job.id).output == "one\n"
        errors = [entry async for entry in fleet.stream_logs(level="error")]
        assert "comand: there is no such key" in errors[0].message

    asyncio.run(main())


def test_job_of_an_agent_that_is_gone_waits_and_runs_when_it_is_back(place: Path) -> None:
    agent(place, "slow", "echo ready; exec sleep 1000")
    agent(place, "gone", "echo here")

    async def main() -> None:
        async with manager(place) as fleet:
            text = (place / "agents/gone.yaml").read_text()
            job = await fleet.trigger("gone", priority=1)
            await fleet.until_idle()
            (place / "agents/gone.yaml").unlink()
            await fleet.reload()
            waits = fleet.store.create(
                type(job)("job-" + "0" * 26, "gone", JobStatus.QUEUED, working_directory=str(place))
            )
            await fleet.reload()
            assert fleet.get_job(waits.id).status is JobStatus.QUEUED
            assert "no agent gone any more" in waiting.reasons(fleet.store, [waits])[waits.id]
            (place / "agents/gone.yaml").write_text(text)
            await fleet.reload()
            await fleet.until_idle()
            assert fleet.get_job(waits.id).status is JobStatus.COMPLETED

    asyncio.run(main())


def test_logs_of_an_agent_have_what_its_jobs_wrote_in_order_and_end_with_the_manager(place: Path) -> None:
    agent(place, "tidy", "echo one; echo two")
    agent(place, "other", "echo noise")

    async def main() -> None:
        fleet = manager(place)
        heard: list[LogEntry] = []
        async with fleet:
            await fleet.trigger("tidy")
            await fleet.until_idle()
            task = fleet.stream_agent_logs("tidy", on_entry=heard.append)
            await fleet.trigger("other")
            await fleet.trigger("tidy")
            await fleet.until_idle()
        await task
        assert [one.message for one in heard if one.source == "stdout"] == ["one", "two"] * 2
        assert {one.agent_name for one in heard} == {"tidy"}
        assert [one.event for one in heard if one.event].count("job:completed") == 2
        whole = [one async for one in fleet.stream_logs()]
        assert [one.seq for one in whole] == list(range(1, len(whole) + 1))
        assert (whole[0].event, whole[-1].event) == ("started", "stopped")
        other = manager(place)
        assert [one async for one in other.stream_logs(follow=False)] == whole
        with pytest.raises(ValueError, match="no level"):
            fleet.stream_logs(level="loud")

    asyncio.run(main())


def test_output_is_given_to_a_function_which_may_fail(place: Path) -> None:
    agent(place, "tidy", "echo one; echo two")

    async def main() -> None:
        async with manager(place) as fleet:
            job = await fleet.trigger("tidy")
            chunks: list[str] = []

            def heard(chunk: str) -> None:
                chunks.append(chunk)
                raise RuntimeError

            await fleet.stream_job_output(job.id, heard)
            assert chunks == ["one\n", "two\n"]

    asyncio.run(main())


def test_manager_that_leaves_its_jobs_running_is_followed_by_one_that_takes_them_up(place: Path) -> None:
    os.mkfifo(place / ".git/gate")
    agent(place, "long", f"echo ready; read -r _ < {place}/.git/gate; echo over")

    async def main() -> None:
        fleet = manager(place)
        said: list[str] = []
        async with fleet:
            fleet.on("agent:stopped", lambda event: said.append(event.job_id))
            ready = asyncio.Event()
            fleet.on("job:output", lambda _: ready.set())
            job = await fleet.trigger("long")
            await ready.wait()
            await fleet.stop(leave_running=True)
            assert fleet.state == "stopped"
            await fleet.stop()
        assert (fleet.get_job(job.id).status, said) == (JobStatus.RUNNING, [])
        assert fleet.get_status().manager is None
        async with manager(place) as later:
            there = fleet.get_status().manager
            assert there is not None
            assert there.pid == os.getpid()
            (place / ".git/gate").write_text("go\n")
            await later.until_idle()
            assert later.get_job(job.id).output == "ready\nover\n"
            assert len(later.get_job(job.id).attempts) == 1

    asyncio.run(main())


def test_stop_whose_caller_goes_away_is_ended_by_the_next(place: Path) -> None:
    agent(place, "slow", "echo ready; exec sleep 1000")

    async def main() -> None:
        fleet = manager(place)
        starting = asyncio.create_task(fleet.__aenter__())
        await asyncio.sleep(0)
        await fleet.stop()  # in the middle of the start
        await starting
        await fleet.stop()
        async with manager(place) as fleet:
            ready = asyncio.Event()
            fleet.on("job:output", lambda _: ready.set())
            job = await fleet.trigger("slow")
            await ready.wait()
            waiting = asyncio.Event()
            first = asyncio.create_task(fleet.stop(timeout=None, on_progress=lambda _: waiting.set()))
            await waiting.wait()
            first.cancel()
            await asyncio.wait([first])
            assert fleet.state == "stopping"
            await fleet.stop(timeout=0)
            assert (fleet.state, fleet.get_job(job.id).status) == ("stopped", JobStatus.CANCELLED)

    asyncio.run(main())


def test_stop_that_is_asked_for_again_hurries_the_first(place: Path) -> None:
    agent(place, "slow", "echo ready; exec sleep 1000")

    async def main() -> None:
        fleet = manager(place)
        await fleet.stop()
        async with fleet:
            ready = asyncio.Event()
            fleet.on("job:output", lambda _: ready.set())
            job = await fleet.trigger("slow")
            await ready.wait()
            waiting = asyncio.Event()
            first = asyncio.create_task(fleet.stop(timeout=None, on_progress=lambda _: waiting.set()))
            await waiting.wait()
            with pytest.raises(InvalidStateError):
                await fleet.trigger("slow")
            await fleet.stop(wait_for_jobs=False)
            await first
            assert fleet.get_job(job.id).status is JobStatus.CANCELLED

    asyncio.run(main())
