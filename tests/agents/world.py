"""What one scenario has: a home, a hub, two clones of a fleet, and the clients, all below one scratch folder."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

from tests.agents.clients import LONGEST, Client, Run, Running, cache, installed, rpc
from tests.agents.models import Messages, Model, Responses

GITFLEET = Path(sys.executable).with_name("gitfleet")
KEPT = ("PATH", "LANG", "TERM", "SSL_CERT_FILE")


class World:
    """A scratch folder with two clones, `ada` and `ben`; ben's session `ben-1` holds `held/`."""

    def __init__(self) -> None:
        folder = cache() / "runs"
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = tempfile.TemporaryDirectory(dir=folder, ignore_cleanup_errors=True)
        self.root = Path(self._folder.name)
        self.home = self.root / "home"
        self.codex_home = self.home / ".codex"
        self.codex_home.mkdir(parents=True)
        (self.root / "tmp").mkdir()  # sandboxes let commands write there
        paths = [str(GITFLEET.parent), str(installed("codex")), str(installed("claude")), os.environ["PATH"]]
        self.env = {name: os.environ[name] for name in KEPT if name in os.environ}
        self.env |= {
            "HOME": str(self.home), "PATH": os.pathsep.join(paths), "TMPDIR": str(self.root / "tmp"), "SHELL": "/bin/bash",
            "CODEX_HOME": str(self.codex_home), "CLAUDE_CONFIG_DIR": str(self.home / ".claude"),
            "GIT_CONFIG_NOSYSTEM": "1", "SCRIPTED_KEY": "none", "ANTHROPIC_API_KEY": "none",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", "DISABLE_AUTOUPDATER": "1",
        }  # fmt: skip
        (self.home / ".bash_profile").write_text(f"export PATH={self.env['PATH']!r}\n")
        self.hub, self.ada, self.ben = self.root / "hub.git", self.root / "ada", self.root / "ben"
        self._clones()

    def _clones(self) -> None:
        config = "[user]\nname = T\nemail = t@example.org\n[init]\ndefaultBranch = main\n[maintenance]\nauto = false\n"
        (self.home / ".gitconfig").write_text(config)
        self.git(self.root, "init", "--quiet", "--bare", str(self.hub))
        self.git(self.root, "clone", "--quiet", str(self.hub), str(self.ada))
        for name in ("free/a.py", "free/b.py", "held/a.py", "README.md"):
            file = self.ada / name
            file.parent.mkdir(exist_ok=True)
            file.write_text("one\n")
        self.git(self.ada, "add", ".")
        self.git(self.ada, "commit", "--quiet", "-m", "first")
        self.git(self.ada, "push", "--quiet", "origin", "main")
        self.fleet(self.ada, "init")
        self.git(self.ada, "add", "gitfleet.yaml")
        self.git(self.ada, "commit", "--quiet", "-m", "the fleet's rules")
        self.git(self.ada, "push", "--quiet", "origin", "main")
        self.fleet(self.ada, "release")
        self.git(self.root, "clone", "--quiet", str(self.hub), str(self.ben))
        self.fleet(self.ben, "init")
        self.fleet(self.ben, "session", "start", "--id", "ben-1", "--pid", str(os.getpid()))
        self.fleet(self.ben, "claim", "--session", "ben-1", "held/")
        self.fleet(self.ada, "sync")

    def close(self) -> None:
        """Take everything away, what clients have left running (daemons that look for updates) first."""
        for process in psutil.process_iter(["cmdline"]):
            if any(str(self.root) in argument for argument in process.info["cmdline"] or []):
                with suppress(psutil.Error):
                    process.kill()
        self._folder.cleanup()
        self.eventually(self._is_gone, 20)  # what was being written meanwhile

    def _is_gone(self) -> bool:
        shutil.rmtree(self.root, ignore_errors=True)
        return not self.root.exists()

    # Programs.

    def run(self, cwd: Path, *argv: str, env: dict[str, str] | None = None) -> Run:
        """Run a program to its end."""
        done = subprocess.run(
            argv, cwd=cwd, env={**self.env, **(env or {})}, capture_output=True, text=True, timeout=LONGEST, check=False,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        return Run(done.returncode, done.stdout, done.stderr)

    def git(self, cwd: Path, *argv: str) -> str:
        """Run git, which must succeed."""
        done = self.run(cwd, "git", *argv)
        assert done.code == 0, done
        return done.out.strip()

    def fleet(self, cwd: Path, *argv: str) -> str:
        """Run gitfleet, which must succeed."""
        done = self.run(cwd, str(GITFLEET), *argv)
        assert done.code == 0, done
        return done.out

    def data(self, cwd: Path, *argv: str) -> Any:
        """What gitfleet answers as JSON."""
        return json.loads(self.fleet(cwd, *argv, "--json"))["data"]

    def ran(self, cwd: Path) -> None:
        """Run the jobs of a clone until none is left, whether they fail or not."""
        done = self.run(cwd, str(GITFLEET), "run", "--until-idle")
        assert done.code in {0, 21}, done

    def sessions(self, cwd: Path | None = None) -> list[str]:
        """The sessions of the fleet but ben's."""
        found = self.data(cwd or self.ada, "session", "list")["sessions"]
        return sorted(one["id"] for one in found if one["id"] != "ben-1" and not one.get("person"))

    def holders(self, cwd: Path | None = None) -> dict[str, str]:
        """Which session claims what, but for ben's `held/`."""
        found = self.data(cwd or self.ada, "claims")["claims"]
        return {one["pattern"]: one["session"] for one in found if one["pattern"] != "held/"}

    def eventually(self, true: Callable[[], bool], seconds: float = LONGEST) -> bool:
        """Wait for what another process brings about."""
        end = time.monotonic() + seconds
        while not true():
            if time.monotonic() > end:
                return False
            time.sleep(0.1)
        return True

    @contextmanager
    def silence(self, clone: Path) -> Iterator[None]:
        """Let a clone's hub be one that accepts connections and never says a word."""
        before = self.git(clone, "remote", "get-url", "origin")
        with socket.create_server(("127.0.0.1", 0)) as server:
            self.git(
                clone, "remote", "set-url", "origin", f"git://127.0.0.1:{server.getsockname()[1]}/hub.git"
            )
            try:
                yield
            finally:
                self.git(clone, "remote", "set-url", "origin", before)

    def signal_all(self, running: Running, number: signal.Signals) -> None:
        """Send a signal to a client and what it is made of: a wrapper that is killed leaves the agent at work."""
        if number is signal.SIGKILL:
            for child in psutil.Process(running.process.pid).children(recursive=True):
                child.kill()
        running.signal(number)

    # Clients.

    def codex_ready(self, model: Model, *folders: Path, hooks: bool = True, name: str = "gpt-5.5") -> None:
        """Put our hooks into the folders, and trust them as a user does."""
        for folder in folders if hooks else ():
            self.fleet(folder, "agent", "install", "codex")
        lines = [f'model = "{name}"', 'model_provider = "scripted"', "[model_providers.scripted]", 'name = "scripted"',
                 f'base_url = "{model.url}/v1"', 'wire_api = "responses"', 'env_key = "SCRIPTED_KEY"']  # fmt: skip
        lines += [
            f'[projects.{json.dumps(str(root))}]\ntrust_level = "trusted"' for root in {*folders, self.ada}
        ]
        config = self.codex_home / "config.toml"
        config.write_text("\n".join(lines) + "\n")
        for place in rpc(self.env, "hooks/list", {"cwds": [str(folder) for folder in folders]})["data"]:
            for hook in place["hooks"]:
                trusted = f'[hooks.state.{json.dumps(hook["key"])}]\ntrusted_hash = "{hook["currentHash"]}"\n'
                if trusted not in config.read_text():
                    config.write_text(config.read_text() + trusted)

    def codex(self, *arguments: str) -> Client:
        """`codex exec` without a sandbox, unless the arguments say otherwise."""
        argv = ["codex", "exec", "--json", *(arguments or ["--dangerously-bypass-approvals-and-sandbox"])]
        return Client("codex", argv, self.env)

    def claude(self, model: Model, *arguments: str) -> Client:
        """`claude -p`, which may use all tools."""
        env = {**self.env, "ANTHROPIC_BASE_URL": model.url, "CLAUDE_CODE_MAX_RETRIES": "1"}
        tools = ["--allowedTools", "Edit", "Write", "Bash", "NotebookEdit", "Task"]
        argv = ["claude", "-p", "work", "--output-format", "stream-json", "--verbose", *tools, *arguments]
        return Client("claude", argv, env)


__all__ = ["Messages", "Responses", "Run", "Running", "World"]
