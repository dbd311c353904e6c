"""The environment of an attempt: what is allowed of ours, what the agent file sets, and what tells whose attempt it is."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Mapping
from urllib.parse import quote

from gitfleet.jobs.adapters import claude_call, codex_call
from gitfleet.jobs.adapters.acp import call as acp_call
from gitfleet.jobs.adapters.protocol import Adapter, Task
from gitfleet.jobs.definitions.schema import Agent
from gitfleet.jobs.records.job_record import AttemptRecord, JobRecord
from gitfleet.sessions.local import VARIABLE

STATE = "GITFLEET_JOBS"
"""The variable that tells an attempt where its job is kept."""
ALLOWED = (
    STATE,
    "PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LC_*", "TZ", "TERM", "TMPDIR",
    "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME",
    "GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM", "GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL",
    "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL",
)  # fmt: skip
"""What every attempt gets where we have it. No credentials: those are for the agent file to allow."""
_OF_CLIENTS = {"codex": codex_call.ENVIRONMENT, "claude": claude_call.ENVIRONMENT}
_PARENT = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})")
"""https://www.w3.org/TR/trace-context/#traceparent-header: ids of zeros are none."""


def of_attempt(
    agent: Agent, job: JobRecord, attempt: AttemptRecord, adapter: Adapter, task: Task, environ: Mapping[str, str]
) -> dict[str, str]:  # fmt: skip
    """The whole environment of one attempt, out of ours (`environ`)."""
    allowed = [*ALLOWED, *_OF_CLIENTS.get(agent.adapter, ()), *agent.env.allow]
    allowed += acp_call.agent_of(task).passed if agent.adapter == "acp" else ()
    env = {name: value for name, value in environ.items() if _admits(allowed, name)}
    for name, value in adapter.environment(task).items():
        if value is None:
            env.pop(name, None)
        else:
            env[name] = value
    env.update(agent.env.set)
    facts = {
        "gitfleet.job.id": job.id,
        "gitfleet.agent.name": agent.name,
        "gitfleet.session.id": attempt.session,
        "gitfleet.attempt.number": str(attempt.number),
    }
    told = ",".join(f"{name}={quote(value, safe='')}" for name, value in facts.items())
    before = env.get("OTEL_RESOURCE_ATTRIBUTES", "")
    env["OTEL_RESOURCE_ATTRIBUTES"] = f"{before},{told}" if before else told
    env |= _trace(environ, job.id)
    env["PWD"] = attempt.worktree
    env[VARIABLE] = attempt.session
    if STATE in environ:
        env[STATE] = environ[STATE]
    return env


def _admits(allowed: Iterable[str], name: str) -> bool:
    return any(
        name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern for pattern in allowed
    )


def _trace(environ: Mapping[str, str], job_id: str) -> dict[str, str]:
    """A span of its own: in the trace that we are in ourselves, with its state, else in the one of the job, whatever its attempt."""
    span = os.urandom(8).hex()
    found = _PARENT.fullmatch(environ.get("TRACEPARENT", ""))
    if found is None:
        return {"TRACEPARENT": f"00-{hashlib.sha256(job_id.encode()).hexdigest()[:32]}-{span}-01"}
    state = {"TRACESTATE": environ["TRACESTATE"]} if environ.get("TRACESTATE") else {}
    return {"TRACEPARENT": f"00-{found[1]}-{span}-{found[2]}", **state}
