"""Clients as jobs: what was ended in the middle goes on in its own conversation, and in a new one where that is gone."""

from __future__ import annotations

import json
import os
import shutil
import signal
import threading
from collections.abc import Callable
from typing import Any

from gitfleet.jobs.records.store import JobStore
from gitfleet.jobs.shepherd import control
from gitfleet.jobs.words import JobStatus
from tests.agents.clients import installed
from tests.agents.models import Messages, Model, Responses, Turn, say, use
from tests.agents.scenario import bash, run, scenario
from tests.agents.world import World

WRITES = "echo two > free/a.py"


def _file(world: World, model: Model, runtime: str, options: dict[str, Any]) -> None:
    if isinstance(model, Responses):
        world.codex_ready(model, hooks=False)
    values = {
        "runtime": runtime, "working_directory": "..", "prompt": "first question", "options": options,
        "command": [str(installed(runtime) / runtime)], "retry": {"attempts": 2, "backoff": "4s"}, "limits": {"grace": "5s"},
        "env": {"allow": ["SCRIPTED_KEY"], "set": {"ANTHROPIC_BASE_URL": model.url, "CLAUDE_CODE_MAX_RETRIES": "1"}},
    }  # fmt: skip
    folder = world.ada / "agents"
    folder.mkdir(exist_ok=True)
    (folder / "worker.yaml").write_text(json.dumps(values))


def _ended_and_gone_on(world: World, model: Model, between: Callable[[], None]) -> Any:
    """The job, ended, after its first attempt was told to end (as at a shutdown) while the model thought; `between` comes before the second."""
    store = JobStore(str(world.ada / ".git/gitfleet/jobs"))
    job = world.data(world.ada, "trigger", "worker")["job"]["id"]
    runner = threading.Thread(target=world.ran, args=(world.ada,))
    runner.start()
    assert world.eventually(lambda: len(model.asked) >= 2)
    state = control.state(store.attempt_folder(job, 1))
    assert state is not None
    os.kill(state.shepherd, signal.SIGTERM)
    assert world.eventually(lambda: store.get(job).status is JobStatus.QUEUED)
    between()
    runner.join()
    return world.data(world.ada, "job", "show", job)["job"]


def _resumed(world: World, model: Model, runtime: str, options: dict[str, Any]) -> None:
    with model:
        _file(world, model, runtime, options)
        job = _ended_and_gone_on(world, model, lambda: None)
        asked = json.dumps(model.asked[-1])
    first, second = job["attempts"]
    assert (first["outcome"], second["outcome"], second["text"]) == ("interrupted", "success", "done"), job
    assert first["conversation"]
    assert first["conversation"] == second["resumed"] == second["conversation"]
    assert first["worktree"] == second["worktree"]
    assert WRITES in asked
    assert "Go on where you stopped" in asked
    assert world.git(world.ada, "show", f"{second['branch']}:free/a.py") == "two"


def _lost(world: World, model: Model, runtime: str, options: dict[str, Any], *folders: str) -> None:
    def forget() -> None:
        for folder in folders:
            shutil.rmtree(world.home / folder)

    with model:
        _file(world, model, runtime, options)
        job = _ended_and_gone_on(world, model, forget)
        asked = json.dumps(model.asked[-1])
    first, second, third = job["attempts"]
    assert (first["outcome"], second["outcome"], third["outcome"]) == ("interrupted", "failed", "success"), (
        job
    )
    assert (second["resumed"], third["resumed"]) == (first["conversation"], "")
    assert "An earlier attempt at this task has ended" in asked


def _claude() -> Messages:
    return Messages(use(bash(WRITES)), _thinks(), say("done"))


def _codex() -> Responses:
    return Responses(use(run(WRITES)), _thinks(), say("done"))


def _thinks() -> Turn:
    """For ever."""
    return say("late", gate=threading.Event())


TOOLS = {"allowed_tools": ["Bash"]}
OPEN = {"bypass_sandbox": True}


@scenario("claude")
def job_resumed(world: World) -> None:
    """As a job that was ended in the middle: its next attempt goes on in the same conversation."""
    _resumed(world, _claude(), "claude", TOOLS)


@scenario("claude")
def job_lost(world: World) -> None:
    """As a job whose conversation is gone: a new one begins, which is told of the work before it."""
    _lost(world, _claude(), "claude", TOOLS, ".claude/projects")


@scenario("codex")
def job_resumed_by_codex(world: World) -> None:
    """As a job that was ended in the middle: its next attempt goes on in the same conversation."""
    _resumed(world, _codex(), "codex", OPEN)


@scenario("codex")
def job_lost_by_codex(world: World) -> None:
    """As a job whose conversation is gone: a new one begins, which is told of the work before it."""
    _lost(world, _codex(), "codex", OPEN, ".codex/sessions")
