"""Whether an attempt runs in a systemd scope of its own, and what is said where its memory cannot be held to its limit.

Where the user's systemd goes on without sessions, every attempt has a scope: so the kernel ends the agent that takes too much
memory, and not whoever started it. Where that ends with the user's last session, only those attempts have one whose
file limits their memory, and it is said.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from gitfleet.jobs.attempts import containers
from gitfleet.jobs.definitions.schema import Agent
from gitfleet.jobs.records.job_record import AttemptRecord
from gitfleet.jobs.shepherd import scopes
from gitfleet.jobs.shepherd.records import EndRecord, ScopeSpec
from gitfleet.jobs.shepherd.scopes import ScopeSupport


def chosen(
    agent: Agent, attempt: AttemptRecord, environ: Mapping[str, str]
) -> tuple[ScopeSpec | None, tuple[str, ...]]:
    """The scope of the attempt (None: it has none), and what is to be said of it."""
    if agent.docker is not None:
        return None, containers.unlimited(agent, environ)
    memory, found = agent.limits.memory, _support(tuple(sorted(_concerning(environ).items())))
    if not found.usable:
        return None, (f"limits.memory is not enforced: {found.why}",) if memory is not None else ()
    if not found.lasting and memory is None:
        return None, ()
    scope = ScopeSpec(scopes.unit(attempt.session, attempt.number), memory, environment=found.environment)
    return scope, () if found.lasting else (f"the attempt runs in a scope: {found.why}",)


def noted(end: EndRecord | None) -> tuple[str, ...]:
    """What is to be said of an attempt that has ended."""
    if end is None or end.memory_limit is not False:
        return ()
    return ("limits.memory was not enforced: the system shows no such limit for its processes",)


def _concerning(environ: Mapping[str, str]) -> dict[str, str]:
    return {name: environ[name] for name in ("PATH", *scopes.NEEDED) if name in environ}


@cache
def _support(environ: tuple[tuple[str, str], ...]) -> ScopeSupport:
    """Asked once by each process: it starts programs."""
    return scopes.support(dict(environ))
