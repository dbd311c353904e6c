"""What an attempt has left in its folder for the one that comes after it: how it was lost, its conversation, its retry rules."""

from __future__ import annotations

import os
from typing import TypedDict

from gitfleet.base import identity
from gitfleet.jobs.adapters.results import Usage
from gitfleet.jobs.adapters.runtimes import for_runtime
from gitfleet.jobs.attempts import plan, successors
from gitfleet.jobs.definitions.schema import Agent, RetryRules
from gitfleet.jobs.errors import FleetManagerError
from gitfleet.jobs.records.job_record import JobRecord
from gitfleet.jobs.records.store import JobStore
from gitfleet.jobs.shepherd import control, records
from gitfleet.jobs.shepherd.records import EndRecord
from gitfleet.jobs.streams import reader
from gitfleet.jobs.words import EndCause, EventKind, LineSource

_TELLERS = frozenset(["claude", "codex"])
"""Runtimes whose clients tell of usage before they end, in lines of which each stands for itself."""
_SAID = frozenset([LineSource.STDOUT, LineSource.JSON])


class AttemptTraces(TypedDict, total=False):
    """Facts about an attempt, as its record has them; those that nothing tells of are not there."""

    why: EndCause
    conversation: str
    lost: bool
    usage: Usage
    cost: float | None


def of(store: JobStore, job: JobRecord, folder: str, end: EndRecord | None) -> AttemptTraces:
    """Facts about the last attempt, in `folder`: why it is over where nobody wrote that down, its conversation, its own usage."""
    facts: AttemptTraces = {} if end else {"why": why(folder), **_used(store, job, folder)}
    known = control.state(folder)
    if end and end.result:
        facts["lost"], facts["usage"] = end.result.lost, _own(store, job, end.result.usage)
    said = end.result.session_id if end and end.result else ""
    facts["conversation"] = said or (known.session_id if known else "")
    return facts


def why(folder: str) -> EndCause:
    """What has become of an attempt whose end nobody wrote down: it never began, its shepherd was killed, or its machine was started anew."""
    known = control.state(folder)
    if known is None or not known.agent:
        return EndCause.START_FAILED
    return EndCause.LOST if known.boot in {"", identity.boot_id()} else EndCause.REBOOTED


def rules(folder: str) -> RetryRules:
    """What its agent file said of retries when it began; none where that cannot be read."""
    try:
        return plan.agent_of(folder).retry
    except FleetManagerError:
        return RetryRules()


def resets_at(end: EndRecord | None) -> int:
    """When the quota that it ran out of is there again; 0 where that was not told."""
    return (end.result.resets_at or 0) if end and end.result else 0


def conversation(store: JobStore, job: JobRecord, agent: Agent) -> str:
    """The conversation that the last attempt goes on with; "" for a new one."""
    before = successors.speaker(job)
    if before is None:
        return ""
    try:
        earlier = plan.agent_of(store.attempt_folder(job.id, before.number))
    except FleetManagerError:
        return ""
    return successors.conversation(job, agent.adapter, earlier.adapter)


def before(store: JobStore, job: JobRecord) -> Usage | None:
    """What the conversation had used before the last attempt: nothing for a new one, None where that is not known."""
    earlier = successors.speaker(job)
    if not job.attempts[-1].resumed or earlier is None:
        return Usage()
    try:
        end = control.end(store.attempt_folder(job.id, earlier.number))
    except ValueError:
        end = None
    return end.result.usage if end and end.result else None


def _used(store: JobStore, job: JobRecord, folder: str) -> AttemptTraces:
    """The usage of an attempt that was lost, as far as its client had told of it: read from its stream once more."""
    try:
        agent = plan.agent_of(folder)
    except FleetManagerError:
        return {}
    if agent.adapter not in _TELLERS:
        return {}
    adapter = for_runtime(agent.adapter, model=str(agent.options.get("model") or ""))
    for line in reader.read(os.path.join(folder, records.STREAM)):
        if line.source in _SAID and line.type != EventKind.SETUP:
            adapter.feed("stdout", line.raw, line.at)
    usage, cost = adapter.spent()
    return {"usage": _own(store, job, usage), "cost": cost}


def _own(store: JobStore, job: JobRecord, told: Usage) -> Usage:
    """The part of the last attempt, where the client counts for its whole conversation and that is older."""
    if not job.attempts[-1].resumed or successors.speaker(job) is None:
        return told
    return told.since(before(store, job))
