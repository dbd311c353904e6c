"""The end of an attempt: what its shepherd says, held against what is there; and then everything of it is let go but its work.

The work stays: what the agent left uncommitted is committed on its branch where that can be, and its worktree is kept; upkeep
takes it away when that is safe.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gitfleet.base import clock
from gitfleet.base.names import SessionId
from gitfleet.base.text import counted, one_line
from gitfleet.clone import Clone
from gitfleet.codec import Struct, changed, replace
from gitfleet.errors import FleetError, NoRepository, NoSession
from gitfleet.git import checkout, git_worktrees, refs
from gitfleet.git.program import Git, nul_ended, redact
from gitfleet.jobs import durations
from gitfleet.jobs.attempts import (
    confinement,
    places,
    plan,
    postponing,
    running_on,
    submodules_left,
    successors,
    traces,
    verifying,
)
from gitfleet.jobs.definitions.schema import Agent, LimitRules, RetryRules
from gitfleet.jobs.delivery import delivering
from gitfleet.jobs.errors import InvalidStateError
from gitfleet.jobs.money import budgets
from gitfleet.jobs.records.delivery_record import Delivery
from gitfleet.jobs.records.job_record import AttemptRecord, JobRecord
from gitfleet.jobs.records.store import JobStore
from gitfleet.jobs.setup import records as setup_records
from gitfleet.jobs.shared import pausing
from gitfleet.jobs.shepherd import control
from gitfleet.jobs.shepherd.records import EndRecord
from gitfleet.jobs.words import AttemptOutcome, EndCause, JobStatus
from gitfleet.sessions.local import VARIABLE

_COMMIT_TIME = 900.0
_SHOWN = 2000
_STATUS = {
    AttemptOutcome.SUCCESS: JobStatus.COMPLETED,
    AttemptOutcome.NO_CHANGE: JobStatus.COMPLETED,
    AttemptOutcome.CANCELLED: JobStatus.CANCELLED,
    AttemptOutcome.INTERRUPTED: JobStatus.INTERRUPTED,
}


class _Verdict(Struct):
    """What came of it, with the reason where it is not a success; where its work is; and what could not be committed.

    `notes`: what else there is to say.
    """

    outcome: AttemptOutcome
    error: str = ""
    commit: str = ""
    branch: str = ""
    kept: str = ""
    notes: tuple[str, ...] = ()


def conclude(store: JobStore, job_id: str, environ: Mapping[str, str], *, failure: str = "") -> JobRecord:
    """The job after its last attempt has ended: ended, too, or queued for another one. `failure`: why its agent was not started.

    Ends what a killed shepherd has left. Of several who conclude one job, one does, and all get the same answer. Raises
    InvalidStateError while its shepherd lives.
    """
    with store.job_lock(job_id).held(2 * verifying.TIME):
        job = store.get(job_id)
        if job.status is not JobStatus.RUNNING and job.attempts:
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
        boxes = end.containers if end else control.clear_containers(folder)
        postponed = postponing.noted(folder)
        busy = bool(left or boxes)
        verdict = _judged(store, job, folder, environ, end, postponed or failure, busy=busy)
        if busy:
            verdict = replace(verdict, kept=_at_work(left, boxes))
        delivery = _delivery(job, folder, verdict, busy=busy)
        problem = _leave(job, folder)
        said = "\n".join(filter(None, [verdict.error, problem]))
        facts = {**_facts(end, verdict, said), "left": tuple(left), **traces.of(store, job, folder, end)}
        facts |= {"delivery": delivery} | ({"why": EndCause.POSTPONED} if postponed else {})
        unheld = budgets.settle(store, folder, job, changed(job.attempts[-1], facts))
        notes = (
            *job.attempts[-1].notes,
            *confinement.noted(end),
            *running_on.notes(end, job.attempts[-1]),
            *verdict.notes,
            *unheld,
        )
        plan.change(store, job_id, **facts, notes=notes)
        if delivery.open:
            store.expect(job_id)
        if postponed and not job.cancelled:
            return store.update(
                job_id, lambda job: postponing.queued(job) if not job.cancelled else _queued_again(job)
            )
        # Nothing follows containers that may be at work there; what follows processes waits for their end.
        if not boxes and _ran_out(job, folder, end, verdict):
            return store.update(job_id, _queued_again)
        rules, resets = RetryRules() if boxes else traces.rules(folder), traces.resets_at(end)
        return store.update(job_id, lambda job: _over(job, rules, verdict.outcome, said, resets))


def _at_work(left: Sequence[int], boxes: Sequence[str]) -> str:
    """Why the worktree is kept, and nothing is delivered from it: what would not end."""
    if boxes:
        return f"containers that could not be removed may be at work there: {', '.join(boxes)}"
    return f"processes that would not end are at work there: {', '.join(map(str, left))}"


def _over(job: JobRecord, rules: RetryRules, outcome: AttemptOutcome, error: str, resets: int) -> JobRecord:
    now = clock.milliseconds()
    return successors.follows(job, rules, outcome, now, resets_at=resets) or _ended(job, outcome, error)


def _delivery(job: JobRecord, folder: str, verdict: _Verdict, *, busy: bool) -> Delivery:
    """Deliver the work of a success, if all of it is there to be delivered."""
    before = job.attempts[-1].delivery
    if verdict.outcome is not AttemptOutcome.SUCCESS or not verdict.commit:
        return before
    agent = plan.agent_of(folder)
    if verdict.kept and (busy or agent.commit.leftovers != "keep"):
        return replace(before, refused=f"not delivered: {verdict.kept}")
    return delivering.deliver(job, agent, verdict.commit)


def _ran_out(job: JobRecord, folder: str, end: EndRecord | None, verdict: _Verdict) -> bool:
    """Whether it waits for the quota of its agent's pool, which is paused now."""
    if verdict.outcome is not AttemptOutcome.QUOTA or job.cancelled:
        return False
    resets = end.result.resets_at if end and end.result else None
    return pausing.ran_out(plan.agent_of(folder), job.id, verdict.outcome, resets)


