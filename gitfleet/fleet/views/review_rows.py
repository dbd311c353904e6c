"""One session's work as a person reviews it: what it changes, what is known of that, and what comes next."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import NamedTuple, TypedDict

from gitfleet.base import advice
from gitfleet.base.names import BranchName, Oid, RepoPath, SessionId
from gitfleet.errors import FleetError, NoSession
from gitfleet.fleet.fleet import Fleet
from gitfleet.fleet.views import gate_rows, queue
from gitfleet.fleet.views.gate_rows import GateStatusAnswer
from gitfleet.fleet.views.queue import QueueEntryRow
from gitfleet.fleet.views.session_rows import SessionRow, known
from gitfleet.fleet.views.status import ToldConflict
from gitfleet.git import history, refs
from gitfleet.ledger import own_node
from gitfleet.ledger.ledger import State
from gitfleet.mergequeue import model, states
from gitfleet.nodes import details, liveness
from gitfleet.nodes.details import WantedTail
from gitfleet.nodes.records import Detail
from gitfleet.sessions import session_records, told_conflicts
from gitfleet.sessions.session_records import Session
from gitfleet.trunk import position

MOST_DIFF = 1 << 20
"""Bytes of a diff that are shown."""
_PLAIN = ("-c", "core.quotePath=false", "-c", "diff.noprefix=false")


class ReviewFileRow(TypedDict):
    """One file that differs; null lines: it is binary."""

    path: RepoPath
    added: int | None
    removed: int | None


class ReviewJobRow(TypedDict):
    """A job whose agent works, or worked, as this session."""

    job: str
    agent_name: str
    status: str
    dollars: float | None
    """An estimate, of all its attempts; null where it is not known."""


class ReviewAnswer(TypedDict):
    """`review`."""

    session: SessionRow
    branch: BranchName
    """Where that has nothing, the branch that it has queued last. Empty: it has none, or it is not known here."""
    head: Oid
    base: Oid
    """Where it left the trunk; empty where that is not known."""
    ahead: int | None
    """Commits that the trunk does not have."""
    behind: int | None
    dirty: int | None
    """Paths that are not committed, and in none of what follows."""
    files: list[ReviewFileRow]
    diff: str | None
    """With `--diff`: base against head, of at most a mebibyte; null where it was not asked for."""
    cut: bool
    """Whether the diff is longer."""
    gate: GateStatusAnswer | None
    """What is known of its tree; null where that is not known here."""
    entry: QueueEntryRow | None
    """Its live entry in the merge queue."""
    conflicts: list[ToldConflict]
    jobs: list[ReviewJobRow]
    why: str
    """Why the next step is that."""
    next: str
    """The one next step; empty when there is none."""


class _Work(NamedTuple):
    """A session's branch, and where that is."""

    branch: str
    head: str
    base: str
    counts: tuple[int, int] | None


def review(fleet: Fleet, session_id: SessionId, *, diff: bool = False) -> ReviewAnswer:
    """The work of one session, as this clone knows it. No network. Raises NoSession, GitFailed, Corrupt, NewerFormat."""
    state, node = fleet.current(), fleet.ledger.node.id
    session = session_records.find(state.view, session_id)
    if session is None:
        words = f"The fleet has no session '{session_id}' now."
        raise NoSession(words, hint=f"{advice.SESSIONS} shows those that are there.")
    with fleet.peers() as peers:
        row = known(session, liveness.liveness(session, node, peers))
        told = _own(fleet, session) if session.node == node else peers.detail(session.node, session.id)
    work = _work(fleet, (told.branch if told and told.branch else "") or session.branch)
    entry = _entry(fleet, state, work.branch)
    if entry is None and not (work.counts and work.counts[0]) and (queued := _queued(state, session_id)):
        work, entry = _work(fleet, queued), _entry(fleet, state, queued)
    text, cut = _diff(fleet, work) if diff else (None, False)
    conflicts = _conflicts(state, session_id, work.branch)
    gate = _gate(fleet, work.head)
    dirty = told.dirty if told else None
    why, step = _next(session_id, work, entry, gate, conflicts, dirty)
    return {
        "session": row, "branch": BranchName(work.branch), "head": Oid(work.head), "base": Oid(work.base),
        "ahead": work.counts[0] if work.counts else None, "behind": work.counts[1] if work.counts else None,
        "dirty": dirty, "files": _files(fleet, work), "diff": text, "cut": cut, "gate": gate, "entry": entry,
        "conflicts": conflicts, "jobs": _jobs(fleet, session_id), "why": why, "next": step,
    }  # fmt: skip


def _own(fleet: Fleet, session: Session) -> Detail | None:
    found, _ = details.gather(
        fleet.repository, fleet.ledger, [session], WantedTail(),
        lambda: position.tip(fleet.repository.git, fleet.ledger.node),
    )  # fmt: skip
    return found.get(session.id)


