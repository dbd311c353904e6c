"""Jobs whose attempts cannot begin for what passes: they wait, are tried again, and lose nothing."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from gitfleet import FleetManager
from gitfleet.base import clock
from gitfleet.jobs import waiting
from gitfleet.jobs.attempts import postponing
from gitfleet.jobs.records import job_ids
from gitfleet.jobs.records.job_record import AttemptRecord, JobRecord
from gitfleet.jobs.words import AttemptOutcome, EndCause, JobStatus

REFUSES = (
    '#!/bin/sh\nwhile read a b ref; do case $ref in refs/fleet/*) echo "not today" >&2; exit 1;; esac; done\n'
)


def attempt(number: int, why: str) -> AttemptRecord:
    return AttemptRecord(number, "s", why=why, outcome=AttemptOutcome.FAILED, error=f"no {number}\nmore")


def job(*why: str) -> JobRecord:
    attempts = tuple(attempt(number, one) for number, one in enumerate(why, 1))
    return JobRecord(job_ids.new(), "tidy", JobStatus.RUNNING, attempts=attempts)


P, E = EndCause.POSTPONED, EndCause.EXITED


@pytest.mark.parametrize(
    ("why", "count", "pause", "pressing"),
    [
        ([P], 1, 5_000, True),
        ([E, P], 1, 5_000, True),
        ([P, E, P, P], 2, 10_000, True),
        ([P] * 4, 4, 40_000, True),
        ([P] * 5, 5, 80_000, False),
        ([P] * 99, 99, 600_000, False),
    ],
)
def test_pause_doubles_with_each_attempt_in_a_row_that_could_not_begin(
    why: list[str], count: int, pause: int, pressing: bool
) -> None:
    one, now = job(*why), clock.milliseconds()
    assert (postponing.in_vain(one), postponing.pressing(one)) == (count, pressing)
    after = postponing.queued(one)
    assert (after.status, after.earlier) == (JobStatus.QUEUED, 1)
    assert pause <= after.not_before - now <= pause + 60_000
    assert f"could not begin: no {len(why)}; the next" in waiting.again_at(after)


def test_attempt_that_ended_by_itself_was_not_postponed() -> None:
    assert (postponing.in_vain(job(P, E)), postponing.words(job(P, E)), postponing.in_vain(job())) == (
        0,
        "",
        0,
    )


def test_hub_that_refuses_keeps_a_job_waiting_until_it_takes_it(member: Path, hub: Path) -> None:
    (member / "agents").mkdir()
    (member / "agents/tidy.yaml").write_text("command: [sh, -c, 'cat > task.txt']\nworking_directory: ..\n")
    hook = hub / "hooks/pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(REFUSES)
    hook.chmod(0o755)

    async def main() -> None:
        told: list[Any] = []
        async with FleetManager(config_path=str(member / "agents")) as fleet:
            stopped = asyncio.Event()
            fleet.on("agent:stopped", lambda _: stopped.set())
            for name in ("job:failed", "job:completed"):
                fleet.on(name, told.append)
            made = await fleet.trigger("tidy", prompt_override="Tidy up")
            await stopped.wait()
            waits = fleet.get_job(made.id)
            assert (waits.status, waits.attempts[0].why) == (JobStatus.QUEUED, EndCause.POSTPONED)
            assert "not today" in waiting.again_at(waits)
            assert told == []
            hook.unlink()
            await fleet.retry_job(made.id)
            await fleet.until_idle()
            done = fleet.get_job(made.id)
            assert (done.status, done.prompt, told) == (JobStatus.COMPLETED, "Tidy up", [told[0]])
            first, last = done.attempts[0], done.attempts[-1]
            assert first.worktree == last.worktree
            assert (Path(last.worktree) / "task.txt").read_text() == "Tidy up"

    asyncio.run(main())


def test_job_that_is_cancelled_while_it_is_postponed_is_cancelled(member: Path, hub: Path) -> None:
    (member / "agents").mkdir()
    (member / "agents/tidy.yaml").write_text("command: [cat]\nworking_directory: ..\n")
    hook = hub / "hooks/pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(REFUSES)
    hook.chmod(0o755)

    async def main() -> None:
        async with FleetManager(config_path=str(member / "agents")) as fleet:
            made = await fleet.trigger("tidy")
            ended = await fleet.cancel_job(made.id)
            assert ended.status is JobStatus.CANCELLED
            await fleet.until_idle()

    asyncio.run(main())
