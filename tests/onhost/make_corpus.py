#!/usr/bin/env python3
"""Make the labelled corpus anew: start real programs in a process namespace of their own, and store what a scan sees of them.

    tests/onhost/make_corpus.py --tools FOLDER [BATCH…]

Needs Linux, root (for `unshare`), chromium, postgres, redis, nginx, tmux, screen, vim, nano, emacs, zsh, fish, gopls and clangd. FOLDER holds a `node_modules` (vite, jest, vitest, mocha, nodemon, concurrently, tsx, webpack,
webpack-cli, webpack-dev-server, typescript, typescript-language-server, pyright, serve, http-server and the two MCP servers)
and a `venv` (pytest, pytest-xdist, flask, uvicorn, watchdog, mcp-server-git, python-lsp-server). Ages, and what a runaway has used of its processor, are
set to what the table of batches says: nobody waits for days. Paths are replaced; of environments only the marker is kept.
"""

from __future__ import annotations

import argparse
import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from gitfleet.onhost import places, snapshot  # noqa: E402 - the checkout first
from gitfleet.onhost.records import HostProcess, ProcessTable  # noqa: E402
from tests.onhost import corpus_programs as programs  # noqa: E402
from tests.onhost.corpus_form import FOLDER, stored  # noqa: E402
from tests.onhost.corpus_programs import Program  # noqa: E402

HOME = Path("/tmp/corpus-home")
UID = 1000
ENDED, LIVE = "01K0ENDEDSESSION0000000000", "01K0LIVESESSION00000000000"

INIT = """#!{python}
import os, sys
child = os.spawnv(os.P_NOWAIT, sys.argv[1], sys.argv[1:])
while True:
    pid, status = os.wait()
    if pid == child:
        os._exit(0 if status == 0 else 1)
"""
AGENT = """#!{python}
import os, signal, subprocess, sys
held = [
    subprocess.Popen(["sh", "-c", line], start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        stdin=subprocess.PIPE if piped == "piped" else subprocess.DEVNULL)
    for line, piped in zip(sys.argv[2::2], sys.argv[3::2]) if sys.argv[1:2] == ["--run"]
]
while True:
    signal.pause()
"""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--tools", type=Path, required=True)
    parser.add_argument("--inside", action="store_true")
    parser.add_argument("batches", nargs="*")
    asked = parser.parse_args()
    if asked.inside:
        for name, way, started, age in programs.BATCHES:
            if not asked.batches or name in asked.batches:
                make(name, way, started, age, asked.tools)
        return
    shutil.rmtree(HOME, ignore_errors=True)
    HOME.mkdir()
    _script(HOME / "init", INIT)
    (HOME / "out").mkdir()
    subprocess.run(["chown", "-R", f"{UID}:{UID}", str(HOME)], check=True)
    inner = [
        "/usr/bin/python3",
        str(Path(__file__).resolve()),
        "--inside",
        "--tools",
        str(asked.tools),
        *asked.batches,
    ]
    subprocess.run(
        ["unshare", "--pid", "--fork", "--mount-proc", "setpriv", f"--reuid={UID}", f"--regid={UID}", "--clear-groups",
         str(HOME / "init"), *inner],
        check=True,
        env={"PATH": os.environ["PATH"], "HOME": str(HOME), "LANG": "C.UTF-8", "TERM": "xterm", "SHELL": "/bin/bash"},
    )  # fmt: skip
    FOLDER.mkdir(exist_ok=True)
    for made in (HOME / "out").iterdir():
        shutil.copy(made, FOLDER / made.name)


def make(batch: str, way: str, started: tuple[Program, ...], age: float, tools: Path) -> None:
    """One batch: start all, wait until nothing new comes, look, store, end all."""
    work = {one.name: _work_folder(batch, one, tools) for one in started}
    roots, keep = _start(way, started, work)
    _settle()
    for one in started:
        if one.name.endswith("-stopped"):
            os.write(keep[one.name], b"\x1a")
    if way in (programs.MARKED, programs.MARKED_GONE):
        os.kill(keep["agent"].pid, signal.SIGKILL)
        keep["agent"].wait()
    if way == programs.MARKED_GONE:
        for folder in work.values():
            shutil.rmtree(folder)
    if way == programs.RUNNER_KILLED:
        for pid in roots.values():
            os.kill(pid, signal.SIGKILL)
    _settle()
    _store(batch, way, started, age, work, tools, roots)
    _end_all()


