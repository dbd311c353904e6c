"""`trigger`, `enqueue`, `job …`: jobs of agents. None of them needs a daemon; what is queued runs when one does."""

from __future__ import annotations

import os
from typing import Annotated

from gitfleet.base import text
from gitfleet.cli import job_text
from gitfleet.cli.answer import Grid, Reply
from gitfleet.cli.declaring import Argument, Option
from gitfleet.errors import UsageError
from gitfleet.fleet.views import job_rows
from gitfleet.git.repository import discover
from gitfleet.jobs import job_now, submission
from gitfleet.jobs.archives import everywhere, jobs_elsewhere
from gitfleet.jobs.attempts import answering, cancelling, environment
from gitfleet.jobs.daemon import presence
from gitfleet.jobs.definitions.configuration import Configuration
from gitfleet.jobs.fleet_manager import state_folder
from gitfleet.jobs.records.job_record import JobRecord
from gitfleet.jobs.records.store import JobFilter, JobStore
from gitfleet.jobs.shared import offering
from gitfleet.jobs.shared.offering import fleet_of
from gitfleet.jobs.sources import triggering
from gitfleet.jobs.sources.task_desk import TaskDesk
from gitfleet.jobs.words import JobStatus

AgentName = Annotated[
    str, Argument(metavar="AGENT", help="An agent, as its file is called.", complete="agents")
]
JobId = Annotated[str, Argument(metavar="JOB", help="A job's id.")]
Instruction = Annotated[str, Argument(metavar="INSTRUCTION", help="What the agent is to do.")]
Config = Annotated[
    str, Option("--config", metavar="PATH", help="The folder of agent files (default: agents, at the top).")
]
StateDir = Annotated[
    str, Option("--state-dir", metavar="DIR", help="Where jobs are kept (default: in git's own folder).")
]
Priority = Annotated[int | None, Option("--priority", help="Higher goes first.")]
Prompt = Annotated[str | None, Option("--prompt", metavar="TEXT", help="Instead of the agent's prompt.")]
Schedule = Annotated[
    str, Option("--schedule", metavar="NAME", help="Queue it as this schedule of the agent would.")
]
WorkingDir = Annotated[str, Option("--working-dir", metavar="DIR", help="In the repository of this folder.")]
OfAgent = Annotated[
    str, Option("--agent", metavar="NAME", help="Only those of this agent.", complete="agents")
]
OfStatus = Annotated[
    list[str],
    Option(
        "--status",
        metavar="STATUS",
        help="Only those with this status; may be given again.",
        values=JobStatus,
    ),
]
Anywhere = Annotated[bool, Option("--anywhere", help="Any node that has an agent of this name may run it.")]
Limit = Annotated[int, Option("--limit", "-n", min=0, help="How many at most; 0 is all.")]
_COLOURS = {
    "running": "cyan",
    "needs_input": "magenta",
    "completed": "green",
    "failed": "red",
    "interrupted": "red",
    "cancelled": "yellow",
}


def config_path(config: str) -> str:
    """The agent files that are meant. Raises NoRepository."""
    return config or os.path.join(discover().worktree or ".", "agents")


def loaded(config: str) -> Configuration:
    """What they say. Raises ConfigurationError."""
    return submission.load(config_path(config))


def store_at(state_dir: str) -> JobStore:
    """The jobs that are meant."""
    return JobStore(state_dir or os.environ.get(environment.STATE) or state_folder())


def trigger(
    agent: AgentName,
    prompt: Prompt = None,
    schedule: Schedule = "",
    working_dir: WorkingDir = "",
    priority: Priority = None,
    anywhere: Anywhere = False,
    config: Config = "",
    state_dir: StateDir = "",
) -> Reply:
    """Queue a job of an agent. It runs as soon as its limits admit, where `gitfleet run` is at work."""
    known = loaded(config)
    found = submission.agent_of(known, agent)
    store = store_at(state_dir)
    where = os.path.abspath(working_dir) if working_dir else ""
    job = submission.new(found, schedule=schedule, prompt=prompt, priority=priority, working_directory=where)
    desk = TaskDesk(store, found.working_directory)
    return _queued(store, triggering.submit(desk, known, found, job, anywhere=anywhere))


def enqueue(
    instruction: Instruction,
    working_dir: WorkingDir = "",
    priority: Priority = None,
    anywhere: Anywhere = False,
    config: Config = "",
    state_dir: StateDir = "",
) -> Reply:
    """Queue a task for the default agent: `default_agent` of `fleet.yaml`, or the only one."""
    known = loaded(config)
    found = submission.default_agent(known)
    where = os.path.abspath(working_dir) if working_dir else ""
    store = store_at(state_dir)
    job = submission.new(found, prompt=instruction, priority=priority, working_directory=where)
    return _queued(store, offering.submit(store, known, found, job, anywhere=anywhere))


def listing(agent: OfAgent = "", status: OfStatus = [], limit: Limit = 50, state_dir: StateDir = "") -> Reply:  # noqa: B006
    """List jobs: those that have not ended first, then the others, newest first. Those of other nodes as the last sync told."""
    for word in status:
        if word not in set(JobStatus):
            raise UsageError(
                f"'{text.display(word[:40])}' is no status.", hint=f"One of {', '.join(JobStatus)}."
            )
    store = store_at(state_dir)
    with fleet_of(".") as clone:
        wanted = JobFilter(agent, tuple(status), limit=limit)
        found = everywhere.find(store, clone, wanted, open_first=True)
    now = job_now.of(store, found)
    rows = [job_text.cells(job, now[job.id]) for job in found]
    grid = Grid(
        ("JOB", "AGENT", "STATUS", "NODE", "SCHEDULE", "CREATED", "WHY"),
        rows,
        coloured="STATUS",
        colours=_COLOURS,
        optional=("WHY", "CREATED", "SCHEDULE", "NODE"),
    )
    return Reply(
        {"jobs": [job_rows.job_row(job, now[job.id]) for job in found]}, [grid] if rows else ["no jobs"]
    )


def show(job: JobId, state_dir: StateDir = "") -> Reply:
    """Show a job, and all that is known of its attempts."""
    store = store_at(state_dir)
    with fleet_of(".") as clone:
        found = everywhere.get(store, clone, job)
    now = job_now.of(store, [found])[job]
    asked = [
        f"it waits for an answer ({one}): {words}" for one, words in answering.questions(store, found).items()
    ]
    return Reply(job_rows.job_answer(found, now), [*job_text.shown(found, now), *asked])


def cancel(job: JobId, state_dir: StateDir = "") -> Reply:
    """Cancel a job. Comes back when nothing of it runs any more; its work stays on its branch. Another node cancels its own soon."""
    store = store_at(state_dir)
    there = offering.cancel_elsewhere(store, ".", job)
    if there is not None:
        told = f"node {there.node} cancels it" if not there.ended else str(there.status)
        return Reply(job_rows.job_answer(there), [f"{there.id}: {told}"])
    jobs_elsewhere.own(store, ".", job, "cancel_job")
    ended = cancelling.cancel(store, job, os.environ)
    offering.settle(store, ".", ended)
    return Reply(job_rows.job_answer(ended), [f"{ended.id}: {ended.status}"])


def _queued(store: JobStore, job: JobRecord) -> Reply:
    lines = [f"{job.id}: {job.status}, for {'any ' if job.offered else ''}{job.agent_name}"]
    if not job.offered and presence.present(store.folder) is None:
        lines.append("nobody runs jobs here now: `gitfleet start`, or `gitfleet run`")
    return Reply(job_rows.job_answer(job), lines)
