"""Starts that fail or are broken off, and jobs that cannot be begun."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gitfleet import FleetManager
from gitfleet.errors import LocalStorage
from gitfleet.jobs import troubles
from gitfleet.jobs.attempts import plan
from gitfleet.jobs.errors import (
    AgentNotFoundError,
    ArgumentError,
    ConcurrencyLimitError,
    ScheduleNotFoundError,
)
from gitfleet.jobs.records.store import JobStore
from gitfleet.jobs.words import JobStatus


@pytest.fixture
def place(member: Path) -> Path:
    (member / "agents").mkdir()
    (member / "agents/tidy.yaml").write_text('command: ["true"]\nworking_directory: ..\n')
    return member


def manager(place: Path) -> FleetManager:
    return FleetManager(config_path=str(place / "agents"))


def _threads() -> set[threading.Thread]:
    return {one for one in threading.enumerate() if not one.name.startswith("asyncio")}


async def _broken_off(fleet: FleetManager) -> None:
    starting = asyncio.create_task(fleet.start())
    while fleet.state != "running":
        await asyncio.sleep(0)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting


async def _refused(fleet: FleetManager) -> None:
    with pytest.raises(LocalStorage):
        await fleet.start()


def _begins(fleet: FleetManager, _: pytest.MonkeyPatch) -> None:
    """Nothing is amiss."""


def _full(fleet: FleetManager, monkeypatch: pytest.MonkeyPatch) -> None:
    def full() -> None:
        raise LocalStorage("the disk is full")

    monkeypatch.setattr(fleet._archivist, "start", full)


def _full_early(fleet: FleetManager, monkeypatch: pytest.MonkeyPatch) -> None:
    def full() -> None:
        raise LocalStorage("the disk is full")

    monkeypatch.setattr(fleet.store, "mend", full)


@pytest.mark.parametrize(
    ("prepare", "start"), [(_begins, _broken_off), (_full, _refused), (_full_early, _refused)]
)
def test_start_that_does_not_come_to_its_end_leaves_nothing_at_work_and_can_be_done_again(
    place: Path,
    monkeypatch: pytest.MonkeyPatch,
    prepare: Callable[[FleetManager, pytest.MonkeyPatch], None],
    start: Callable[[FleetManager], Any],
) -> None:
    async def main() -> None:
        fleet = manager(place)
        said: list[str] = []
        fleet.on("started", lambda _: said.append("started"))
        fleet.on("stopped", lambda _: said.append("stopped"))
        await fleet.initialize()
        before = _threads()
        with monkeypatch.context() as patched:
            prepare(fleet, patched)
            await start(fleet)
        assert (fleet.state, said) == ("initialized", ["started", "stopped"])
        assert _threads() == before
        await fleet.start()
        job = await fleet.trigger("tidy")
        await fleet.until_idle()
        assert fleet.get_job(job.id).status is JobStatus.COMPLETED
        await fleet.stop()
        assert _threads() == before

    asyncio.run(main())


def test_job_that_cannot_be_begun_is_tried_again_and_keeps_no_other_back(
    place: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (place / "agents/other.yaml").write_text('command: ["true"]\nworking_directory: ..\n')
    takes, full, waits = plan.take, asyncio.Event(), []

    def take(store: JobStore, job_id: str, *more: Any) -> Any:
        if store.get(job_id).agent_name == "tidy" and not full.is_set():
            raise LocalStorage("the disk is full")
        return takes(store, job_id, *more)

    monkeypatch.setattr(plan, "take", take)
    monkeypatch.setattr(troubles, "_FIRST", 0.5)

    async def main() -> None:
        async with manager(place) as fleet:
            job = await fleet.trigger("tidy")
            other = await fleet.trigger("other")
            fleet.on("job:completed", lambda event: waits.append((event.job_id, fleet.get_waiting())))
            async for _ in fleet.stream_job_output(other.id):
                pass
            full.set()
            await fleet.until_idle()
            assert [found for found, _ in waits] == [other.id, job.id]
            assert waits[0][1] == {job.id: "the disk is full; that is tried again"}

    asyncio.run(main())
    assert f"{waits[1][0]} could not be begun" in caplog.text
    assert "never retrieved" not in caplog.text


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"prompt_override": 5}, ArgumentError),
        ({"prompt_override": "x" * (1 << 22) + "x"}, ArgumentError),
        ({"prompt_override": "\ud800"}, ArgumentError),
        ({"priority": "high"}, ArgumentError),
        ({"priority": True}, ArgumentError),
        ({"work_items": "task"}, ArgumentError),
        ({"work_items": [{}]}, ArgumentError),
        ({"schedule_name": ["x"]}, ScheduleNotFoundError),
        ({"agent_name": None}, AgentNotFoundError),
        ({"agent_name": []}, AgentNotFoundError),
    ],
)
def test_trigger_of_what_no_job_can_have_is_refused_and_no_job_is_there(
    place: Path, given: dict[str, Any], error: type[Exception]
) -> None:
    async def main() -> None:
        async with manager(place) as fleet:
            with pytest.raises(error):
                await fleet.trigger(**{"agent_name": "tidy", **given})
            assert fleet.store.open_ids() == []

    asyncio.run(main())


def test_function_for_each_piece_may_be_asynchronous_and_its_task_need_not_be_kept(place: Path) -> None:
    async def main() -> None:
        said: list[str] = []
        done = asyncio.Event()

        async def hear(entry: Any) -> None:
            await asyncio.sleep(0)
            said.append(entry.event)
            if entry.event == "job:completed":
                done.set()

        async with manager(place) as fleet:
            fleet.stream_agent_logs("tidy", hear)
            await fleet.trigger("tidy")
            await done.wait()
        assert said[-1] == "job:completed"

    asyncio.run(main())


def test_manager_goes_on_in_another_event_loop(place: Path) -> None:
    fleet = manager(place)

    async def once() -> JobStatus:
        await fleet.initialize()
        await fleet.start()
        job = await fleet.trigger("tidy")
        await fleet.until_idle()
        await asyncio.gather(fleet.reload(), fleet.reload())
        await asyncio.gather(fleet.stop(), fleet.stop())
        return fleet.get_job(job.id).status

    assert [asyncio.run(once()) for _ in range(2)] == [JobStatus.COMPLETED] * 2


def test_jobs_that_may_not_wait_are_as_many_as_the_limit_also_when_they_come_at_once(place: Path) -> None:
    async def main() -> None:
        async with FleetManager(config_path=str(place / "agents"), per_agent=2) as fleet:
            made = await asyncio.gather(
                *(fleet.trigger("tidy", queue=False) for _ in range(4)), return_exceptions=True
            )
            refused = [one for one in made if isinstance(one, ConcurrencyLimitError)]
            assert [(one.agent_name, one.current_jobs, one.limit) for one in refused] == [("tidy", 2, 2)] * 2
            await fleet.until_idle()
            assert len(fleet.get_jobs()) == 2

    asyncio.run(main())


def test_state_folder_with_a_file_in_the_way_is_refused_by_name(place: Path) -> None:
    state = place / "state"
    state.mkdir()
    (state / "open").write_text("")
    fleet = FleetManager(config_path=str(place / "agents"), state_dir=str(state))
    with pytest.raises(LocalStorage, match="open: there is a file where a folder must be"):
        asyncio.run(fleet.initialize())
