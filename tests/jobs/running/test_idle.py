"""When a manager says that nothing is left to do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from gitfleet import FleetManager
from gitfleet.jobs.dispatcher import Dispatcher
from gitfleet.jobs.records.store import JobStore
from gitfleet.jobs.waiting import HeldBack, HeldNotice
from gitfleet.jobs.words import JobStatus
from tests.workbench import PATIENCE, Gitfleet


class _SlowNotice(HeldNotice):
    """A disk so slow that what runs has ended before the notice is written."""

    def __init__(self, store: JobStore, dispatcher: Dispatcher) -> None:
        super().__init__(store)
        self._dispatcher, self._loop = dispatcher, asyncio.get_running_loop()

    def tell(self, now: HeldBack) -> None:
        asyncio.run_coroutine_threadsafe(self._ends(), self._loop).result(PATIENCE)
        super().tell(now)

    async def _ends(self) -> None:
        if running := list(self._dispatcher.running.values()):
            await asyncio.wait(running)


def test_manager_is_idle_only_when_the_jobs_behind_the_one_that_ended_meanwhile_have_run_too(
    clone: Callable[[str], Path], gitfleet: Gitfleet
) -> None:
    place = clone("ada")
    gitfleet(place, "init").ok()
    (place / "agents").mkdir()
    (place / "agents/tidy.yaml").write_text('command: ["true"]\nworking_directory: ..\n')
    again = "command: [sh, -c, 'exit 3']\nworking_directory: ..\nretry: {attempts: 2, backoff: 1ms, outcomes: [failed]}\n"
    (place / "agents/again.yaml").write_text(again)
    jobs = [gitfleet(place, "trigger", name, "--json").ok().json()["data"]["job"]["id"] for name in ("tidy", "tidy", "again")]  # fmt: skip

    async def main() -> None:
        fleet = FleetManager(config_path=str(place / "agents"))
        fleet._dispatcher._notice = _SlowNotice(fleet.store, fleet._dispatcher)
        async with fleet:
            await fleet.until_idle()
            found = [(job.status, len(job.attempts)) for job in map(fleet.get_job, jobs)]
        assert found == [(JobStatus.COMPLETED, 1), (JobStatus.COMPLETED, 1), (JobStatus.FAILED, 2)]

    asyncio.run(main())
