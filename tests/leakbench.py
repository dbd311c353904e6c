"""Fake agent runs that leave processes behind in ten ways, beside bystanders, and what a scan of this host makes of them.

Real processes, one scan. Each leak writes its pid when it is up; then its agent is killed, as a crash would.
"""

from __future__ import annotations

import os
import pty
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from shutil import rmtree
from typing import Any, NamedTuple

from gitfleet.onhost import scanning
from gitfleet.onhost.records import PAUSE, TERMINATE, ScanRequest, TriageCandidate
from gitfleet.triage.selection import ALPHA, select
from tests.workbench import PATIENCE

SERVER = "import http.server, os, sys\nserver = http.server.HTTPServer(('127.0.0.1', 0), http.server.BaseHTTPRequestHandler)\n"
TELL = "import os, sys\nwith open(sys.argv[1] + '.new', 'w') as told:\n    told.write(str(os.getpid()))\nos.replace(sys.argv[1] + '.new', sys.argv[1])\n"
WAIT = "import signal\nwhile True:\n    signal.pause()\n"
FILES = {
    "server.py": SERVER + TELL + "server.serve_forever()\n",
    "mcp-server-notes": TELL + "sys.stdin.read()\n",
    "watch.sh": 'echo $$ > "$1.new"; mv "$1.new" "$1"; while sleep 1000000; do :; done\n',
    "title.pl": '$0 = "worker 1 of 8"; open F, ">", "$ARGV[0].new"; print F $$; close F; rename "$ARGV[0].new", $ARGV[0]; '
    "sleep 1000000 while 1;\n",
}
AGENT = """#!{python}
import signal, subprocess, sys
subprocess.Popen(["sh", "-c", sys.argv[1]], start_new_session=sys.argv[2] == "apart", stdin=subprocess.DEVNULL)
while True:
    signal.pause()
"""

WAYS = (
    # what the agent's shell runs; $TOLD is where the pid is to be written
    ("in the background", "{python} server.py $TOLD & wait"),
    ("in a session of its own", "setsid {python} server.py $TOLD"),
    ("under nohup", "nohup {python} server.py $TOLD >/dev/null 2>&1 & wait"),
    ("forked twice", "(setsid {python} server.py $TOLD &) ; true"),
    ("below a wrapper", "env A=1 sh -c '{python} server.py $TOLD; true'"),
    ("as a watcher", "sh watch.sh $TOLD"),
    ("under a title that wipes its environment", "perl title.pl $TOLD & sleep 1000000"),
    ("with an emptied environment", "env -i {python} server.py $TOLD"),
    ("as an MCP server on a pipe", "tail -f /dev/null | {python} mcp-server-notes $TOLD"),
    ("in a worktree that is removed", "{python} server.py $TOLD"),
)
REMOVED = len(WAYS) - 1


class LeakCount(NamedTuple):
    """What was found: leaks, those that were attributed to their own session, those that were selected to be ended; bystanders that
    were looked at, and those that were selected.
    """

    leaks: int
    attributed: int
    ended: int
    bystanders: int
    harmed: int
    lost: tuple[str, ...] = ()


def measured(folder: Path, runs: int, *, seconds: float = 1.0, machine: bool = True) -> LeakCount:
    """Start `runs` agents, each leaking in the next way, kill them, and scan.

    `machine`: whatever else runs here is a bystander, too. Beside a suite of tests it is not: they leak.
    """
    names, live = [_name() for _ in range(runs)], _name()
    with _bystanders(folder, live) as innocent, _leaks(folder, names) as leaked:
        sessions = {**dict.fromkeys(names, "ended"), live: "live"}
        places = {str(folder / f"run-{number}"): name for number, name in enumerate(names)}
        findings = scanning.look(ScanRequest(sessions=sessions, places=places, seconds=seconds))
        known = findings.origins
        right = {
            pid for pid, (session, _) in leaked.items() if pid in known and known[pid].session == session
        }
        ended = _selected(findings.candidates, findings.judged)
        others = findings.table.processes.keys() - leaked.keys()
        ours = {pid for pid in others if (findings.table.processes[pid].marker or "") in sessions}
        bystanders = (others - ours) | innocent if machine else innocent
        return LeakCount(
            len(leaked),
            len(right),
            len(ended & leaked.keys()),
            len(bystanders),
            len(ended & bystanders),
            tuple(sorted({way for pid, (_, way) in leaked.items() if pid not in right})),
        )


def _name() -> str:
    """The id of a session that no other run of this has."""
    return "claude-" + "".join(secrets.choice("0123456789abcdefghjkmnpqrstvwxyz") for _ in range(8))