def _queued_again(job: JobRecord) -> JobRecord:
    if job.cancelled:
        return _ended(job, AttemptOutcome.CANCELLED, "")
    return replace(job, status=JobStatus.QUEUED, earlier=job.earlier + 1)  # it was no attempt's fault


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
        facts |= {"text": result.text, "cost": result.cost}
    return facts


def _judged(
    store: JobStore,
    job: JobRecord,
    folder: str,
    environ: Mapping[str, str],
    end: EndRecord | None,
    failure: str,
    *,
    busy: bool,
) -> _Verdict:
    """The outcome as the shepherd and the adapter have it; then as the diff and the `verify` command have it."""
    outcome, error = _told(job, folder, end, failure)
    attempt = job.attempts[-1]
    if not attempt.worktree:
        return _Verdict(outcome, error)
    agent: Agent | None = None
    try:
        agent = _as_it_ended(plan.agent_of(folder), end)
        with places.opened(job, agent) as clone:
            kept = _committed(clone, attempt, agent, folder, str(outcome), busy=busy)
            head = refs.resolve(clone.repository.here, "HEAD") or ""
            branch = refs.head(clone.repository.here).removeprefix("refs/heads/")
            notes = submodules_left.notes(clone.repository, attempt.base or head, head)
            verdict = _Verdict(outcome, error, head, branch, kept, notes)
            if outcome is not AttemptOutcome.SUCCESS:
                return verdict
            if kept and agent.commit.leftovers != "keep":
                return replace(verdict, outcome=AttemptOutcome.FAILED, error=kept)
            if not kept and not _changed(clone.repository.here, attempt.base, head):
                return _unchanged(verdict, agent, end)
    except (FleetError, OSError) as problem:
        words = f"its work could not be looked at: {one_line(str(problem))}"
        worse = AttemptOutcome.FAILED if outcome is AttemptOutcome.SUCCESS else outcome
        commit = places.committed(job, agent) if agent else ""
        return _Verdict(worse, error or words, commit, kept=words)
    why = verifying.verified(job, folder, agent, environ)
    if why:
        stopped = store.get(job.id).cancelled
        worse = AttemptOutcome.CANCELLED if stopped else AttemptOutcome.FAILED
        verdict = replace(verdict, outcome=worse, error="" if stopped else why)
    return verdict


def _as_it_ended(agent: Agent, end: EndRecord | None) -> Agent:
    """What takes more disk than it may is not put into the repository besides."""
    if end is None or end.why != EndCause.DISK:
        return agent
    return agent.model_copy(update={"commit": agent.commit.model_copy(update={"leftovers": "keep"})})


