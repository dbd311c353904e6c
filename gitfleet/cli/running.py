"""`run`: the jobs of this clone, run in the foreground."""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import Annotated

from gitfleet.base.text import counted
from gitfleet.cli import render
from gitfleet.cli.answer import Reply
from gitfleet.cli.declaring import Option
from gitfleet.cli.jobs import Config, StateDir, config_path
from gitfleet.jobs.daemon import serving
from gitfleet.jobs.events import (
    JobCancelled,
    JobCompleted,
    JobFailed,
    ScheduleSkipped,
    ScheduleTriggered,
    StopProgress,
)  # fmt: skip
from gitfleet.jobs.fleet_manager import FleetManager, state_folder

UntilIdle = Annotated[
    bool, Option("--until-idle", help="End when nothing runs, and nothing waits that could.")
]
_ENDS = ("completed", "failed", "cancelled")


def run(until_idle: UntilIdle = False, config: Config = "", state_dir: StateDir = "") -> Reply:
    """Run the jobs of this clone until Ctrl-C, which starts nothing more and waits for those that run; a second one cancels them.

    Killed, it harms no job: those that run go on, and the next `gitfleet run` takes them up. With --until-idle it ends with 21 when some
    of the jobs that ended meanwhile have failed.
    """
    counts = asyncio.run(_run(config_path(config), state_dir or state_folder(), until_idle=until_idle))
    told = ", ".join(f"{count} {word}" for word, count in counts.items())
    return Reply(counts, [told], code=21 if until_idle and counts["failed"] else 0)


class _Told(logging.Handler):
    """Has what the manager is worried about told on the terminal, too."""

    def emit(self, record: logging.LogRecord) -> None:
        failure = record.exc_info[1] if record.exc_info else None
        why = f": {failure}" if failure is not None else ""
        render.note(f"{record.levelname.lower()}: {record.getMessage()}{why}")


async def _run(path: str, state: str, *, until_idle: bool) -> dict[str, int]:
    fleet = FleetManager(config_path=path, state_dir=state)
    counts = dict.fromkeys(_ENDS, 0)

    def count(word: str, event: JobCompleted | JobFailed | JobCancelled) -> None:
        counts[word] += 1
        why = f": {event.error}" if isinstance(event, JobFailed) else ""
        render.note(f"{event.job_id} {word}{why}")

    for word in _ENDS:
        fleet.on(f"job:{word}", partial(count, word))
    fleet.on("agent:started", lambda event: render.note(f"{event.job_id} started, agent {event.agent_name}"))
    fleet.on("job:needs_input", lambda event: render.note(f"{event.job_id} needs input: {event.text}"))
    fleet.on("schedule:triggered", lambda event: render.note(f"{event.job_id} made by {_schedule(event)}"))
    fleet.on("schedule:skipped", lambda event: render.note(f"{_schedule(event)} skipped: {event.reason}"))
    logging.getLogger("gitfleet.jobs").addHandler(_Told())
    await fleet.initialize()
    await fleet.start()
    await serving.until_stopped(
        fleet,
        limit=None,
        on_progress=_waits,
        until_idle=until_idle,
    )
    return counts


def _waits(progress: StopProgress) -> None:
    render.note(f"waiting for {counted(progress.pending_jobs, 'job')}; Ctrl-C once more cancels")


def _schedule(event: ScheduleTriggered | ScheduleSkipped) -> str:
    return f"schedule {event.schedule_name} of {event.agent_name}"