def _selected(candidates: tuple[TriageCandidate, ...], tested: int) -> set[int]:
    chosen = select(
        [1.0 - one.judgement.posterior["abandoned"] for one in candidates],
        [one.judgement.log_e for one in candidates],
        alpha=ALPHA,
        tested=tested,
    ).both
    return {
        member.identity.pid
        for position in chosen
        if candidates[position].judgement.action in (PAUSE, TERMINATE)
        for member in candidates[position].group.members
    }


@contextmanager
def _leaks(folder: Path, names: list[str]) -> Iterator[dict[int, tuple[str, str]]]:
    """By pid the session and the way of each leak, once all agents are dead."""
    agents = [_run(folder, number, name) for number, name in enumerate(names)]
    told = [folder / f"told-{number}" for number in range(len(names))]
    try:
        _await(told)
        for number, agent in enumerate(agents):
            agent.kill()
            agent.wait()
            if number % len(WAYS) == REMOVED:
                rmtree(folder / f"run-{number}")
        yield {
            int(path.read_text()): (names[number], WAYS[number % len(WAYS)][0])
            for number, path in enumerate(told)
        }
    finally:
        _end_marked(set(names), told, agents)


def _run(folder: Path, number: int, session: str) -> subprocess.Popen[bytes]:
    place = folder / f"run-{number}"
    _laid_out(place)
    line = WAYS[number % len(WAYS)][1].replace("{python}", sys.executable)
    told = str(folder / f"told-{number}")
    return subprocess.Popen(
        [place / "claude", line.replace("$TOLD", told), "apart" if number % 2 else "together"],
        cwd=place,
        env=_environment(GITFLEET_SESSION=session),
        start_new_session=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _await(told: list[Path]) -> None:
    end = time.monotonic() + PATIENCE
    while not all(path.exists() for path in told):
        if time.monotonic() > end:
            raise TimeoutError(", ".join(path.name for path in told if not path.exists()))
        time.sleep(0.05)


def _laid_out(place: Path) -> None:
    place.mkdir()
    for name, text in FILES.items():
        (place / name).write_text(text)
    for name, text in (("claude", AGENT), ("postgres", "#!{python}\n" + FILES["server.py"])):
        (place / name).write_text(text.replace("{python}", sys.executable))
        (place / name).chmod(0o755)


def _environment(**more: str) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("GITFLEET")}
    return clean | more


@contextmanager
def _bystanders(folder: Path, session: str) -> Iterator[set[int]]:
    """A user's editor and shell on terminals, a server that he keeps on, a database, a live agent with a server of its own."""
    place = folder / "user"
    _laid_out(place)
    told = [folder / f"user-{number}" for number in range(4)]
    server = f"{sys.executable} server.py"
    terminals = [
        _on_terminal("exec vim -u NONE server.py || exec cat", place),
        _on_terminal(f"{server} {told[0]}", place),
        _on_terminal("exec sh -i", place),
    ]
    quiet: dict[str, Any] = {
        "cwd": place,
        "start_new_session": True,
        "stdin": subprocess.DEVNULL,
        "stdout": subprocess.DEVNULL,
        "stderr": subprocess.DEVNULL,
    }
    started = [
        subprocess.Popen(["sh", "-c", f"setsid {server} {told[1]} &"], env=_environment(), **quiet),
        subprocess.Popen([place / "postgres", told[2]], env=_environment(), **quiet),
        subprocess.Popen(
            [place / "claude", f"{server} {told[3]}", "apart"],
            env=_environment(GITFLEET_SESSION=session),
            **quiet,
        ),
    ]
    try:
        _await(told)
        yield {
            *(int(path.read_text()) for path in told),
            *(pid for pid, _ in terminals),
            *(one.pid for one in started),
        }
    finally:
        for pid, master in terminals:
            os.close(master)
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        _end_marked({session}, told, started)


def _on_terminal(line: str, place: Path) -> tuple[int, int]:
    pid, master = pty.fork()
    if pid == 0:
        os.chdir(place)
        os.execve("/bin/sh", ["sh", "-c", line], _environment(TERM="xterm"))
    return pid, master


def _end_marked(sessions: set[str], told: list[Path], started: list[subprocess.Popen[bytes]]) -> None:
    """End what these sessions have marked, what has told its pid, and what was started here; nothing else."""
    for one in started:
        one.kill()
        one.wait()
    pids = {int(path.read_text()) for path in told if path.exists()}
    for name in os.listdir("/proc"):
        if name.isdigit():
            with suppress(OSError):
                words = Path(f"/proc/{name}/environ").read_bytes().split(b"\0")
                if any(f"GITFLEET_SESSION={session}".encode() in words for session in sessions):
                    pids.add(int(name))
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
