"""Options of the FleetManager, and what it does in states where there is nothing to do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gitfleet import FleetManager
from gitfleet.jobs import options
from gitfleet.jobs.admission import Bounds
from gitfleet.jobs.errors import ConfigurationError, InvalidStateError


@pytest.fixture
def agents(member: Path) -> Path:
    (member / "agents").mkdir()
    (member / "agents/tidy.yaml").write_text("command: [sh, -c, echo one]\nworking_directory: ..\n")
    return member / "agents"


@pytest.mark.parametrize(
    ("own", "concurrency", "history", "wanted"),
    [
        (Bounds(), None, None, Bounds()),
        (Bounds(), {"per_agent": 2, "fleet_wide": 3}, {"max_jobs_total": 4}, Bounds(2, 3, None, 4)),
        (Bounds(per_agent=1), {"per_agent": 2}, {"max_jobs_per_agent": 9}, Bounds(1, None, 9)),
    ],
)
def test_option_in_its_group_is_the_same_as_by_its_own_name(
    own: Bounds, concurrency: Any, history: Any, wanted: Bounds
) -> None:
    assert options.bounds(own, concurrency, history) == wanted


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"concurrency": {"perAgent": 2}}, "concurrency.perAgent: there is no such option"),
        ({"concurrency": {"per_agent": 0}}, "at least 1"),
        ({"history": {"max_jobs_total": "5"}}, "max_jobs_total: must be a whole number"),
        ({"fleet_wide": -1}, "at least 1"),
        ({"scheduler": {"check_interval": 0}}, "scheduler.check_interval: 0 is too short"),
        ({"scheduler": {"check_interval": "x"}}, "no length of time"),
        ({"scheduler": {"interval": 5}}, "scheduler.interval: there is no such option"),
        ({"scheduler": 5}, "scheduler: must be a mapping of options"),
        ({"concurrency": [2]}, "concurrency: must be a mapping of options"),
    ],
)
def test_option_that_cannot_be_is_refused(tmp_path: Path, more: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        FleetManager(config_path=str(tmp_path), state_dir=str(tmp_path / "state"), **more)
    assert list(tmp_path.iterdir()) == []


def test_manager_that_starts_by_itself_runs_jobs(agents: Path) -> None:
    async def main() -> None:
        fleet = FleetManager(config_path=str(agents), auto_start=True)
        await fleet.started()
        assert fleet.state == "running"
        job = await fleet.trigger("tidy")
        await fleet.until_idle()
        assert fleet.get_job(job.id).output == "one\n"
        with pytest.raises(InvalidStateError):
            await fleet.start()
        await fleet.stop()
        (agents / "tidy.yaml").write_text("comand: x\n")
        with pytest.raises(ConfigurationError):
            await FleetManager(config_path=str(agents), auto_start=True).started()

    asyncio.run(main())
    with pytest.raises(InvalidStateError, match="event loop"):
        FleetManager(config_path=str(agents), auto_start=True)


def test_stop_where_nothing_runs_does_nothing(agents: Path) -> None:
    async def main() -> None:
        fleet = FleetManager(config_path=str(agents))
        await fleet.stop()
        assert fleet.state == "uninitialized"
        await fleet.initialize()
        await fleet.stop()
        assert fleet.state == "initialized"
        await fleet.start()
        for timeout, words in (("soon", "no length of time"), (-1, "too short"), (1.5, "must be")):
            with pytest.raises(ConfigurationError, match=f"timeout: .*{words}"):
                await fleet.stop(timeout=timeout)  # type: ignore[arg-type]
        assert fleet.state == "running"
        await fleet.stop()
        await fleet.stop()
        assert fleet.state == "stopped"

    asyncio.run(main())


def test_queries_before_the_agent_files_are_read_are_refused(agents: Path) -> None:
    fleet = FleetManager(config_path=str(agents))
    asks: tuple[Callable[[], object], ...] = (
        fleet.get_status, fleet.get_agents, lambda: fleet.get_agent("tidy"), lambda: fleet.stream_agent_logs("tidy"),
    )  # fmt: skip
    for ask in asks:
        with pytest.raises(InvalidStateError) as caught:
            ask()
        assert caught.value.current_state == "uninitialized"
