"""What is done with the work of a success, as its agent file says: its branch is pushed, a pull request opened, an entry of the queue made.

Each step first looks whether it is done, so all may be done again, after a crash or when the hub is back. Nothing is forced: a branch only goes
forward, from where the hub has it, and only the attempt's own. The user's gates judge a push as any other.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial

from gitfleet.base.names import Oid
from gitfleet.base.text import display, one_line
from gitfleet.clone import Clone
from gitfleet.codec import replace
from gitfleet.errors import (
    Blocked,
    Conflict,
    Corrupt,
    FleetError,
    LocalStorage,
    LockHeld,
    PolicyRefused,
    StaleFence,
    UsageError,
)
from gitfleet.git import refs
from gitfleet.git.program import GitFailed
from gitfleet.git.remote import Remote
from gitfleet.jobs.definitions.schema import Agent
from gitfleet.jobs.delivery import host_requests, prompts
from gitfleet.jobs.delivery import work as works
from gitfleet.jobs.delivery.host_requests import HostRequest
from gitfleet.jobs.delivery.work import Work
from gitfleet.jobs.records.delivery_record import Delivery
from gitfleet.jobs.records.job_record import JobRecord
from gitfleet.jobs.shared import vouching
from gitfleet.mergequeue import branches, model
from gitfleet.mergequeue.adding import Wanted
from gitfleet.mergequeue.branches import Placed
from gitfleet.mergequeue.model import QueueEntry
from gitfleet.mergequeue.service import MergeQueue
from gitfleet.trunk import queue_policy

PATIENCE = 120.0
"""Seconds that the hub may take for one delivery; then it counts as out of reach."""
_NO = (UsageError, Conflict, StaleFence, PolicyRefused, Blocked)
"""Who looked said no: what is to be done about that is for people."""
_LATER = (LockHeld, Corrupt, LocalStorage, GitFailed)
"""Among these, what may be otherwise at the next try, as all else may."""
_HEADS = "refs/heads/"
_LIMIT = 1000
_JOB = "Fleet-Job"
"""The line by which the text of a request names its job."""
Step = Callable[[Clone, Work, Delivery], Delivery]


def deliver(job: JobRecord, agent: Agent, commit: str) -> Delivery:
    """Deliver the work of the job's last attempt, whose `commit` was checked; how far that came. Raises nothing of what may go wrong.

    Nothing is done where the agent's file wishes for nothing, or the commit changes nothing.
    """
    attempt = job.attempts[-1]
    before = replace(attempt.delivery, waits="", refused="")
    if not (agent.commit.push or agent.queue.enabled):
        return before
    work = works.of_job(job, agent, commit)
    try:
        with Clone.open(attempt.worktree, patience=PATIENCE) as clone:
            if not _changes(clone, work) or not (clone.ledger.node.hub or agent.queue.enabled):
                return before
            _check(clone, work)
            vouching.demand_ours(agent.working_directory, job, PATIENCE)
            with works.at_work(clone, work):
                return _delivered(clone, work, agent, before)
    except (FleetError, OSError) as error:
        if _is_no(error):
            return replace(before, refused=f"not delivered: {_words(error)}")
        return replace(before, waits=f"not delivered yet: {_words(error)}")


def _delivered(clone: Clone, work: Work, agent: Agent, done: Delivery) -> Delivery:
    """As far as it goes: what is not pushed goes nowhere; a request and an entry do not depend on each other."""
    waits, refused = [], []
    for name, step in _steps(agent):
        try:
            done = step(clone, work, done)
        except (FleetError, OSError) as error:
            if _is_no(error):
                refused.append(f"{name}: {_words(error)}")
            else:
                waits.append(f"{name} yet: {_words(error)}")
        if step is _push and (waits or refused):
            break
    return replace(done, waits="; ".join(waits), refused="; ".join(refused))


def _is_no(error: Exception) -> bool:
    """Whether that was refused for good."""
    return isinstance(error, _NO) and not isinstance(error, _LATER)


def _steps(agent: Agent) -> Iterator[tuple[str, Step]]:
    if agent.commit.push:
        yield "not pushed", _push
    if agent.commit.pull_request:
        yield "no pull request", partial(_request, base=agent.base or "")
    if agent.queue.enabled:
        yield "not queued", partial(_queue, base=agent.base or "")


def _changes(clone: Clone, work: Work) -> bool:
    trees = [refs.resolve(clone.repository.git, f"{one}^{{tree}}") for one in (work.base, work.commit)]
    return trees[0] != trees[1]


def _check(clone: Clone, work: Work) -> None:
    """Raise Conflict unless the work is what the attempt's own branch has."""
    head = refs.resolve(clone.repository.git, _HEADS + work.branch)
    if head != work.commit or work.branch == clone.ledger.node.trunk:
        raise Conflict(
            f"The work is at {work.commit[:12]}, and its own branch {display(work.branch)} is at {(head or 'no commit')[:12]}.",
            hint="Look at it, and push by hand what belongs there.",
        )


