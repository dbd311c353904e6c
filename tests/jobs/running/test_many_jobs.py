"""Many jobs at once: limits hold, agents do not get in each other's way, and nobody else's checkout is touched."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from gitfleet import FleetManager
from gitfleet.jobs.definitions.schema import Agent
from gitfleet.jobs.errors import ConfigurationError, InvalidStateError
from gitfleet.jobs.records.job_record import JobRecord
from gitfleet.jobs.words import JobStatus
from tests.workbench import PATIENCE, Git, Gitfleet

TERMINAL = ("job:completed", "job:failed", "job:cancelled")


@pytest.fixture
def place(clone: Callable[[str], Path], gitfleet: Gitfleet) -> Path:
    path = clone("ada")
    gitfleet(path, "init").ok()
    (path / "agents").mkdir()
    return path


def agent(place: Path, name: str, script: str, more: str = "") -> None:
    text = f"command: [sh, -c, {script!r}]\nworking_directory: ..\nlimits: {{grace: 1s}}\n{more}"
    (place / "agents" / f"{name}.yaml").write_text(text)


def manager(place: Path, *, fleet_wide: int | None = None) -> FleetManager:
    return FleetManager(config_path=str(place / "agents"), fleet_wide=fleet_wide)


def test_limits_hold_under_many_triggers_at_once(place: Path) -> None:
    for name, limit in (("one", 1), ("two", 2)):
        agent(place, name, "true", f"concurrency: {limit}\n")
    running: Counter[str] = Counter()
    most: Counter[str] = Counter()

    def began(event: object) -> None:
        for name in (event.agent_name, "all"):  # type: ignore[attr-defined]
            running[name] += 1
            most[name] = max(most[name], running[name])

    def ended(event: object) -> None:
        running.subtract([event.agent_name, "all"])  # type: ignore[attr-defined]

    async def main() -> None:
        async with manager(place, fleet_wide=2) as fleet:
            fleet.on("agent:started", began)
            fleet.on("agent:stopped", ended)
            names = ["one", "two"] * 4
            jobs = await asyncio.gather(*(fleet.trigger(name) for name in names))
            assert {job.status for job in jobs} == {JobStatus.QUEUED}
            await fleet.until_idle()
            assert Counter(fleet.get_job(job.id).status for job in jobs) == {JobStatus.COMPLETED: len(names)}

    asyncio.run(main())
    assert most["one"] == 1
    assert max(most["two"], most["all"]) <= 2


def test_job_that_takes_long_keeps_other_agents_from_nothing(place: Path) -> None:
    os.mkfifo(place / ".git/gate")
    agent(place, "long", f"echo ready; read -r _ < {place}/.git/gate")
    agent(place, "quick", "true")

    async def main() -> None:
        async with manager(place) as fleet:
            ended = asyncio.Event()
            fleet.on("job:completed", lambda _: ended.set())
            long = await fleet.trigger("long")
            quick = await fleet.trigger("quick")
            await ended.wait()
            assert fleet.get_job(quick.id).status is JobStatus.COMPLETED
            assert not fleet.get_job(long.id).ended
            (place / ".git/gate").write_text("go\n")
            await fleet.until_idle()

    asyncio.run(main())


def test_jobs_of_one_repository_have_trees_of_their_own_and_leave_the_users_alone(
    place: Path, git: Git
) -> None:
    agent(
        place,
        "same",
        "cat README.md; echo mine >> README.md",
        "concurrency: 2\nclaim_on_edit: false\ncommit: {leftovers: keep}\n",
    )
    (place / "README.md").write_text("half a sentence\n")
    git(place, "add", "README.md")
    (place / "README.md").write_text("half a sentence, and more\n")
    before = [git(place, *args) for args in (["status", "--porcelain"], ["diff"], ["diff", "--cached"])]
    base = git(place, "rev-parse", "HEAD")

    async def main() -> None:
        async with manager(place) as fleet:
            jobs = [await fleet.trigger("same") for _ in range(2)]
            await fleet.until_idle()
            attempts = [fleet.get_job(job.id).attempts[0] for job in jobs]
        assert len({one.worktree for one in attempts}) == len({one.branch for one in attempts}) == 2
        assert {one.base for one in attempts} == {base}
        for one in attempts:
            assert "half a sentence" not in Path(one.worktree, "README.md").read_text()
            assert Path(one.worktree, "README.md").read_text().endswith("mine\n")

    asyncio.run(main())
    after = [git(place, *args) for args in (["status", "--porcelain"], ["diff"], ["diff", "--cached"])]
    assert after == before


class SlowHold:
    """A `Hold` that keeps one agent's jobs back for good, and whose looks take until all that runs has ended."""

    def __init__(self, fleet: FleetManager, name: str) -> None:
        self._dispatcher, self._name = fleet._dispatcher, name
        self._loop = asyncio.get_running_loop()

    def refresh(self) -> None:
        if tasks := list(self._dispatcher.running.values()):
            asyncio.run_coroutine_threadsafe(_over(tasks), self._loop).result(PATIENCE)

    def why(self, job: JobRecord, agent: Agent) -> str:
        del agent
        return "not now" if job.agent_name == self._name else ""


