"""The start of an attempt, step by step: worktree, shepherd, session, claims; and only then is its setup made, and its agent run.

Each step is written down or can be done again, so that one that was cut short by a crash is gone on with by calling `start` again.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping

from gitfleet.base.names import SessionId
from gitfleet.base.text import display
from gitfleet.clone import Clone
from gitfleet.codec import changed, replace
from gitfleet.errors import Conflict, FleetError, UsageError
from gitfleet.git import refs
from gitfleet.jobs import used_worktrees
from gitfleet.jobs.adapters.protocol import Adapter, Task
from gitfleet.jobs.adapters.runtimes import for_runtime
from gitfleet.jobs.archives import at_work
from gitfleet.jobs.attempts import (
    barrier,
    confinement,
    containers,
    environment,
    places,
    plan,
    preparation,
    successors,
    traces,
)
from gitfleet.jobs.definitions.schema import Agent
from gitfleet.jobs.delivery import prompts
from gitfleet.jobs.money import budgets
from gitfleet.jobs.records import work_item
from gitfleet.jobs.records.job_record import AttemptRecord, JobRecord
from gitfleet.jobs.records.store import JobStore
from gitfleet.jobs.shepherd import control, lease
from gitfleet.jobs.shepherd.control import Shepherd
from gitfleet.jobs.shepherd.records import AttemptLimits, Spec
from gitfleet.sessions import session_records
from gitfleet.sessions.service import Start
from gitfleet.worktrees.ensure import Wish
from gitfleet.worktrees.model import Managed


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
        shepherd = _shepherd(store, agent, job, {**environ, environment.STATE: store.folder})
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
        before = successors.origin(job)
        tree = job.back.tree or (before.session if before else attempt.session)
        wish = Wish(agent=agent.name, base=agent.base or "", session=tree, pid=os.getpid())
        managed = clone.worktrees.ensure(wish).managed
        used_worktrees.note(store, clone, managed)
        base = _base(clone, job, managed)
    facts = {"worktree": managed.path, "branch": managed.branch, "base": base}
    placed = changed(attempt, facts)
    resumed = traces.conversation(store, replace(job, attempts=(*job.attempts[:-1], placed)), agent)
    return plan.change(store, job.id, **facts, resumed=resumed)


def _base(clone: Clone, job: JobRecord, managed: Managed) -> str:
    """The commit that the attempt's changes count from: where its branch began, or where the job found the work that came back to it."""
    if not job.back.tree:
        return managed.base_commit
    first = next((one.base for one in job.attempts if one.base), "")
    return first or refs.resolve(clone.repository.git, f"refs/heads/{managed.branch}") or job.back.head


def _shepherd(store: JobStore, agent: Agent, job: JobRecord, environ: Mapping[str, str]) -> Shepherd:
    folder = store.attempt_folder(job.id, len(job.attempts))
    if control.alive(folder):
        return Shepherd(folder).introduced()
    if control.state(folder) or control.end(folder):
        raise AttemptOver("It is over.")
    barrier.make(folder)
    scope, notes = confinement.chosen(agent, job.attempts[-1], environ)
    if notes:
        plan.change(store, job.id, notes=notes)
    try:
        spec = replace(_spec(store, folder, agent, job, environ), scope=scope, bell=store.bell)
        return control.start(folder, spec)
    except control.AttemptTaken as error:
        raise AttemptOver("It ended before it began.") from error


def _spec(store: JobStore, folder: str, agent: Agent, job: JobRecord, environ: Mapping[str, str]) -> Spec:
    attempt = job.attempts[-1]
    model = str(agent.options.get("model") or "")
    adapter: Adapter = for_runtime(agent.adapter, model=model)
    said = successors.prompt(job, agent.adapter, attempt.resumed)
    allowed = budgets.allowance(folder)
    if allowed:
        allowed = replace(allowed, before=traces.before(store, job))
    task = Task(
        prompts.of_attempt(folder, agent, job, said),
        command=agent.command,
        options=budgets.client_options(agent, allowed),
        resume=attempt.resumed,
        permissions={str(kind): str(rule) for kind, rule in agent.permissions.items()},
    )
    env = environment.of_attempt(agent, job, attempt, adapter, task, environ)
    argv, command, cwd = adapter.argv(task), agent.setup.command, _cwd(agent, job, attempt)
    if box := containers.call(agent, attempt, environ):
        names = containers.variables(agent, env)
        argv = box.argv(argv, cwd, names)
        command = tuple(box.argv(command, cwd, names, "setup")) if command else ()
        env = containers.with_client(agent, env, box.box)
    _check(argv[0], attempt, env)
    argv, setup = preparation.planned(folder, agent, attempt, argv, command)
    data = adapter.stdin(task)
    limits = agent.limits
    return Spec(
        argv=barrier.argv(folder, argv),
        cwd=cwd,
        env=env,
        stdin=None if data is None else data.decode("utf-8", "surrogateescape"),
        adapter=agent.adapter,
        model=model,
        limits=AttemptLimits(limits.wall, limits.idle, limits.after_result, limits.grace, limits.disk),
        marker="" if box else attempt.session,  # what runs in a container hears of its end from docker alone
        brief=adapter.brief(task),
        setup=setup,
        worktree=attempt.worktree,
        container=box.box if box else None,
        lease=lease.path_in(os.path.dirname(folder)) if job.fence or work_item.fence(job.items) else "",
        allowance=allowed if allowed and allowed.limits else None,
    )


def _check(program: str, attempt: AttemptRecord, env: Mapping[str, str]) -> None:
    """Raise UsageError where there is no such program."""
    path = os.path.join(attempt.worktree, program) if "/" in program else program
    if shutil.which(path, path=env.get("PATH", os.defpath)) is None:
        raise UsageError(
            f"'{display(program[:200])}' is not a program that can be run.",
            hint="Install it, or correct `command` in the agent file.",
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
    with places.opened(job, agent) as clone:
        known = session_records.find(clone.current().view, session)
        here = clone.sessions.local.get(session)
        if known is None or known.pid != shepherd.pid or here is None:
            title = at_work.title(agent.name, job.id)
            clone.sessions.start(
                Start(
                    session,
                    agent.name,
                    title,
                    pid=shepherd.pid,
                    command=tuple(agent.command or (agent.runtime,)),
                )
            )
        if wanted := preparation.wanted(agent):
            try:
                granted = clone.claims.claim(session, wanted)
            except Conflict as error:
                raise error.again(
                    hint="Retry it when they are free, or when the branch that holds them has landed."
                ) from error
            preparation.keep_units(shepherd.folder, [*granted.granted, *granted.already_held])
