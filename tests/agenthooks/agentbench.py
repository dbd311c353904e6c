"""Simulated agents: processes that call our hooks as Claude Code and Codex do, and clones for them to work in."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from gitfleet.githooks.agents import settings, wanted
from gitfleet.sessions import session_records
from tests.gatebench import Gated
from tests.workbench import Overlay, Ran, overlaid

# The agent itself: it lives on, and runs each hook through a shell, as agents do. One JSON line in, one out.
_AGENT = """
import json, subprocess, sys
for line in sys.stdin:
    told = json.loads(line)
    done = subprocess.run(told["command"], shell=True, input=told["stdin"].encode("utf-8", "surrogateescape"),
                          capture_output=True, cwd=told["cwd"], env=told["env"])
    out = [done.returncode, done.stdout.decode(), done.stderr.decode()]
    print(json.dumps(out), flush=True)
"""


class Said(NamedTuple):
    """What a hook of ours answered an agent."""

    ran: Ran
    answer: Mapping[str, Any]

    @property
    def own(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.answer.get("hookSpecificOutput", {})
        return found

    @property
    def denied(self) -> str:
        """The reason of a refusal; "" when the edit may be made."""
        if self.own.get("permissionDecision") is None:
            return ""
        assert self.own["permissionDecision"] == "deny"
        return str(self.own["permissionDecisionReason"])

    @property
    def context(self) -> str:
        return str(self.own.get("additionalContext", ""))

    @property
    def silent(self) -> bool:
        return not self.answer and not self.ran.stderr


@dataclass(frozen=True, slots=True)
class Agent:
    """One running agent; `own` is the id of its own session, `env` is laid over the environment of its hooks."""

    name: str
    own: str
    cwd: Path
    env: Overlay
    process: subprocess.Popen[str]

    def hook(self, event: str, told: Mapping[str, Any] | str, *, cwd: Path | None = None) -> Said:
        """Have the agent run its hook for one of our events, with what it tells (text as it is)."""
        command = next(
            handler.command for handler in wanted.handlers(self.name) if handler.command.endswith(f" {event}")
        )
        if not isinstance(told, str):
            told = json.dumps({"session_id": self.own, "cwd": str(cwd or self.cwd), **told})
        env = overlaid({"GITFLEET_SESSION": None, **self.env})
        line = {"command": command, "stdin": told, "cwd": str(cwd or self.cwd), "env": env}
        ran = self._ran(command, line)
        for _ in range(5):  # a busy machine: the hook has given up by the clock, and may be asked again
            if "That took longer than" in ran.stdout + ran.stderr:
                ran = self._ran(command, line)
        for bug in ("Traceback", "internal error"):
            assert bug not in ran.stdout + ran.stderr, ran
        return Said(ran, json.loads(ran.stdout) if ran.stdout.strip() else {})

    def _ran(self, command: str, line: Mapping[str, Any]) -> Ran:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(line) + "\n")
        self.process.stdin.flush()
        return Ran((command,), *json.loads(self.process.stdout.readline()))

    def edit(self, path: str | Path, *, tool: str = "Edit", cwd: Path | None = None) -> Said:
        """Ask before one of Claude Code's tools edits a file."""
        key = wanted_key(tool)
        told = {"hook_event_name": "PreToolUse", "tool_name": tool, "tool_input": {key: str(path)}}
        return self.hook("edit", told, cwd=cwd)

    def patch(self, text: str) -> Said:
        """Ask before Codex applies a patch."""
        told = {"hook_event_name": "PreToolUse", "tool_name": "apply_patch", "tool_input": {"command": text}}
        return self.hook("edit", told)

    def begin(self, source: str = "startup") -> Said:
        """Start the agent's own session."""
        return self.hook("begin", {"hook_event_name": "SessionStart", "source": source})

    def as_other(self, own: str) -> Agent:
        """The same process with another session of its own."""
        return Agent(self.name, own, self.cwd, self.env, self.process)

    def named(self, session: str) -> Agent:
        """The same agent, to whom a session of the fleet was named."""
        return Agent(self.name, self.own, self.cwd, {**self.env, "GITFLEET_SESSION": session}, self.process)

    def quit(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.communicate()


def wanted_key(tool: str) -> str:
    return "notebook_path" if tool == "NotebookEdit" else "file_path"


Starter = Callable[..., Agent]


def launch(name: str, own: str, cwd: Path, env: Overlay, *arguments: str) -> Agent:
    argv = [sys.executable, "-c", _AGENT, *arguments]
    process = subprocess.Popen(argv, cwd=cwd, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    return Agent(name, own, cwd, env, process)


def known(clone: Gated) -> dict[str, session_records.Session]:
    """The sessions that the fleet has, by id."""
    with clone.open() as fleet:
        return {
            s.id: s
            for s in session_records.everyone(fleet.current().view)
            if isinstance(s, session_records.Session)
        }


def new(clone: Gated) -> list[str]:
    """The sessions that were started since the clone was prepared."""
    return sorted(set(known(clone)) - {clone.session, clone.other})


def holders(clone: Gated) -> dict[str, str]:
    """Who claims what."""
    with clone.open() as fleet:
        return {c.pattern: getattr(c, "session", "?") for c in fleet.claims.find(fleet.current())}


def ours(path: Path) -> Sequence[str]:
    """The events that a settings file calls us for."""
    return [one.event for one in settings.found(path.read_text())]