def _push(clone: Clone, work: Work, done: Delivery) -> Delivery:
    node, git, ref = clone.ledger.node, clone.repository.git, _HEADS + work.branch
    if not node.hub:
        return done
    there = Remote(git, node.hub, node.push, patience=PATIENCE).look(ref).get(ref)
    if there != work.commit:
        if there and git.ask("merge-base", "--is-ancestor", there, work.commit).code:
            raise Conflict(
                f"{display(work.branch)} has commits on the hub '{node.hub}' that are not in the work.",
                hint="Bring them together by hand.",
            )
        known = {str(work.branch): there} if there else {}
        branches.push(
            clone.repository, node.hub, Placed(work.branch, work.commit, Oid(""), known, True), work.session
        )
    return replace(done, pushed=work.commit)


def _request(clone: Clone, work: Work, done: Delivery, *, base: str) -> Delivery:
    """The request for the branch, to be merged into the branch that its agent begins at, else into the trunk."""
    node, git = clone.ledger.node, clone.repository.git
    if done.request or not node.hub:
        return done
    log = git.run(
        "log", "--reverse", "--no-show-signature", "--format=%B", f"{work.base}..{work.commit}", "--"
    )
    body = f"{work.body}\n\n{log.decode('utf-8', 'replace')}\n{_JOB}: {work.job}\n".lstrip()
    request = HostRequest(work.branch, work.commit, _onto(clone, base), work.title, body)
    return replace(
        done, request=host_requests.open_once(prompts.forge(clone), request, clone.repository.here.cwd)
    )


def _onto(clone: Clone, base: str) -> str:
    """The branch of the hub that work belongs on which began at `base`: the trunk, unless that is another one."""
    node = clone.ledger.node
    if base in {"", node.trunk} or not node.hub:
        return node.trunk
    ref = _HEADS + base
    there = Remote(clone.repository.git, node.hub, node.push, patience=PATIENCE).look(ref)
    return base if ref in there else node.trunk


def _queue(clone: Clone, work: Work, done: Delivery, *, base: str) -> Delivery:
    onto = _onto(clone, base)
    if onto != clone.ledger.node.trunk:
        words = (
            f"the queue lands on {display(clone.ledger.node.trunk)}, and the work belongs on {display(onto)}."
        )
        raise UsageError(words, hint="Leave `queue` or `base` out of the agent's file.")
    queue = MergeQueue(clone.repository, clone.ledger, lambda: clone.policy)
    ceiling = queue_policy.load(clone.ledger.state).ceiling_for(named=False)
    wanted = Wanted(work.branch, work.title, _priority(work, ceiling))
    if work.again:  # somebody may have changed them since
        wanted = Wanted(work.branch)
    try:
        entry = queue.add(work.session, wanted).added.entry
    except (Conflict, UsageError):  # it may have come there before a crash, and gone on since
        found = _there(clone, work)
        if found is None:
            raise
        entry = found
    return replace(done, entry=entry.id, became="")


def _priority(work: Work, ceiling: int) -> int | None:
    """That of the job, counted from the usual one, as far as a session may go."""
    return max(0, min(ceiling, model.DEFAULT_PRIORITY + work.priority)) if work.priority else None


def _there(clone: Clone, work: Work) -> QueueEntry | None:
    """The entry that has the work already."""
    view = clone.current().view
    known = [*model.readable(view), *model.lately(view)]
    return next((one for one in known if (one.branch, one.head) == (work.branch, work.commit)), None)


def _words(error: Exception) -> str:
    if isinstance(error, FleetError):
        first, _, rest = error.message.partition("\n")
        return one_line(f"{first} {' '.join(rest.split())}", _LIMIT)
    return one_line(os.strerror(error.errno or 0) if isinstance(error, OSError) else str(error), _LIMIT)