def _start(
    way: str, started: tuple[Program, ...], work: dict[str, Path]
) -> tuple[dict[str, int], dict[str, Any]]:
    keep: dict[str, Any] = {}
    roots: dict[str, int] = {}
    if way in (programs.MARKED, programs.MARKED_GONE, programs.LIVE):
        session = LIVE if way == programs.LIVE else ENDED
        left = way != programs.LIVE
        words = [
            word for one in started
            for word in (_line(one, work[one.name], left=left), "piped" if one.piped and not left else "no")
        ]  # fmt: skip
        agent = work[started[0].name] / "bin/claude"
        keep["agent"] = subprocess.Popen(
            [str(agent), "--run", *words], env={**os.environ, "GITFLEET_SESSION": session}
        )
    elif way == programs.TYPED:
        for number, one in enumerate(started):
            pid, master = pty.fork()
            if pid == 0:
                os.chdir(work[one.name])
                os.execvp("bash", ["bash", "--norc", "-i"])
            keep[one.name] = master
            behind = " &" if number % 2 and not one.terminal and not one.name.endswith("-stopped") else ""
            os.write(master, ("stty -echo; " + one.line.removeprefix("exec ") + behind + "\n").encode())
            os.set_blocking(master, False)
    elif way == programs.RUNNER_KILLED:
        for one in started:
            child = subprocess.Popen(
                ["sh", "-c", one.line], cwd=work[one.name], start_new_session=True,
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
            roots[one.name] = child.pid
            keep[one.name] = child
    else:
        for at, one in enumerate(started):
            how = "setsid" if at % 2 else "nohup"
            line = f"{how} sh -c '{one.line.replace(chr(39), chr(39) + chr(92) + chr(39) + chr(39))}' </dev/null >/dev/null 2>&1 &"
            subprocess.run(["sh", "-c", line], cwd=work[one.name], start_new_session=True, check=True)
    return roots, keep


def _line(one: Program, folder: Path, *, left: bool) -> str:
    if one.piped and left:  # something else of the session holds the pipe open
        return f"cd {folder} && tail -f /dev/null | {one.line.removeprefix('exec ')}"
    return f"cd {folder} && {one.line}"


def _work_folder(batch: str, one: Program, tools: Path) -> Path:
    folder = HOME / "work" / batch / one.name / "shop"
    for name, text in programs.FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for name in ("node_modules", "venv"):
        (folder / name).symlink_to(tools / name)
    (folder / "screen").mkdir(mode=0o700)
    for name in ("claude", "codex", "opencode", "gemini", "copilot"):
        _script(folder / "bin" / name, AGENT)
    if one.name == "postgres":
        subprocess.run(["initdb", "-D", str(folder / "pgdata"), "-U", "ada"], check=True, capture_output=True)
    return folder


def _script(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text.replace("{python}", "/usr/bin/python3"))
    path.chmod(0o755)


def _settle() -> None:
    """Wait until for two seconds no process has come or gone."""
    before: set[str] = set()
    since, until = time.monotonic(), time.monotonic() + 60
    while time.monotonic() < until and time.monotonic() - since < 2.5:
        now = {name for name in os.listdir("/proc") if name.isdigit()}
        if now != before:
            before, since = now, time.monotonic()
        time.sleep(0.1)


def _store(
    batch: str,
    way: str,
    started: tuple[Program, ...],
    age: float,
    work: dict[str, Path],
    tools: Path,
    roots: dict[str, int],
) -> None:
    table = snapshot.take(1.0)
    sessions = {ENDED: "ended", LIVE: "live"}
    placed = {}
    if way in (programs.MARKED, programs.MARKED_GONE, programs.LIVE):
        session = LIVE if way == programs.LIVE else ENDED
        placed = places.placed(table, {str(folder): session for folder in work.values()})
    cases: list[dict[str, Any]] = [
        {"name": one.name, "label": _label(one, way), "pids": _pids(table, work[one.name], one)}
        for one in started
    ]  # fmt: skip
    spinning = {pid for case, one in zip(cases, started, strict=True) if one.spins for pid in case["pids"]}
    names = {str(tools): "/home/ada/shop", str(HOME): "/home/ada", str(ROOT): "/home/ada"}
    kept = [
        _replaced(one, age, spinning) for one in table.processes.values() if one.identity.pid != os.getpid()
    ]
    text = json.dumps({
        "uid": UID, "seconds": round(table.seconds, 2), "sessions": sessions, "placed": placed, "cases": cases,
        "processes": [stored(one) for one in kept],
    })  # fmt: skip
    for real, name in {**names, table.facts.boot: "boot"}.items():
        text = text.replace(real, name)
    (HOME / "out" / f"{batch}.json").write_text(_one_a_line(text))
    for case in cases:
        print(batch, case["name"], len(case["pids"]))


def _label(one: Program, way: str) -> str:
    if one.bad:
        return "useful_bad"
    left = way in (programs.MARKED, programs.MARKED_GONE, programs.RUNNER_KILLED)
    return "abandoned" if left and not one.held else "useful"


def _pids(table: ProcessTable, folder: Path, program: Program) -> list[int]:
    """The processes of a case: they work in its folder, or were started there. The shells of terminals are the user's own."""
    found = set()
    for pid, one in table.processes.items():
        here = (one.cwd or _started_in(pid)).startswith(str(folder)) or _started_in(pid).startswith(
            str(folder)
        )
        if "--norc" not in one.command and (here or one.name == program.name):
            found.add(pid)
    found |= {pid for pid, one in table.processes.items() if one.ppid in found}
    return sorted(found)


def _started_in(pid: int) -> str:
    with suppress(OSError):
        for word in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
            if word.startswith(b"PWD="):
                return word[4:].decode()
    return ""


def _replaced(one: HostProcess, age: float, spinning: set[int]) -> HostProcess:
    """Older, as the batch says; what spins has had a core to itself all the time, which this machine may not have given it."""
    if one.identity.pid == 1:
        return replace(one, command=("/sbin/init",), name="init", exe="/sbin/init", cwd="/", age=age * 2)
    older = age * (0.999 + one.identity.pid % 7 / 5000)
    if one.identity.pid in spinning and (one.cpu or 0.0) > 0.02:
        return replace(one, age=round(older, 1), cpu=0.98, cpu_total=round(older * 0.98, 2))
    return replace(one, age=round(older, 1), cpu=round(one.cpu or 0.0, 4), cpu_total=round(one.cpu_total, 2))


def _one_a_line(text: str) -> str:
    """A process a line, so that a change can be read."""
    raw = json.loads(text)
    processes = raw.pop("processes")
    head = json.dumps(raw, indent=None)[:-1]
    return head + ', "processes": [\n' + ",\n".join(json.dumps(one) for one in processes) + "\n]}\n"


def _end_all() -> None:
    """End everything but the first process and this one."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        others = [
            int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) not in (1, os.getpid())
        ]
        if not others:
            return
        for pid in others:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        time.sleep(0.05)


if __name__ == "__main__":
    main()