async def _over(tasks: list[asyncio.Task[None]]) -> None:
    await asyncio.wait(tasks)


def test_job_that_is_queued_again_during_a_slow_look_is_not_taken_for_done(place: Path) -> None:
    agent(place, "held", "true")
    agent(
        place,
        "flaky",
        "test -e tried || { touch tried; exit 3; }",
        "retry: {attempts: 2, backoff: 1ms, outcomes: [failed]}\n",
    )

    async def main() -> None:
        async with manager(place) as fleet:
            fleet._dispatcher._holds += (SlowHold(fleet, "held"),)
            await fleet.trigger("held")
            job = await fleet.trigger("flaky")
            await fleet.until_idle()
            assert len(fleet.get_job(job.id).attempts) == 2
            assert fleet.get_job(job.id).ended

    asyncio.run(main())


def test_cancelling_at_the_moment_of_the_end_gives_one_end(place: Path) -> None:
    agent(place, "quick", "echo ready")
    ends: list[str] = []

    async def main() -> None:
        async with manager(place) as fleet:
            for name in TERMINAL:
                fleet.on(name, partial(lambda name, _: ends.append(name), name))
            said = asyncio.Event()
            fleet.on("job:output", lambda _: said.set())
            job = await fleet.trigger("quick")
            await said.wait()
            try:
                told = await fleet.cancel_job(job.id)
            except InvalidStateError:
                told = fleet.get_job(job.id)
            await fleet.until_idle()
            assert fleet.get_job(job.id).status is told.status
            assert told.ended

    asyncio.run(main())
    assert len(ends) == 1


def test_old_jobs_go_by_themselves_and_never_one_that_runs(place: Path) -> None:
    os.mkfifo(place / ".git/gate")
    agent(place, "quick", "true")
    agent(place, "long", f"echo ready; read -r _ < {place}/.git/gate")

    async def main() -> None:
        fleet = FleetManager(config_path=str(place / "agents"), max_jobs_per_agent=1, max_jobs_total=1)
        async with fleet:
            said = asyncio.Event()
            fleet.on("job:output", lambda _: said.set())
            long = await fleet.trigger("long")
            await said.wait()
            jobs = []
            for _ in range(3):
                ended = asyncio.Event()
                fleet.on("job:completed", lambda _, ended=ended: ended.set())  # type: ignore[misc]
                jobs.append(await fleet.trigger("quick"))
                await ended.wait()
            assert {job.id for job in fleet.get_jobs()} <= {long.id, jobs[1].id, jobs[2].id}
            (place / ".git/gate").write_text("go\n")
            await fleet.until_idle()
            assert [job.id for job in fleet.get_jobs()] == [jobs[2].id]

    asyncio.run(main())


def test_manager_whose_files_were_wrong_is_initialized_when_they_are_right(place: Path) -> None:
    (place / "agents/quick.yaml").write_text("comand: x\n")

    async def main() -> None:
        fleet = manager(place)
        with pytest.raises(ConfigurationError):
            await fleet.initialize()
        assert fleet.state == "uninitialized"
        agent(place, "quick", "true")
        await fleet.initialize()
        assert fleet.state == "initialized"

    asyncio.run(main())


def test_who_waits_for_the_end_of_all_work_is_told_when_the_manager_stops(place: Path) -> None:
    agent(place, "long", "echo ready; exec sleep 1000")

    async def main() -> None:
        async with manager(place) as fleet:
            said = asyncio.Event()
            fleet.on("job:output", lambda _: said.set())
            for _ in range(2):
                await fleet.trigger("long")
            await said.wait()
            idle = asyncio.create_task(fleet.until_idle())
            await fleet.stop(wait_for_jobs=False)
            await asyncio.wait_for(idle, PATIENCE)
            assert fleet.get_status().jobs["queued"] == 1
            await fleet.initialize()
            await fleet.start()
            await asyncio.wait_for(asyncio.create_task(fleet.stop(wait_for_jobs=False)), PATIENCE)

    asyncio.run(main())


def test_attempt_after_one_that_cut_its_worktree_off_never_runs_in_the_users_checkout(
    place: Path, git: Git
) -> None:
    more = "retry: {attempts: 2, backoff: 1ms, outcomes: [failed]}\n"
    agent(place, "odd", "git rev-parse --show-toplevel; echo 1 >> runs.txt; rm .git; exit 3", more)

    async def main() -> None:
        async with manager(place) as fleet:
            job = await fleet.trigger("odd")
            await fleet.until_idle()
            job = fleet.get_job(job.id)
        first, second = job.attempts
        assert job.output == f"{first.worktree}\n"
        assert "is no worktree of its clone any more" in second.error
        assert Path(second.worktree, "runs.txt").read_text() == "1\n"

    asyncio.run(main())
    assert git(place, "status", "--porcelain", "runs.txt") == ""
