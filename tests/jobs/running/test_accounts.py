"""What the commands about pools, costs, histories and restoring do, done by a program."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from gitfleet import FleetManager, InvalidStateError, UsageError
from gitfleet.base import clock
from gitfleet.errors import NoRepository, PolicyRefused
from gitfleet.jobs.adapters.results import Usage
from gitfleet.jobs.money.report import CostKey
from gitfleet.jobs.records import job_ids
from gitfleet.jobs.records.job_record import AttemptRecord, JobRecord
from gitfleet.jobs.words import AttemptOutcome, EndCause, JobStatus

HOUR = 3_600_000


@pytest.fixture
def fleet(lone_member: Path) -> FleetManager:
    (lone_member / "agents").mkdir()
    (lone_member / "agents/fleet.yaml").write_text("default_agent: tidy\nbudget: {money: 5}\n")
    (lone_member / "agents/tidy.yaml").write_text(
        "command: [sh, -c, 'cat > task.txt; echo one']\nworking_directory: ..\npool: house\n"
    )
    made = FleetManager(config_path=str(lone_member / "agents"))
    with pytest.raises(InvalidStateError):
        made.get_pools()
    asyncio.run(made.initialize())
    return made


def job(fleet: FleetManager, **more: Any) -> JobRecord:
    now = clock.milliseconds()
    attempt = AttemptRecord(
        1, "s", branch="b", started_at=now - 1000, ended_at=now, outcome=AttemptOutcome.SUCCESS,
        usage=Usage(models={"m": {"input_tokens": 10}}), cost=0.25, **more,
    )  # fmt: skip
    made = JobRecord(job_ids.new(), "tidy", JobStatus.RUNNING, attempts=(attempt,))
    return fleet.store.create(made)


def test_pool_is_paused_shown_and_resumed_without_a_manager_that_runs(fleet: FleetManager) -> None:
    assert [(one.name, one.pause, one.agents) for one in fleet.get_pools()] == [("house", None, ("tidy",))]
    before = clock.milliseconds()
    paused = asyncio.run(fleet.pause_pool("house", duration="2h", reason="moving"))
    assert paused == fleet.get_pool("house")
    assert paused.pause is not None
    assert (paused.pause.reason, paused.pause.until >= (before + 2 * HOUR) // 1000) == ("moving", True)
    assert asyncio.run(fleet.pause_pool("other")).pause is not None
    assert asyncio.run(fleet.resume_pool("house")).pause is None
    assert asyncio.run(fleet.resume_pool("house")).agents == ("tidy",)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"name": "../x"}, UsageError),
        ({"name": "house", "duration": "x"}, UsageError),
        ({"name": "house", "duration": "1h", "until": 5}, UsageError),
        ({"name": "house", "until": 5}, PolicyRefused),
    ],
)
def test_pause_that_cannot_be_is_refused(
    fleet: FleetManager, options: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        asyncio.run(fleet.pause_pool(**options))
    assert fleet.get_pool("house").pause is None
    with pytest.raises(UsageError):
        fleet.get_pool("nobody")


def test_costs_are_summed_up_with_the_budgets_of_the_day(fleet: FleetManager) -> None:
    made = job(fleet)
    by_job = fleet.get_costs("job", since="1h")
    assert [(row.key, row.money) for row in by_job.rows] == [(made.id, 0.25)]
    assert dict(by_job.about) == {made.id: "tidy, running"}
    assert [(limit.scope, limit.money) for limit, _ in by_job.budgets] == [("all agents", 5)]
    assert fleet.get_costs(since=clock.milliseconds() + HOUR).rows == ()
    assert (fleet.get_costs().by, fleet.get_costs().total.jobs) == (CostKey.AGENT, 1)
    for wrong in ({"by": "colour"}, {"since": "soon"}):
        with pytest.raises(UsageError):
            fleet.get_costs(**wrong)


def test_task_of_the_default_agent_is_done_and_its_history_read(
    fleet: FleetManager, lone_member: Path, tmp_path: Path
) -> None:
    async def main() -> None:
        await fleet.start()
        made = await fleet.enqueue("Tidy up", working_directory=str(lone_member), priority=3)
        assert (made.agent_name, made.prompt, made.priority) == ("tidy", "Tidy up", 3)
        with pytest.raises(NoRepository):
            await fleet.trigger("tidy", working_directory=str(tmp_path))
        await fleet.until_idle()
        found = fleet.get_history(made.id)
        assert found.job.status == "completed"
        assert "one" in [line.text for _, line in found.lines]
        await fleet.stop()

    asyncio.run(main())


def test_job_that_a_shutdown_ended_is_brought_back(fleet: FleetManager) -> None:
    async def main() -> None:
        with pytest.raises(InvalidStateError):
            await fleet.restore_jobs()
        await fleet.start()
        with pytest.raises(UsageError):
            await fleet.restore_jobs(within="long")
        assert await fleet.restore_jobs(dry_run=True) == []
        await fleet.pause_pool("house")
        lost = job(fleet, why=EndCause.TERMINATED)
        now = clock.milliseconds()
        fleet.store.update(
            lost.id, lambda one: one.decode({**one.encode(), "status": "interrupted", "completed_at": now})
        )
        assert [one.job.id for one in await fleet.restore_jobs(dry_run=True)] == [lost.id]
        assert [one.job.status for one in await fleet.restore_jobs()] == ["queued"]
        await fleet.stop()

    asyncio.run(main())
