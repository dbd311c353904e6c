"""`trigger`, `enqueue`, `job …`, `history`: jobs of agents. None of them needs a daemon; what is queued runs when one does."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Annotated

from gitfleet.base import clock, text
from gitfleet.cli.answer import Grid, Reply
from gitfleet.cli.declaring import Argument, Option
from gitfleet.errors import UsageError
from gitfleet.fleet.views import job_rows
from gitfleet.git.repository import discover
from gitfleet.jobs import outputs, submission
from gitfleet.jobs.attempts import cancelling
from gitfleet.jobs.daemon import presence
from gitfleet.jobs.definitions.configuration import Configuration
from gitfleet.jobs.fleet_manager import state_folder
from gitfleet.jobs.records import waiting
from gitfleet.jobs.records.job_record import JobRecord
from gitfleet.jobs.records.store import JobFilter, JobStore
from gitfleet.jobs.streams import reader
from gitfleet.jobs.streams.lines import StreamLine
from gitfleet.jobs.words import JobStatus

AgentName = Annotated[str, Argument(metavar="AGENT", help="An agent, as its file is called.")]
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
Schedule = Annotated[str, Option("--schedule", metavar="NAME", help="As this schedule of the agent would.")]
WorkingDir = Annotated[str, Option("--working-dir", metavar="DIR", help="In the repository of this folder.")]
OfAgent = Annotated[str, Option("--agent", metavar="NAME", help="Only those of this agent.")]
OfStatus = Annotated[
    list[str], Option("--status", metavar="STATUS", help="Only those with this status; may be given again.")
]
Limit = Annotated[int, Option("--limit", "-n", min=0, help="How many at most; 0 is all.")]
_COLOURS = {
    "running": "cyan",
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
    return JobStore(state_dir or state_folder())


def trigger(
    agent: AgentName,
    prompt: Prompt = None,
    schedule: Schedule = "",
    priority: Priority = None,
    config: Config = "",
    state_dir: StateDir = "",
) -> Reply:
    """Queue a job of an agent. It runs as soon as its limits admit, where `gitfleet run` is at work."""
    found = submission.agent_of(loaded(config), agent)
    store = store_at(state_dir)
    return _queued(
        store, submission.submit(store, found, schedule=schedule, prompt=prompt, priority=priority)
    )


def enqueue(
    instruction: Instruction,
    working_dir: WorkingDir = "",
    priority: Priority = None,
    config: Config = "",
    state_dir: StateDir = "",
) -> Reply:
    """Queue a task for the default agent: `default_agent` of `fleet.yaml`, or the only one."""
    found = submission.default_agent(loaded(config))
    where = os.path.abspath(working_dir) if working_dir else ""
    store = store_at(state_dir)
    return _queued(
        store, submission.submit(store, found, prompt=instruction, priority=priority, working_directory=where)
    )


def listing(agent: OfAgent = "", status: OfStatus = [], limit: Limit = 50, state_dir: StateDir = "") -> Reply:  # noqa: B006
    """List jobs: those that have not ended first, then the others, newest first."""
    for word in status:
        if word not in set(JobStatus):
            raise UsageError(
                f"'{text.display(word[:40])}' is no status.", hint=f"One of {', '.join(JobStatus)}."
            )
    store = store_at(state_dir)
    found, waits = store.find(JobFilter(agent, tuple(status), limit=limit)), _waits(store)
    found.sort(key=lambda job: job.ended)
    rows = [
        (job.id, job.agent_name, str(job.status), _when(job), text.one_line(job.error or waits(job), 60))
        for job in found
    ]
    grid = Grid(
        ("JOB", "AGENT", "STATUS", "CREATED", "WHY"),
        rows,
        coloured="STATUS",
        colours=_COLOURS,
        optional=("WHY", "CREATED"),
    )
    return Reply(
        {"jobs": [job_rows.job_row(job, waits(job)) for job in found]}, [grid] if rows else ["no jobs"]
    )


def show(job: JobId, state_dir: StateDir = "") -> Reply:
    """Show a job, and all that is known of its attempts."""
    store = store_at(state_dir)
    found = store.get(job)
    waits = _waits(store)(found)
    lines = [*_shown(found), *([f"waits: {waits}"] if waits else [])]
    return Reply(job_rows.job_answer(found, waits), lines)


def cancel(job: JobId, state_dir: StateDir = "") -> Reply:
    """Cancel a job. Comes back when nothing of it runs any more; its work stays on its branch."""
    ended = cancelling.cancel(store_at(state_dir), job, os.environ)
    return Reply(job_rows.job_answer(ended), [f"{ended.id}: {ended.status}"])


def history(job: JobId, state_dir: StateDir = "") -> Reply:
    """Replay a job: each line of its agent with its number, its source and what it means."""
    store = store_at(state_dir)
    found = store.get(job)
    lines = list(_lines(store, found))
    told = [f"{number}.{line.seq:<5} {line.source:<6} {line.type:<11} {line.text}" for number, line in lines]
    return Reply(lambda: job_rows.history(found, lines), [*_shown(found), *told])


def _lines(store: JobStore, job: JobRecord) -> Iterator[tuple[int, StreamLine]]:
    for number, path in enumerate(outputs.streams(store, job.id), 1):
        for line in reader.read(path):
            yield number, line


def _waits(store: JobStore) -> Callable[[JobRecord], str]:
    """What says of a job why it is not started yet."""
    reasons = waiting.load(store.folder)
    usual = "" if presence.present(store.folder) else "nobody runs jobs here"
    return lambda job: usual or reasons.get(job.id, "") if job.status is JobStatus.QUEUED else ""


def _queued(store: JobStore, job: JobRecord) -> Reply:
    lines = [f"{job.id}: {job.status}, for {job.agent_name}"]
    if presence.present(store.folder) is None:
        lines.append("nobody runs jobs here now: `gitfleet start`, or `gitfleet run`")
    return Reply(job_rows.job_answer(job), lines)


def _shown(job: JobRecord) -> Iterator[str]:
    yield f"{job.id}: {job.status}" + (f" ({job.outcome})" if job.outcome else "")
    yield f"agent {job.agent_name}, created {_when(job)}"
    for attempt in job.attempts:
        yield f"attempt {attempt.number}: session {attempt.session}, branch {attempt.branch or '(none yet)'}"
        if attempt.worktree:
            yield f"  in {attempt.worktree}"
        if attempt.commit and attempt.commit != attempt.base:
            yield f"  commit {attempt.commit[:12]}"
        if attempt.kept:
            yield f"  {attempt.kept}"
    if job.error:
        yield f"why: {job.error}"


def _when(job: JobRecord) -> str:
    return clock.iso(job.created_at // 1000)
