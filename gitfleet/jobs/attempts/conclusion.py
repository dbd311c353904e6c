"""The end of an attempt: what its shepherd says, held against what is there; and then everything of it is let go but its work.

The work stays: what the agent left uncommitted is committed on its branch where that can be, and its worktree is kept; upkeep
takes it away when that is safe.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from gitfleet.base import clock, files, processes
from gitfleet.base.names import SessionId
from gitfleet.base.text import counted, one_line
from gitfleet.clone import Clone
from gitfleet.codec import Struct, replace
from gitfleet.errors import FleetError, NoSession
from gitfleet.git import checkout, git_worktrees, refs
from gitfleet.git.program import Git, nul_ended, redact
from gitfleet.jobs.adapters.protocol import Task
from gitfleet.jobs.adapters.runtimes import for_runtime
from gitfleet.jobs.attempts import environment, plan
from gitfleet.jobs.definitions.schema import Agent
from gitfleet.jobs.errors import InvalidStateError
from gitfleet.jobs.records.job_record import AttemptRecord, JobRecord
from gitfleet.jobs.records.store import JobStore
from gitfleet.jobs.shared import pausing
from gitfleet.jobs.shepherd import control
from gitfleet.jobs.shepherd.records import EndRecord
from gitfleet.jobs.words import AttemptOutcome, EndCause, JobStatus
from gitfleet.sessions.local import VARIABLE

VERIFY_LOG = "verify.log"
_COMMIT_TIME = 900.0
_VERIFY_TIME = 3600.0
_SHOWN = 2000
_STATUS = {
    AttemptOutcome.SUCCESS: JobStatus.COMPLETED,
    AttemptOutcome.NO_CHANGE: JobStatus.COMPLETED,
    AttemptOutcome.CANCELLED: JobStatus.CANCELLED,
    AttemptOutcome.INTERRUPTED: JobStatus.INTERRUPTED,
}


class _Verdict(Struct):
    """What came of it, with the reason where it is not a success; where its work is; and what could not be committed."""

    outcome: AttemptOutcome
    error: str = ""
    commit: str = ""
    branch: str = ""
    kept: str = ""


def conclude(store: JobStore, job_id: str, environ: Mapping[str, str], *, failure: str = "") -> JobRecord:
    """The job, ended, after its last attempt has. `failure`: why its agent was not started.

    Ends what a killed shepherd has left. Of several who conclude one job, one does, and all get the same answer. Raises
    InvalidStateError while its shepherd lives.
    """
    with store.job_lock(job_id).held(2 * _VERIFY_TIME):
        job = store.get(job_id)
        if job.ended or job.status is not JobStatus.RUNNING:
            return job
        if not job.attempts:
            return store.update(job_id, lambda job: _ended(job, AttemptOutcome.CANCELLED, ""))
        folder = store.attempt_folder(job_id, len(job.attempts))
        if control.alive(folder):
            raise InvalidStateError(
                f"The attempt of {job_id} still runs.", hint="Cancel it.",
                current_state="running", expected_state="ended", operation="conclude",
            )  # fmt: skip
        end = control.end(folder)
        left = end.left if end else control.clear(folder)
        verdict = _judged(job, folder, environ, end, failure)
        if left:
            pids = ", ".join(map(str, left))
            verdict = replace(verdict, kept=f"processes that would not end are at work there: {pids}")
        problem = _leave(job.attempts[-1])
        said = "\n".join(filter(None, [verdict.error, problem]))
        plan.change(store, job_id, **_facts(end, verdict, said))
        if _ran_out(job, folder, end, verdict):
            return store.update(job_id, _queued_again)
        return store.update(job_id, lambda job: _ended(job, verdict.outcome, said))


def _ran_out(job: JobRecord, folder: str, end: EndRecord | None, verdict: _Verdict) -> bool:
    """Whether it waits for the quota of its agent's pool, which is paused now."""
    if verdict.outcome is not AttemptOutcome.QUOTA or job.cancelled:
        return False
    resets = end.result.resets_at if end and end.result else None
    return pausing.ran_out(plan.agent_of(folder), job.id, verdict.outcome, resets)


def _queued_again(job: JobRecord) -> JobRecord:
    if job.cancelled:
        return _ended(job, AttemptOutcome.CANCELLED, "")
    return replace(job, status=JobStatus.QUEUED)


def _ended(job: JobRecord, outcome: AttemptOutcome, error: str) -> JobRecord:
    status = _STATUS.get(outcome, JobStatus.FAILED)
    return replace(job, status=status, outcome=outcome, error=error, completed_at=clock.milliseconds())


def _facts(end: EndRecord | None, verdict: _Verdict, said: str) -> dict[str, object]:
    facts: dict[str, object] = {
        "outcome": verdict.outcome, "error": said, "commit": verdict.commit, "kept": verdict.kept,
        "ended_at": clock.milliseconds(),
    }  # fmt: skip
    if verdict.branch:
        facts["branch"] = verdict.branch
    if end:
        facts |= {"why": end.why, "code": end.code, "signal": end.signal}
        facts |= {"started_at": end.started, "ended_at": end.gone or end.ended or clock.milliseconds()}
    if end and end.result:
        result = end.result
        facts |= {
            "text": result.text,
            "conversation": result.session_id,
            "usage": result.usage,
            "cost": result.cost,
        }
    return facts


