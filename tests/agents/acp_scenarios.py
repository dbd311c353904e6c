"""Agents that speak the Agent Client Protocol, as jobs: what they ask, what they do, how they are stopped and gone on with."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from gitfleet.jobs.adapters.acp import call
from gitfleet.jobs.adapters.protocol import Task
from gitfleet.jobs.shepherd import control
from gitfleet.jobs.shepherd.records import Spec
from tests.agents.chat_models import Chat, Generate
from tests.agents.clients import LONGEST, installed
from tests.agents.models import Call, Messages, Model, Responses, Turn, say, use
from tests.agents.scenario import apply, bash, run, scenario, update
from tests.agents.world import World


class Speaker(NamedTuple):
    """An agent: the model that it talks to, and the call by which it changes a file, of a kind for which it asks."""

    name: str
    model: type[Model]
    change: Call
    waits: Call
    free: str = ""
    """The mode in which it runs commands without asking; "": with our permission."""
    arguments: tuple[str, ...] = ()

    def environment(self, world: World, model: Model) -> dict[str, str]:
        """What leads it to its model."""
        if self.name == "opencode":
            provider = {
                "npm": "@ai-sdk/openai-compatible", "options": {"baseURL": f"{model.url}/v1", "apiKey": "none"},
                "models": {"scripted": {"limit": {"context": 100_000, "output": 1_000}}},
            }  # fmt: skip
            config = world.home / ".config/opencode/opencode.json"
            config.parent.mkdir(parents=True, exist_ok=True)
            names = dict.fromkeys(("model", "small_model"), "scripted/scripted")
            config.write_text(json.dumps({"provider": {"scripted": provider}, **names}))
        return {
            "claude-agent-acp": {"ANTHROPIC_BASE_URL": model.url, "CLAUDE_CODE_MAX_RETRIES": "1"},
            "gemini": {"GOOGLE_GEMINI_BASE_URL": model.url, "GEMINI_API_KEY": "none"},
            "copilot": {
                "COPILOT_OFFLINE": "true", "COPILOT_MODEL": "scripted", "COPILOT_PROVIDER_BASE_URL": f"{model.url}/v1",
            },
        }.get(self.name, {})  # fmt: skip

    def file(self, world: World, model: Model, **keys: Any) -> None:
        """Write its agent file."""
        if isinstance(model, Responses):
            world.codex_ready(model, hooks=False)
        values = {
            "runtime": "acp", "working_directory": "..", "prompt": "work",
            "command": [str(installed(self.name) / self.name), *self.arguments],
            "env": {"allow": ["SCRIPTED_KEY"], "set": self.environment(world, model)},
            **keys,
        }  # fmt: skip
        folder = world.ada / "agents"
        folder.mkdir(exist_ok=True)
        (folder / "talker.yaml").write_text(json.dumps(values))

    def ran(self, world: World, model: Model, **keys: Any) -> Any:
        """A job of it, run to its end."""
        self.file(world, model, **keys)
        job = world.data(world.ada, "trigger", "talker")["job"]["id"]
        world.ran(world.ada)
        return world.data(world.ada, "job", "show", job)["job"]


def _shell(tool: str, command: str) -> Call:
    return Call(tool, {"command": command, "description": "work"})


LONG = "touch started; sleep 31415"
CLAUDE = Speaker("claude-agent-acp", Messages, bash("echo two > free/a.py"), bash(LONG), "default")
GEMINI = Speaker(
    "gemini", Generate, _shell("run_shell_command", "echo two > free/a.py"), _shell("run_shell_command", LONG),
    arguments=("--acp", "-m", "gemini-2.5-pro"),
)  # fmt: skip
OPENCODE = Speaker(
    "opencode", Chat, _shell("bash", "echo two > free/a.py"), _shell("bash", LONG), arguments=("acp",)
)
COPILOT = Speaker(
    "copilot", Chat, _shell("bash", "echo two > free/a.py"), _shell("bash", LONG), arguments=("--acp",)
)
CODEX = Speaker("codex-acp", Responses, apply(update("free/a.py")), run(LONG), "agent-full-access")


def _allowed(world: World, speaker: Speaker) -> None:
    with speaker.model(use(speaker.change), say("done")) as model:
        job = speaker.ran(
            world, model, permissions={"execute": "allow", "edit": "allow", "default": "reject"}
        )
    (attempt,) = job["attempts"]
    assert (job["outcome"], attempt["text"]) == ("success", "done"), job
    assert world.git(world.ada, "show", f"{attempt['branch']}:free/a.py") == "two"
    assert attempt["conversation"]
    kinds = [line["event"] for line in world.data(world.ada, "history", job["id"])["lines"]]
    assert any(event and event.get("answer") == "allow" for event in kinds)


def _rejected(world: World, speaker: Speaker) -> None:
    with speaker.model(use(speaker.change), say("done")) as model:
        job = speaker.ran(world, model, permissions="reject")
    assert (job["outcome"], "it was not allowed" in job["error"]) == ("failed", True), job


def _mode(world: World, speaker: Speaker) -> None:
    with speaker.model(say("done")) as model:
        job = speaker.ran(world, model, options={"mode": "no-such-mode"})
        assert model.asked == []
    assert (job["outcome"], "no mode 'no-such-mode'" in job["error"]) == ("failed", True), job


def _refused(world: World, speaker: Speaker) -> None:
    with speaker.model(Turn(status=401)) as model:
        job = speaker.ran(world, model, limits={"wall": "5m", "grace": "2s"})
    assert job["outcome"] == "auth", job


def _stopped(world: World, speaker: Speaker) -> None:
    gate = threading.Event()
    with speaker.model(use(speaker.change, gate=gate)) as model:
        speaker.file(world, model, permissions="allow")
        job = world.data(world.ada, "trigger", "talker")["job"]["id"]
        runner = threading.Thread(target=world.ran, args=(world.ada,))
        runner.start()
        assert world.eventually(lambda: bool(model.asked))
        ended = world.data(world.ada, "job", "cancel", job)["job"]
        runner.join()
    (attempt,) = ended["attempts"]
    assert (ended["outcome"], attempt["signal"]) == ("cancelled", None), ended
    place = attempt["worktree"]
    left = [one.info for one in psutil.process_iter(["pid", "cwd", "cmdline"]) if one.info["cwd"] == place]
    assert left == []


def _busy(world: World, speaker: Speaker) -> None:
    with speaker.model(use(speaker.waits)) as model:
        speaker.file(
            world, model, permissions="allow", options={"mode": speaker.free} if speaker.free else {}
        )
        job = world.data(world.ada, "trigger", "talker")["job"]["id"]
        runner = threading.Thread(target=world.ran, args=(world.ada,))
        runner.start()
        assert world.eventually(lambda: any(world.ada.glob(".worktrees/*/started")))
        ended = world.data(world.ada, "job", "cancel", job)["job"]
        runner.join()
    assert ended["outcome"] == "cancelled", ended
    left = [
        one.info for one in psutil.process_iter(["pid", "cmdline"]) if "31415" in (one.info["cmdline"] or [])
    ]
    assert left == []


def _resumed(world: World, speaker: Speaker) -> None:
    with speaker.model(say("first words", mark="first question"), say("second words")) as model:
        speaker.file(world, model)
        env = {**world.env, **speaker.environment(world, model)}
        found = [
            _attempt(world, speaker, env, Task("first question", command=(speaker.name,))),
        ]
        found.append(
            _attempt(world, speaker, env, Task("go on", command=(speaker.name,), resume=found[0].session_id))
        )
        assert "first question" in json.dumps(model.asked[-1])
    assert [one.text for one in found] == ["first words", "second words"], found
    assert found[0].session_id == found[1].session_id


def _attempt(world: World, speaker: Speaker, env: dict[str, str], task: Task) -> Any:
    folder = Path(world.root / f"attempt-{len(list(world.root.glob('attempt-*')))}")
    folder.mkdir(mode=0o700)
    argv = (str(installed(speaker.name) / speaker.name),)
    spec = Spec(
        argv, str(world.ada), env, adapter="acp", brief=call.brief(task).encode(), marker=f"m-{os.getpid()}"
    )
    end = control.start(str(folder), spec).wait(LONGEST)
    assert end is not None
    assert end.outcome == "success", end
    return end.result


@scenario("claude-agent-acp")
def claude_allowed(world: World) -> None:
    """Over ACP: what its rules allow is done, and the work is on its branch."""
    _allowed(world, CLAUDE)


@scenario("claude-agent-acp")
def claude_rejected(world: World) -> None:
    """Over ACP: a turn that ends after a rejection, with nothing changed, is a failure."""
    _rejected(world, CLAUDE)


@scenario("claude-agent-acp")
def claude_mode(world: World) -> None:
    """Over ACP: a mode that it has not is a failure before the first prompt."""
    _mode(world, CLAUDE)


@scenario("claude-agent-acp")
def claude_refused(world: World) -> None:
    """Over ACP: a key that its service refuses is told as such."""
    _refused(world, CLAUDE)


@scenario("claude-agent-acp")
def claude_stopped(world: World) -> None:
    """Over ACP: a job that is cancelled ends without a signal, and leaves no process."""
    _stopped(world, CLAUDE)


@scenario("claude-agent-acp")
def claude_resumed(world: World) -> None:
    """Over ACP: a conversation is gone on with."""
    _resumed(world, CLAUDE)


@scenario("codex-acp")
def codex_allowed(world: World) -> None:
    """Over ACP: what its rules allow is done, and the work is on its branch."""
    _allowed(world, CODEX)


@scenario("codex-acp")
def codex_rejected(world: World) -> None:
    """Over ACP: a turn that ends after a rejection is a failure."""
    _rejected(world, CODEX)


@scenario("codex-acp")
def codex_mode(world: World) -> None:
    """Over ACP: a mode that it has not is a failure before the first prompt."""
    _mode(world, CODEX)


@scenario("codex-acp")
def codex_refused(world: World) -> None:
    """Over ACP: a key that its service refuses is told as such."""
    _refused(world, CODEX)


@scenario("codex-acp")
def codex_stopped(world: World) -> None:
    """Over ACP: a job that is cancelled ends without a signal, and leaves no process."""
    _stopped(world, CODEX)


@scenario("codex-acp")
def codex_resumed(world: World) -> None:
    """Over ACP: a conversation is gone on with."""
    _resumed(world, CODEX)


@scenario("claude-agent-acp")
def claude_busy(world: World) -> None:
    """Over ACP: a command that runs when its job is cancelled is gone with it."""
    _busy(world, CLAUDE)


@scenario("codex-acp")
def codex_busy(world: World) -> None:
    """Over ACP: a command that runs when its job is cancelled is gone with it."""
    _busy(world, CODEX)


@scenario("gemini")
def gemini_allowed(world: World) -> None:
    """Over ACP: what its rules allow is done, and the work is on its branch."""
    _allowed(world, GEMINI)


@scenario("gemini")
def gemini_rejected(world: World) -> None:
    """Over ACP: a turn that ends after a rejection, with nothing changed, is a failure."""
    _rejected(world, GEMINI)


@scenario("gemini")
def gemini_busy(world: World) -> None:
    """Over ACP: a command that runs when its job is cancelled is gone with it."""
    _busy(world, GEMINI)


@scenario("opencode")
def opencode_allowed(world: World) -> None:
    """Over ACP: what its rules allow is done, and the work is on its branch."""
    _allowed(world, OPENCODE)


@scenario("opencode")
def opencode_rejected(world: World) -> None:
    """Over ACP: a turn that ends after a rejection, with nothing changed, is a failure."""
    _rejected(world, OPENCODE)


@scenario("opencode")
def opencode_busy(world: World) -> None:
    """Over ACP: a command that runs when its job is cancelled is gone with it."""
    _busy(world, OPENCODE)


@scenario("copilot")
def copilot_allowed(world: World) -> None:
    """Over ACP: what its rules allow is done, and the work is on its branch."""
    _allowed(world, COPILOT)


@scenario("copilot")
def copilot_rejected(world: World) -> None:
    """Over ACP: a turn that ends after a rejection, with nothing changed, is a failure."""
    _rejected(world, COPILOT)


@scenario("copilot")
def copilot_busy(world: World) -> None:
    """Over ACP: a command that runs when its job is cancelled is gone with it."""
    _busy(world, COPILOT)
