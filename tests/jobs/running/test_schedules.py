"""A FleetManager with schedules: what fires when it starts, its events, limits that skip, and what other processes switch."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from gitfleet import FleetManager
from gitfleet.base import clock
from gitfleet.codec import replace
from gitfleet.jobs import submission
from gitfleet.jobs.admission import Bounds
from gitfleet.jobs.definitions import configuration
from gitfleet.jobs.definitions.schema import Agent
from gitfleet.jobs.dispatcher import Dispatcher
from gitfleet.jobs.errors import AgentNotFoundError, InvalidStateError, ScheduleNotFoundError
from gitfleet.jobs.events import NAMES, Listeners
from gitfleet.jobs.records.job_record import JobRecord
from gitfleet.jobs.records.store import JobStore
from gitfleet.jobs.schedules import known, plans
from gitfleet.jobs.words import JobStatus
from tests.workbench import Gitfleet

HOUR = 3_600_000


@pytest.fixture
def place(member: Path) -> Path:
    (member / "agents").mkdir()
    return member


def agent(place: Path, script: str, rules: str) -> None:
    text = f"command: [sh, -c, {script!r}]\nworking_directory: ..\nlimits: {{grace: 1s}}\n{rules}\n"
    (place / "agents/tidy.yaml").write_text(text)


def overdue(place: Path) -> JobStore:
    """A state directory in which each schedule should have fired an hour ago."""
    store = JobStore(str(place / ".git/gitfleet/jobs"))
    then = clock.milliseconds() - HOUR
    for one in known.schedules(
        store.folder, configuration.load(str(place / "agents"), environ=dict(os.environ)), then
    ):
        plans.shelf(store.folder).put(
            one.agent.name, one.name, replace(plans.moved(None, one.basis, then), changed_at=then)
        )
    return store


def _note(found: list[tuple[str, Any]], name: str, event: Any) -> None:
    found.append((name, event))


def test_missed_time_fires_at_the_start_with_its_events_in_order(place: Path) -> None:
    agent(place, "echo out", "schedules: {s: {interval: 1h, catch_up: one, prompt: Do it}}")
    overdue(place)
    said: list[tuple[str, Any]] = []

    async def main() -> FleetManager:
        fleet = FleetManager(config_path=str(place / "agents"))
        for name in NAMES:
            fleet.on(name, partial(_note, said, name))
        async with fleet:
            await fleet.until_idle()
        return fleet

    fleet = asyncio.run(main())
    (job,) = fleet.get_jobs()
    assert (job.status, job.schedule_name, job.prompt) == (JobStatus.COMPLETED, "s", "Do it")
    names = [name for name, _ in said]
    assert names == [
        "started", "schedule:triggered", "job:created", "agent:started", "job:output", "agent:stopped",
        "job:completed", "stopped",
    ]  # fmt: skip
    triggered = said[1][1]
    assert (triggered.agent_name, triggered.schedule_name, triggered.job_id) == ("tidy", "s", job.id)
    found = fleet.get_schedule("tidy", "s")
    assert (found.last_job, found.interval, found.cron, found.timezone) == (job.id, HOUR, None, "UTC")
    assert found.last_trigger >= job.created_at > job.planned_at


def test_scheduled_jobs_and_others_count_together_and_at_the_limit_a_schedule_is_skipped(place: Path) -> None:
    rules = "{interval: 1h, catch_up: one}"
    agent(place, "exec sleep 1000", f"concurrency: 2\nschedules: {{a: {rules}, b: {rules}}}")
    overdue(place)

    async def main() -> None:
        fleet = FleetManager(config_path=str(place / "agents"))
        store = fleet.store
        manual = store.create(
            submission.new(configuration.load(str(place / "agents"), environ={}).agents["tidy"])
        )
        skipped: list[Any] = []
        fleet.on("schedule:skipped", skipped.append)
        async with fleet:
            (one,) = skipped
            assert (one.schedule_name, one.reason, one.running, one.limit) == ("b", "concurrency_limit", 2, 2)
            scheduled, first = fleet.get_jobs()
            assert (first.id, scheduled.schedule_name) == (manual.id, "a")
            assert {scheduled.status, first.status} == {JobStatus.RUNNING}
            assert fleet.get_status().scheduler["active_schedules"] == 2
            await fleet.stop(wait_for_jobs=False)

    asyncio.run(main())


class NoMemory:
    """A hold."""

    def refresh(self) -> None:
        """Nothing to read."""

    def why(self, job: JobRecord, agent: Agent) -> str:
        del job, agent
        return "12 MiB of memory are free, and 512 MiB must be"


def test_reason_to_hold_jobs_back_is_that_of_a_time_without_a_job(lone_member: Path, tmp_path: Path) -> None:
    (tmp_path / "tidy.yaml").write_text(f"command: [/bin/true]\nworking_directory: {lone_member}\n")
    found = configuration.load(str(tmp_path / "tidy.yaml"), environ={})
    store, log = JobStore(str(tmp_path / "state")), logging.getLogger("tests.schedules")

    async def main() -> None:
        desk = Dispatcher(store, Listeners(log), log, lambda: found, Bounds(), [NoMemory()])
        await desk.start()
        job = submission.new(found.agents["tidy"])
        assert (await desk.offer(job, lambda: "not asked")).startswith("12 MiB")
        assert desk.waits == {}
        assert await desk.offer(job, lambda: "asked", queues=True) == "asked"
        await desk.close()

    asyncio.run(main())
    assert store.open_ids() == []


def test_limit_of_all_jobs_skips_schedules_of_agents_that_have_room(place: Path) -> None:
    rules = "{interval: 1h, catch_up: one}"
    agent(place, "exec sleep 1000", f"concurrency: 2\nschedules: {{a: {rules}, b: {rules}}}")
    overdue(place)

    async def main() -> None:
        fleet = FleetManager(config_path=str(place / "agents"), fleet_wide=1)
        skipped: list[Any] = []
        fleet.on("schedule:skipped", skipped.append)
        async with fleet:
            assert [(one.reason, one.running, one.limit) for one in skipped] == [("concurrency_limit", 1, 1)]
            await fleet.stop(wait_for_jobs=False)

    asyncio.run(main())


def test_schedules_are_told_and_switched_whether_the_manager_runs_or_not(place: Path) -> None:
    agent(place, "true", "schedules: {a: {interval: 1h}, b: {cron: '@daily', enabled: false}}")
    fleet = FleetManager(config_path=str(place / "agents"))
    with pytest.raises(InvalidStateError):
        fleet.get_schedules()
    asyncio.run(fleet.initialize())
    assert [(one.name, one.enabled, one.next_trigger is None) for one in fleet.get_schedules()] == [
        ("a", True, False), ("b", False, True),
    ]  # fmt: skip
    assert asyncio.run(fleet.disable_schedule("tidy", "a")).enabled is False
    assert dict(fleet.get_status().scheduler) == {"next_trigger": None, "active_schedules": 0}
    with pytest.raises(ScheduleNotFoundError):
        fleet.get_schedule("tidy", "never")
    with pytest.raises(AgentNotFoundError):
        asyncio.run(fleet.enable_schedule("nobody", "a"))

    async def main() -> None:
        async with FleetManager(
            config_path=str(place / "agents"), scheduler={"check_interval": "5s"}
        ) as again:
            assert not again.get_schedule("tidy", "a").enabled
            found = await again.enable_schedule("tidy", "b")
            assert found.enabled
            assert again.get_status().scheduler == {"next_trigger": found.next_trigger, "active_schedules": 1}

    asyncio.run(main())
    assert fleet.get_schedule("tidy", "b").enabled


def test_schedule_that_another_process_enables_fires_and_one_that_it_disables_does_not(
    place: Path, gitfleet: Gitfleet
) -> None:
    gate = place / ".git/ran"
    os.mkfifo(gate)
    agent(place, f"echo ran > {gate}; exec sleep 1000", "schedules: {s: {interval: 1s, enabled: false}}")

    async def main() -> None:
        fleet = FleetManager(config_path=str(place / "agents"))
        off = asyncio.Event()
        async with fleet:
            await asyncio.to_thread(lambda: gitfleet(place, "schedule", "enable", "tidy", "s").ok())
            assert await asyncio.to_thread(gate.read_text) == "ran\n"
            fleet.on("schedule:skipped", lambda _: off.set())
            await off.wait()
            await asyncio.to_thread(lambda: gitfleet(place, "schedule", "disable", "tidy", "s").ok())
            await fleet.stop(wait_for_jobs=False)
        assert len(fleet.get_jobs()) == 1

    asyncio.run(main())
    again = gitfleet(place, "schedule", "list", "--json").ok().json()["data"]["schedules"]
    assert [(one["enabled"], one["skip_reason"]) for one in again] == [(False, "concurrency_limit")]


def test_agent_that_may_schedule_itself_does_so_from_its_attempt(place: Path) -> None:
    add = f"{sys.executable} -m gitfleet schedule add --prompt again"
    script = (
        f'read -r task; test again = "$task" && exit; {add} --in 30d; test $? = 16 || exit 3; {add} --in 1s'
    )
    # The first job may still be at its end when the time of the second one comes.
    agent(place, script, "concurrency: 2\nself_schedule: {count: 1, least_interval: 1s}")

    async def main() -> None:
        fleet = FleetManager(config_path=str(place / "agents"))
        fired = asyncio.Event()
        fleet.on("schedule:triggered", lambda _: fired.set())
        async with fleet:
            first = await fleet.trigger("tidy")
            await fired.wait()
            await fleet.until_idle()
        job = fleet.get_job(first.id)
        assert job.status is JobStatus.COMPLETED, job.output + job.error
        second = next(one for one in reversed(fleet.get_jobs()) if one.schedule_name)
        assert (second.prompt, second.schedule_name[:5]) == ("again", "self-")

    asyncio.run(main())


def test_schedule_of_files_that_are_read_again_fires_and_one_that_is_gone_does_not(place: Path) -> None:
    agent(place, "exec sleep 1000", "schedules: {old: {interval: 1h, catch_up: one, enabled: false}}")

    async def main() -> None:
        fleet = FleetManager(config_path=str(place / "agents"))
        made = asyncio.Event()
        fleet.on("schedule:triggered", lambda _: made.set())
        async with fleet:
            agent(place, "exec sleep 1000", "schedules: {new: {interval: 1s}}")
            assert await fleet.reload() == [
                "agent:tidy:schedule:new added",
                "agent:tidy:schedule:old removed",
            ]
            assert [one.name for one in fleet.get_schedules()] == ["new"]
            await made.wait()
            await fleet.stop(wait_for_jobs=False)
        assert {job.schedule_name for job in fleet.get_jobs()} == {"new"}

    asyncio.run(main())
