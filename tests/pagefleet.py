"""A fleet that is at work, for pictures of the page and for who wants to look at it: two clones of one hub, agents with logs, claims and a waiting
line, a queue whose gate runs, what needs a person. Everything in it is made by our commands; only the agents are programs that sleep.

    python -m tests.pagefleet FOLDER     # makes it, prints the address with its token, and keeps it until Ctrl-C
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

GATE = """#!/bin/sh
# fails what is marked as wrong; takes long once a file says so
test -e src/harbor/checkout/wrong && exit 1
test -e {folder}/hold && exec sleep 3600
exit 0
"""


class Agent(NamedTuple):
    """A session to be: where, what it does, and the end of its log."""

    clone: str
    name: str
    agent: str
    branch: str
    title: str
    log: Sequence[str]


AGENTS = (
    Agent("build-01", "s-7f3a", "codex", "fleet/codex/tokens", "Session tokens survive a restart", ["● Read src/harbor/auth/store.py (212 lines)", "● Edit src/harbor/auth/store.py  +9 -4"]),
    Agent("build-01", "s-e8d0", "claude", "fleet/claude/request-ids", "Request ids in every log line", ["● Bash uv run pytest tests/api -q", "  118 passed in 9.4s", "● Next: the worker side, src/harbor/tasks/base.py"]),
    Agent("build-01", "s-b209", "gemini", "fleet/gemini/limits", "Rate limits per tenant", ["✦ Edit src/harbor/limits/bucket.py", "✦ gitfleet claim --wait src/harbor/api/middleware/"]),
    Agent("build-01", "s-0aa7", "claude", "fleet/claude/webhooks", "Guide: webhooks", ["● Write docs/webhooks.md  +141", "● gitfleet queue add --priority 45"]),
    Agent("build-01", "s-f310", "codex", "fleet/codex/safari", "Safari login loop", ["● Bash uv run pytest tests/auth -q", "  96 passed in 14.2s"]),
    Agent("build-01", "s-5d16", "codex", "fleet/codex/csv", "Stop test_export_csv flaking", ["● Bash uv run pytest tests/export -q --count 50", "  50 passed in 31.0s"]),
    Agent("dev-mira", "s-c41e", "claude", "fleet/claude/invoice-split", "Split billing/invoice.py in three", ["● Write src/harbor/billing/lines.py  +212", "● Write src/harbor/billing/totals.py  +148"]),
    Agent("build-01", "s-90bd", "command", "fleet/command/ci-uv", "Move CI to uv", ["+ uv run pytest -n 8", "  1,812 passed in 201.4s", "Killed"]),
    Agent("dev-mira", "s-2b77", "gemini", "fleet/gemini/pydantic", "Pydantic 2.12 to 2.13", ["✦ Edit pyproject.toml  +1 -1", "✦ Shell: uv run pytest -q"]),
    Agent("dev-mira", "s-a615", "codex", "fleet/codex/flag", "Remove flag new-checkout", ["$ rg -n new_checkout src tests | wc -l", "  31"]),
)  # fmt: skip


class Harbor(NamedTuple):
    """The clone in which the page is served, and a command in any of the clones."""

    folder: Path

    @property
    def place(self) -> Path:
        """The clone that people look from."""
        return self.folder / "build-01" / "harbor"

    def clone(self, name: str) -> Path:
        """One of the clones."""
        return self.folder / name / "harbor"

    def tree(self, one: Agent) -> Path:
        """The worktree of an agent."""
        return self.folder / one.clone / one.name

    def __call__(
        self, place: Path, *words: str, session: str = "", check: bool = True, host: str = ""
    ) -> str:
        """Run a command there."""
        argv = [sys.executable, "-m", "gitfleet", *words] if words[0] != "git" else list(words)
        if host and shutil.which("unshare") and os.geteuid() == 0:
            argv = ["unshare", "--uts", "sh", "-c", 'hostname "$0" && exec "$@"', host, *argv]
        env = {**os.environ, "GITFLEET_SESSION": session, "PYTHONPATH": os.environ.get("PYTHONPATH", "")}
        done = subprocess.run(argv, cwd=place, env=env, capture_output=True, text=True, check=False)
        assert not check or done.returncode == 0, f"{argv}\n{done.stdout}\n{done.stderr}"
        return done.stdout


@contextmanager
def harbor(folder: Path) -> Iterator[Harbor]:
    """The fleet, in an empty folder; its processes end with the block."""
    os.environ["PYTHONPATH"] = str(Path(__file__).resolve().parent.parent)
    made, running = Harbor(folder), list[subprocess.Popen[bytes]]()
    try:
        _hub(made)
        for one in AGENTS:
            running.append(_start(made, one))
        _work(made, running)
        yield made
    finally:
        for process in running:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _hub(made: Harbor) -> None:
    folder = made.folder
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", "harbor.git"], cwd=folder, check=True)
    for name, person in (("build-01", "Jo"), ("dev-mira", "Mira")):
        (folder / name).mkdir()
        place = made.clone(name)
        subprocess.run(
            ["git", "clone", "-q", str(folder / "harbor.git"), str(place)], check=True, capture_output=True
        )
        made(place, "git", "config", "user.name", person)
        made(place, "git", "config", "user.email", f"{person.lower()}@example.org")
        if name == "build-01":
            for path in (
                "src/harbor/auth/store.py",
                "src/harbor/billing/invoice.py",
                "docs/index.md",
                "pyproject.toml",
            ):
                (place / path).parent.mkdir(parents=True, exist_ok=True)
                (place / path).write_text(f"# {path}\n" * 6)
            (place / "gate").write_text(GATE.format(folder=folder))
            (place / "gate").chmod(0o755)
            (place / "gitfleet.yaml").write_text("version: 1\nqueue:\n  gate: ./gate\n")
            made(place, "git", "add", "-A")
            made(place, "git", "commit", "-q", "-m", "Harbor")
            made(place, "git", "push", "-q", "origin", "main")
        else:
            made(place, "git", "pull", "-q", "origin", "main")
        made(place, "init", host=name)


def _start(made: Harbor, one: Agent) -> subprocess.Popen[bytes]:
    """An agent that sleeps, in a worktree, as a session."""
    made(made.clone(one.clone), "git", "worktree", "add", "-q", "-b", one.branch, str(made.tree(one)), "main")
    log = made.folder / one.clone / f"{one.name}.log"
    log.write_text("\n".join(one.log) + "\n")
    process = subprocess.Popen(["sleep", "86400"], start_new_session=True)
    made(
        made.tree(one), "session", "start", "--id", one.name, "--agent", one.agent, "--title", one.title,
        "--pid", str(process.pid), "--log", str(log),
    )  # fmt: skip
    return process


def _work(made: Harbor, running: list[subprocess.Popen[bytes]]) -> None:
    by_name = {one.name: one for one in AGENTS}

    def claim(name: str, *words: str) -> None:
        made(made.tree(by_name[name]), "claim", *words, session=name)

    def change(name: str, path: str, text: str) -> None:
        place = made.tree(by_name[name])
        (place / path).parent.mkdir(parents=True, exist_ok=True)
        (place / path).write_text(text)
        made(place, "git", "add", "-A")
        made(place, "git", "commit", "-q", "-m", by_name[name].title, session=name)

    claim("s-7f3a", "src/harbor/auth/")
    claim("s-e8d0", "src/harbor/api/middleware/", "src/harbor/logs/")
    claim("s-0aa7", "docs/")
    claim("s-c41e", "src/harbor/billing/")
    claim("s-90bd", ".github/workflows/")
    claim("s-2b77", "pyproject.toml")
    claim("s-f310", "src/harbor/web/")
    claim("s-5d16", "tests/export/")
    claim("s-a615", "src/harbor/checkout/")
    change("s-0aa7", "docs/webhooks.md", "Webhooks\n")
    change("s-f310", "src/harbor/web/login.py", "loop = False\n")
    change("s-5d16", "tests/export/test_csv.py", "def test(): ...\n")
    change("s-7f3a", "src/harbor/auth/store.py", "nonce = 1\n" * 9)
    change("s-c41e", "src/harbor/billing/lines.py", "lines = 1\n" * 12)
    change("s-2b77", "pyproject.toml", "pydantic = '2.13'\n")
    change("s-a615", "src/harbor/checkout/flow.py", "flow = 1\n")
    change("s-a615", "src/harbor/checkout/wrong", "the tax of 2023\n")
    (made.tree(by_name["s-90bd"]) / "ci.yml").write_text("uv\n")
    waiting = made.tree(by_name["s-b209"])
    running.append(_behind(waiting, "claim", "--wait", "src/harbor/api/middleware/auth.py", session="s-b209"))
    place = made.place

    def queue(name: str, priority: str = "50") -> None:
        made(made.tree(by_name[name]), "queue", "add", "--priority", priority, session=name, check=False)

    _land_by_hand(made)
    for name in ("s-0aa7", "s-5d16", "s-a615", "s-2b77"):
        queue(name)
    made(place, "queue", "process", check=False)
    for name in ("dev-mira", "build-01"):
        made(made.clone(name), "sync", check=False)
        made(made.clone(name), "radar", check=False)
    (made.folder / "hold").touch()
    queue("s-f310", "59")
    queue("s-7f3a")
    running.append(_behind(place, "queue", "process", "--watch"))
    queue("s-c41e", "45")
    dead = next(process for process, one in zip(running, AGENTS, strict=False) if one.name == "s-90bd")
    dead.kill()
    dead.wait()
    for name in ("dev-mira", "build-01") * 2:  # that a node lives is known once its heart was seen to beat
        made(made.clone(name), "sync", check=False)


def _behind(place: Path, *words: str, session: str = "") -> subprocess.Popen[bytes]:
    """A command of ours that goes on."""
    return subprocess.Popen(
        [sys.executable, "-m", "gitfleet", *words], cwd=place, env={**os.environ, "GITFLEET_SESSION": session},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip


def _land_by_hand(made: Harbor) -> None:
    """What somebody pushes to the trunk meets the work of one."""
    other = made.folder / "by-hand"
    subprocess.run(
        ["git", "clone", "-q", str(made.folder / "harbor.git"), str(other)], check=True, capture_output=True
    )
    (other / "pyproject.toml").write_text("pydantic = '2.12.9'\n")
    who = ["-c", "user.name=Jo", "-c", "user.email=jo@example.org"]
    for words in (["add", "-A"], [*who, "commit", "-qm", "Typed settings"], ["push", "-q"]):
        made(other, "git", *words, check=False)


def main(folder: Path) -> None:
    """Make it and serve it until Ctrl-C."""
    with harbor(folder) as made:
        env = {**os.environ, "GITFLEET_SESSION": ""}
        with subprocess.Popen(
            [sys.executable, "-m", "gitfleet", "web", "--port", "0", "--json"],
            cwd=made.place,
            env=env,
            stdout=subprocess.PIPE,
        ) as web:
            assert web.stdout is not None
            told = json.loads(web.stdout.readline())["data"]
            token = Path(told["token_file"]).read_text().strip()
            sys.stdout.write(f"{told['url']}/#token={token}\n")
            sys.stdout.flush()
            with suppress(KeyboardInterrupt):
                while web.poll() is None:
                    time.sleep(1)
            web.terminate()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
