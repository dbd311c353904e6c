"""The real clients: fetched from npm at the pinned versions, and run with homes of their own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PINNED = {
    "codex": ("@openai/codex", "0.171.0"),
    "claude": ("@anthropic-ai/claude-code", "2.1.332"),
    "claude-agent-acp": ("@agentclientprotocol/claude-agent-acp", "0.101.0"),
    "codex-acp": ("@agentclientprotocol/codex-acp", "2.6.0"),
    "gemini": ("@google/gemini-cli", "0.61.0"),
    "opencode": ("opencode-ai", "1.18.33"),
    "copilot": ("@github/copilot", "1.0.102"),
}
LONGEST = 300.0
"""Seconds for whatever is waited for; it takes a few, and more on a busy machine. This only ends what hangs."""


def cache() -> Path:
    """Where the clients are kept, and the scenarios run; no temporary folder, which sandboxes treat differently."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(base) / "gitfleet-agents"


def installed(name: str) -> Path:
    """The folder with a client's program, fetched from npm if it is not there yet."""
    package, version = PINNED[name]
    home = cache() / f"{name}-{version}"
    programs = home / "node_modules" / ".bin"
    if not (programs / name).exists():
        home.mkdir(parents=True, exist_ok=True)
        argv = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(home)]
        subprocess.run([*argv, f"{package}@{version}"], check=True, timeout=600)
    return programs


def version(name: str) -> str:
    """What the client says it is; of one that says nothing, what was fetched."""
    if name not in {"codex", "claude"}:
        return PINNED[name][1]
    done = subprocess.run(
        [str(installed(name) / name), "--version"],
        capture_output=True,
        text=True,
        check=True,
        timeout=LONGEST,
    )
    return next(word for word in done.stdout.split() if word[:1].isdigit())


@dataclass(slots=True)
class Run:
    """One run of a client, to its end."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The JSON lines that it wrote."""
        return [json.loads(line) for line in self.out.splitlines() if line.startswith("{")]

    @property
    def commands(self) -> list[tuple[int, str]]:
        """Of Codex: the exit code and the output of each command that it ran."""
        items = [line["item"] for line in self.lines if line["type"] == "item.completed"]
        ran = [item for item in items if item["type"] == "command_execution"]
        return [(item["exit_code"], item["aggregated_output"].strip()) for item in ran]


@dataclass(slots=True)
class Running:
    """A client at work."""

    process: subprocess.Popen[str]

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal, and nobody else."""
        self.process.send_signal(number)

    def end(self) -> Run:
        """Wait for its end."""
        try:
            out, err = self.process.communicate(timeout=LONGEST)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            out, err = self.process.communicate()
            raise AssertionError(f"it did not end by itself: {out[-2000:]} {err[-2000:]}") from None
        return Run(self.process.returncode, out, err)


@dataclass(slots=True)
class Client:
    """How one client is run: its command line up to the prompt, and its environment."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)

    def start(
        self, cwd: Path, *arguments: str, env: Mapping[str, str] | None = None, before: Sequence[str] = ()
    ) -> Running:
        """Start it in a folder; `before` stands in front of its own command line (a launcher)."""
        process = subprocess.Popen(
            [*before, *self.argv, *arguments], cwd=cwd, env={**self.env, **(env or {})}, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
        return Running(process)


def rpc(env: Mapping[str, str], method: str, params: Mapping[str, Any]) -> Any:
    """One question to Codex's app server."""
    argv = [str(installed("codex") / "codex"), "app-server"]
    info = {"clientInfo": {"name": "gitfleet-tests", "version": "1"}}
    asked = [
        {"id": 0, "method": "initialize", "params": info},
        {"method": "initialized"},
        {"id": 1, "method": method, "params": params},
    ]
    process = subprocess.Popen(
        argv,
        env=dict(env),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        for line in asked:
            process.stdin.write(json.dumps(line) + "\n")
            process.stdin.flush()
        for text in process.stdout:
            told = json.loads(text)
            if told.get("id") == 1:
                return told["result"]
    finally:
        process.stdin.close()
        process.wait(LONGEST)
    raise AssertionError("the app server gave no answer")