def _told(job: JobRecord, folder: str, end: EndRecord | None, failure: str) -> tuple[AttemptOutcome, str]:
    if job.cancelled and (end is None or end.why != EndCause.EXITED):
        return AttemptOutcome.CANCELLED, ""
    if failure:
        return AttemptOutcome.FAILED, failure
    if end is None:
        rebooted = traces.why(folder) == EndCause.REBOOTED
        killed = "the process that watched over it was killed; what it had started was ended"
        return AttemptOutcome.INTERRUPTED, "the machine was restarted" if rebooted else killed
    outcome = AttemptOutcome(end.outcome)
    if outcome is AttemptOutcome.SUCCESS:
        return outcome, ""
    if end.why == EndCause.FENCED:
        return outcome, "its lease was not renewed in time, so that another node may run it"
    said = "; ".join(end.result.errors) if end.result else ""
    reached = _limit_reached(end, plan.agent_of(folder).limits)
    return outcome, "; ".join(filter(None, [reached, end.error or said])) or f"it was ended: {end.why}"


def _limit_reached(end: EndRecord, limits: LimitRules) -> str:
    """Which limit of time ended an attempt, and how much that is; "" where none did."""
    if end.why == EndCause.WALL and limits.wall:
        return f"stopped after {durations.words(limits.wall)}, its limit (`limits.wall`)"
    if end.why == EndCause.IDLE and limits.idle:
        return f"stopped after {durations.words(limits.idle)} without a word, its limit (`limits.idle`)"
    if end.why == EndCause.HANDSHAKE:
        return "stopped, since it had not answered at all"
    return ""


def _unchanged(verdict: _Verdict, agent: Agent, end: EndRecord | None) -> _Verdict:
    """What a success is that has changed nothing: what the file says, or none, where the agent itself gives reason to doubt."""
    if end and end.result and end.result.doubts:
        said = "; ".join(("nothing was changed", *end.result.doubts))
        return replace(verdict, outcome=AttemptOutcome.FAILED, error=said)
    return replace(verdict, outcome=AttemptOutcome(agent.commit.no_change))


def _changed(git: Git, base: str, head: str) -> bool:
    return refs.resolve(git, f"{base}^{{tree}}") != refs.resolve(git, f"{head}^{{tree}}")


def _committed(
    clone: Clone, attempt: AttemptRecord, agent: Agent, folder: str, how: str, *, busy: bool
) -> str:
    """Commit what the agent left, but for what its setup had left before; "", or why something is left uncommitted.

    The commit runs as any other: the user's hooks and ours judge it, and a refusal leaves every file as it is.
    """
    repository = clone.repository
    rows = checkout.differing(repository.here, submodules="dirty")
    paths = [path for _, path in rows if not path.endswith("/")]
    ours = setup_records.untouched(folder, attempt.worktree, paths)
    paths = [path for path in paths if path not in ours]
    if not paths:
        return ""
    left = f"{counted(len(paths), 'path')} left uncommitted"
    if agent.commit.leftovers != "commit":
        return left
    if not busy:
        places.unlock(repository, attempt)
    under_way = git_worktrees.in_progress(repository.git_dir)
    if under_way:
        return f"{left}: {git_worktrees.begun(under_way)} is under way"
    session = SessionId(attempt.session)
    try:
        if agent.claim_on_edit:
            clone.claims.claim(session, paths)
    except FleetError as error:
        return f"{left}: {error.message}"
    named = nul_ended(f":(top,literal){path}" for path in paths)
    done = repository.here.ask("add", "--all", "--pathspec-from-file=-", "--pathspec-file-nul", data=named)
    if done.code == 0:
        message = f"Work of {agent.name} in session {session}\n\nThe agent left these changes; they were committed for it ({how}).\n"
        env = {VARIABLE: session, "GIT_EDITOR": ":"}
        git = Git(repository.git_dir, cwd=repository.worktree, hooks=True, env=env)
        done = git.ask(
            "commit", "--quiet", "-m", message, timeout=_COMMIT_TIME, own_session=True, leaves=True
        )
    if done.code == 0:
        return ""
    repository.here.ask("reset", "--quiet")
    said = redact((done.stderr + done.stdout).decode("utf-8", "replace")).strip()
    return f"{left}: git refused: {said[:_SHOWN] or f'it ended with {done.code}'}"


def _leave(job: JobRecord, folder: str) -> str:
    """End the attempt's session; "", or why that failed: then upkeep does it, since its process is gone."""
    attempt = job.attempts[-1]
    if not attempt.worktree:
        return ""
    try:
        with _near(job, folder) as clone:
            clone.sessions.end(SessionId(attempt.session))
    except NoSession:
        return ""
    except FleetError as error:
        return f"its session could not be ended now, upkeep will do it: {error.message}"
    return ""


def _near(job: JobRecord, folder: str) -> Clone:
    try:
        return places.opened(job, plan.agent_of(folder))
    except NoRepository:
        return places.around(job, plan.agent_of(folder))