def _work(fleet: Fleet, branch: str) -> _Work:
    git, node = fleet.repository.git, fleet.ledger.node
    trunk = position.tip(git, node)
    name = f"refs/heads/{branch}"
    here = refs.read(git, name).get(name) if branch else None
    head = here or (position.known(git, node, [branch])[branch] if branch else None) or ""
    if not head or not trunk:
        return _Work(branch, head, "", None)
    return _Work(branch, head, git.line("merge-base", trunk, head) or "", history.counts(git, head, trunk))


def _files(fleet: Fleet, work: _Work) -> list[ReviewFileRow]:
    if not work.base:
        return []
    out = fleet.repository.git.run(
        "diff-tree",
        "-r",
        "--numstat",
        "-z",
        "--no-renames",
        "--no-ext-diff",
        "--no-textconv",
        work.base,
        work.head,
    )
    rows: list[ReviewFileRow] = []
    for line in os.fsdecode(out).split("\0"):
        added, _, rest = line.partition("\t")
        removed, _, path = rest.partition("\t")
        if path:
            rows.append({"path": RepoPath(path), "added": _count(added), "removed": _count(removed)})
    return rows


def _count(text: str) -> int | None:
    return int(text) if text.isdecimal() else None


def _diff(fleet: Fleet, work: _Work) -> tuple[str, bool]:
    if not work.base:
        return "", False
    out = fleet.repository.git.run(
        *_PLAIN, "diff-tree", "-r", "-p", "--no-color", "--no-ext-diff", "--no-textconv", work.base, work.head
    )
    return out[:MOST_DIFF].decode("utf-8", "replace"), len(out) > MOST_DIFF


def _gate(fleet: Fleet, head: str) -> GateStatusAnswer | None:
    if not head:
        return None
    try:
        return gate_rows.standing(fleet.gates.standing(fleet.gates.target(head).tree))
    except FleetError:  # a commit that this clone lacks
        return None


def _entry(fleet: Fleet, state: State, branch: str) -> QueueEntryRow | None:
    live = [
        one for one in model.readable(state.view) if one.branch == branch and one.state not in states.FINISHED
    ]
    return queue.shown(fleet, live[0].id)["entry"] if live and branch else None


def _queued(state: State, session: str) -> str:
    """The branch of the last live entry of a session; "" where it has none."""
    live = [
        one
        for one in model.readable(state.view)
        if one.session == session and one.state not in states.FINISHED
    ]
    return max(live, key=lambda one: one.id).branch if live else ""


def _conflicts(state: State, session: str, branch: str) -> list[ToldConflict]:
    found: list[ToldConflict] = []
    for told in told_conflicts.everything(state.view):
        for (own, owner), (other, rival) in _sides(told.branches, told.owners):
            if owner == session or (branch and own == branch):
                paths = [RepoPath(path) for path in told.paths]
                found.append({"branch": BranchName(other), "session": rival, "paths": paths})
                break
    return found


def _sides(
    branches: tuple[str, ...], owners: tuple[str, ...]
) -> list[tuple[tuple[str, str], tuple[str, str]]]:
    one, two = zip(branches, owners, strict=True)
    return [(one, two), (two, one)]


def _jobs(fleet: Fleet, session: str) -> list[ReviewJobRow]:
    folder = own_node.jobs_folder(fleet.repository.common_dir)
    if not os.path.isdir(folder):
        return []
    from gitfleet.jobs.money import budgets  # only where there are jobs
    from gitfleet.jobs.records.store import JobFilter, JobStore

    prices: Mapping[str, Mapping[str, float]] = {}
    rows: list[ReviewJobRow] = []
    for job in JobStore(folder).find(JobFilter()):
        if any(attempt.session == session for attempt in job.attempts):
            spent = budgets.of_job(job, prices)
            rows.append(
                {
                    "job": job.id,
                    "agent_name": job.agent_name,
                    "status": str(job.status),
                    "dollars": spent.money,
                }
            )
    return rows


def _next(
    session: str,
    work: _Work,
    entry: QueueEntryRow | None,
    gate: GateStatusAnswer | None,
    conflicts: list[ToldConflict],
    dirty: int | None,
) -> tuple[str, str]:
    """Why, and the step."""
    if not work.head:
        return "Its branch is not known here.", advice.SYNC
    if entry is not None:
        return f"It is in the merge queue: {entry['why']}", advice.QUEUE_WHY.of(entry["id"])
    if work.counts is not None and not work.counts[0]:
        return "It has nothing yet that the trunk lacks" + (
            ", but what is not committed." if dirty else "."
        ), ""
    if conflicts:
        return "It will conflict with other work.", advice.RADAR
    if gate is not None and gate["known"] == "failed":
        return "Its tree fails the gate.", advice.GATE_STATUS_OF.of(work.head)
    rest = " What it has not committed stays out." if dirty else ""
    return f"Accepting it queues its branch.{rest}", advice.QUEUE_ACCEPT.of(session)