def _judged(
    job: JobRecord, folder: str, environ: Mapping[str, str], end: EndRecord | None, failure: str
) -> _Verdict:
    """The outcome as the shepherd and the adapter have it; then as the diff and the `verify` command have it."""
    outcome, error = _told(job, end, failure)
    attempt = job.attempts[-1]
    if not os.path.isdir(attempt.worktree):
        return _Verdict(outcome, error)
    try:
        agent = plan.agent_of(folder)
        with Clone.open(attempt.worktree) as clone:
            kept = _committed(clone, attempt, agent, str(outcome))
            head = refs.resolve(clone.repository.here, "HEAD") or ""
            branch = refs.head(clone.repository.here).removeprefix("refs/heads/")
            verdict = _Verdict(outcome, error, head, branch, kept)
            if outcome is not AttemptOutcome.SUCCESS:
                return verdict
            if kept and agent.commit.leftovers == "fail":
                return replace(verdict, outcome=AttemptOutcome.FAILED, error=kept)
            if not kept and not _changed(clone.repository.here, attempt.base, head):
                return replace(verdict, outcome=AttemptOutcome(agent.commit.no_change))
    except (FleetError, OSError) as problem:
        words = f"its work could not be looked at: {one_line(str(problem))}"
        worse = AttemptOutcome.FAILED if outcome is AttemptOutcome.SUCCESS else outcome
        return _Verdict(worse, error or words, kept=words)
    why = _verified(job, folder, agent, environ)
    return replace(verdict, outcome=AttemptOutcome.FAILED, error=why) if why else verdict


def _told(job: JobRecord, end: EndRecord | None, failure: str) -> tuple[AttemptOutcome, str]:
    if job.cancelled and (end is None or end.why != EndCause.EXITED):
        return AttemptOutcome.CANCELLED, ""
    if failure:
        return AttemptOutcome.FAILED, failure
    if end is None:
        return AttemptOutcome.INTERRUPTED, "its shepherd was killed, or the machine was restarted"
    outcome = AttemptOutcome(end.outcome)
    if outcome is AttemptOutcome.SUCCESS:
        return outcome, ""
    said = "; ".join(end.result.errors) if end.result else ""
    return outcome, end.error or said or f"it was ended: {end.why}"


def _changed(git: Git, base: str, head: str) -> bool:
    return refs.resolve(git, f"{base}^{{tree}}") != refs.resolve(git, f"{head}^{{tree}}")


def _committed(clone: Clone, attempt: AttemptRecord, agent: Agent, how: str) -> str:
    """Commit what the agent left; "", or why something is left uncommitted.

    The commit runs as any other: the user's hooks and ours judge it, and a refusal leaves every file as it is.
    """
    repository = clone.repository
    rows = checkout.differing(repository.here, submodules="dirty")
    paths = [path for _, path in rows if not path.endswith("/")]
    if not paths:
        return ""
    left = f"{counted(len(paths), 'path')} left uncommitted"
    if agent.commit.leftovers != "commit":
        return left
    under_way = git_worktrees.in_progress(repository.git_dir)
    if under_way:
        return f"{left}: {git_worktrees.begun(under_way)} is under way"
    session = SessionId(attempt.session)
    try:
        if agent.claim_on_edit:
            clone.claims.claim(session, paths)
    except FleetError as error:
        return f"{left}: {error.message}"
    git = Git(
        repository.git_dir, cwd=repository.worktree, hooks=True, env={VARIABLE: session, "GIT_EDITOR": ":"}
    )
    repository.here.run(
        "add",
        "--all",
        "--pathspec-from-file=-",
        "--pathspec-file-nul",
        data=nul_ended(f":(top,literal){path}" for path in paths),
    )
    message = f"Work of {agent.name} in session {session}\n\nThe agent left these changes; they were committed for it ({how}).\n"
    done = git.ask("commit", "--quiet", "-m", message, timeout=_COMMIT_TIME, own_session=True, leaves=True)
    if done.code == 0:
        return ""
    repository.here.ask("reset", "--quiet")
    said = redact((done.stderr + done.stdout).decode("utf-8", "replace")).strip()
    return f"{left}: git refused: {said[:_SHOWN]}"


def _verified(job: JobRecord, folder: str, agent: Agent, environ: Mapping[str, str]) -> str:
    """Run `verify` in the worktree; "", or what it found."""
    if not agent.verify:
        return ""
    attempt, task = job.attempts[-1], Task(job.prompt)
    env = environment.of_attempt(agent, job, attempt, for_runtime(agent.runtime), task, environ)
    limit = agent.limits.wall / 1000 if agent.limits.wall else _VERIFY_TIME
    try:
        done = processes.run(
            agent.verify, cwd=attempt.worktree, env=env, timeout=min(limit, _VERIFY_TIME),
            own_session=True, leaves=True,
        )  # fmt: skip
    except (OSError, processes.TimedOut) as error:
        return f"verify: {error}"
    output = done.stdout + done.stderr
    files.replace(os.path.join(folder, VERIFY_LOG), output, mode=0o600)
    if done.code == 0:
        return ""
    return f"verify ended with {done.code}: {redact(output.decode('utf-8', 'replace')).strip()[-_SHOWN:]}"


def _leave(attempt: AttemptRecord) -> str:
    """End the attempt's session; "", or why that failed: then upkeep does it, since its process is gone."""
    if not os.path.isdir(attempt.worktree):
        return ""
    try:
        with Clone.open(attempt.worktree) as clone:
            clone.sessions.end(SessionId(attempt.session))
    except NoSession:
        return ""
    except FleetError as error:
        return f"its session could not be ended now, upkeep will do it: {error.message}"
    return ""
