"""The start of an attempt, step by step: worktree, shepherd, session, claims; and only then does its agent run.

Each step is written down or can be done again, so that one that was cut short by a crash is gone on with by calling `start` again.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping

from gitfleet.base.names import SessionId
from gitfleet.base.text import display
from gitfleet.clone import Clone
from gitfleet.errors import Conflict, FleetError, UsageError
from gitfleet.jobs.adapters.protocol import Adapter, Task
from gitfleet.jobs.adapters.runtimes import RUNTIMES, for_runtime
from gitfleet.jobs.attempts import barrier, environment, plan
from gitfleet.jobs.definitions.schema import Agent
from gitfleet.jobs.records.job_record import AttemptRecord, JobRecord
from gitfleet.jobs.records.store import JobStore
from gitfleet.jobs.shepherd import control, lease
from gitfleet.jobs.shepherd.control import Shepherd
from gitfleet.jobs.shepherd.records import AttemptLimits, Spec
from gitfleet.sessions import session_records
from gitfleet.sessions.service import Start
from gitfleet.worktrees.ensure import Wish


class AttemptOver(FleetError):
    """The attempt ended, or was cancelled, before its agent ran."""


def start(store: JobStore, job_id: str, environ: Mapping[str, str]) -> Shepherd:
    """Start the last attempt of the job, or go on with its start; who watches over it.

    Raises AttemptOver, and whatever refuses worktree, session or claims: then nothing has run, and `conclude` clears up.
    """
    with store.job_lock(job_id).held(60.0):
        job = store.get(job_id)
        folder = store.attempt_folder(job_id, len(job.attempts))
        agent = plan.agent_of(folder)
        job = _placed(store, job, agent)
        if job.cancelled or job.ended:
            raise AttemptOver("It was cancelled before it began.")
        shepherd = _shepherd(folder, agent, job, environ)
        try:
            _let_go(store, job, agent, shepherd)
        except BaseException:
            shepherd.close()
            raise
        return shepherd


def _let_go(store: JobStore, job: JobRecord, agent: Agent, shepherd: Shepherd) -> None:
    """Let the agent run, once its session is at work."""
    if not barrier.closed(shepherd.folder):
        return
    _register(job, agent, shepherd)
    if store.get(job.id).cancelled:
        raise AttemptOver("It was cancelled before it began.")
    if not barrier.open_for(shepherd.folder):
        raise AttemptOver("It ended before it began.")


def _placed(store: JobStore, job: JobRecord, agent: Agent) -> JobRecord:
    """The job whose attempt has a worktree."""
    attempt = job.attempts[-1]
    if attempt.worktree:
        return job
    with Clone.open(job.working_directory or agent.repo or agent.working_directory) as clone:
        wish = Wish(agent=agent.name, base=agent.base or "", session=attempt.session, pid=os.getpid())
        managed = clone.worktrees.ensure(wish).managed
    facts = {"worktree": managed.path, "branch": managed.branch, "base": managed.base_commit}
    return plan.change(store, job.id, **facts)


def _shepherd(folder: str, agent: Agent, job: JobRecord, environ: Mapping[str, str]) -> Shepherd:
    if control.alive(folder):
        return Shepherd(folder)
    if control.state(folder) or control.end(folder):
        raise AttemptOver("It is over.")
    if agent.runtime not in RUNTIMES:
        raise UsageError(f"The runtime {agent.runtime} is not there yet.", hint="Choose another runtime.")
    barrier.make(folder)
    try:
        return control.start(folder, _spec(folder, agent, job, environ))
    except control.AttemptTaken as error:
        raise AttemptOver("It ended before it began.") from error


def _spec(folder: str, agent: Agent, job: JobRecord, environ: Mapping[str, str]) -> Spec:
    attempt = job.attempts[-1]
    model = str(agent.options.get("model") or "")
    adapter: Adapter = for_runtime(agent.runtime, model=model)
    task = Task(job.prompt, command=agent.command, options=agent.options)
    env = environment.of_attempt(agent, job, attempt, adapter, task, environ)
    argv = adapter.argv(task)
    _check(argv[0], attempt, env)
    data = adapter.stdin(task)
    limits = agent.limits
    return Spec(
        argv=barrier.argv(folder, argv),
        cwd=_cwd(agent, job, attempt),
        env=env,
        stdin=None if data is None else data.decode("utf-8", "surrogateescape"),
        adapter=agent.runtime,
        model=model,
        limits=AttemptLimits(limits.wall, limits.idle, limits.after_result, limits.grace),
        marker=attempt.session,
        lease=lease.path_in(os.path.dirname(folder)) if job.fence else "",
    )


def _check(program: str, attempt: AttemptRecord, env: Mapping[str, str]) -> None:
    """Raise UsageError where there is no such program."""
    path = os.path.join(attempt.worktree, program) if "/" in program else program
    if shutil.which(path, path=env.get("PATH", os.defpath)) is None:
        raise UsageError(
            f"'{display(program[:200])}' is not a program that can be run.",
            hint="Correct `command` in the agent file.",
        )


def _cwd(agent: Agent, job: JobRecord, attempt: AttemptRecord) -> str:
    """The folder in the worktree that the working directory is in its own; the worktree where there is no such folder."""
    with Clone.open(job.working_directory or agent.working_directory) as clone:
        top = clone.repository.worktree or ""
    there = os.path.relpath(
        os.path.realpath(job.working_directory or agent.working_directory), os.path.realpath(top or ".")
    )
    inside = top and not agent.repo and there != os.pardir and not there.startswith(os.pardir + os.sep)
    place = os.path.normpath(os.path.join(attempt.worktree, there)) if inside else attempt.worktree
    return place if os.path.isdir(place) else attempt.worktree


def _register(job: JobRecord, agent: Agent, shepherd: Shepherd) -> None:
    """Have the attempt's session at work, with the claims of its agent."""
    attempt = job.attempts[-1]
    session = SessionId(attempt.session)
    with Clone.open(attempt.worktree) as clone:
        known = session_records.find(clone.current().view, session)
        if known is None or known.pid != shepherd.pid:
            title = f"{agent.name}: {job.id}"
            clone.sessions.start(
                Start(
                    session,
                    agent.name,
                    title,
                    pid=shepherd.pid,
                    command=tuple(agent.command or (agent.runtime,)),
                )
            )
        if agent.claims:
            try:
                clone.claims.claim(session, list(agent.claims))
            except Conflict as error:
                raise error.again(hint="Trigger it again when they are free.") from error
