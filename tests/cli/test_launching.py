"""`session start -- COMMAND` without a terminal, as in CI: worktree, claims, log, signals, exit code, and the end of it."""

from __future__ import annotations

import os
import select
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import pytest

from gitfleet.fleet.views import schema
from gitfleet.fleet.views.starting_rows import SessionLaunchAnswer
from gitfleet.sessions.session_records import Session, everyone
from tests.cli.conftest import Cli
from tests.workbench import PATIENCE, ROOT, Overlay, Ran, overlaid

Agent = Callable[..., str]
LINUX = pytest.mark.skipif(
    sys.platform != "linux", reason="elsewhere only a terminal tells a command that we were killed"
)

WORKER = r"""
echo "$GITFLEET_SESSION in $PWD"
printf 'raw \377\376\n'
test -z "$(git status --porcelain)" || echo dirty before
echo work >> src/api/a.py
git commit -qam work || exit 70
test -z "$(git status --porcelain)" || echo dirty after
echo failing >&2
exit 3
"""


@pytest.fixture
def agent(tmp_path: Path) -> Agent:
    """`agent("echo hi")` makes a program of a shell script; its path."""

    def make(script: str, name: str = "agent") -> str:
        path = tmp_path / "programs" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        path.chmod(0o755)
        return str(path)

    return make


def launch(cli: Cli, *args: str, env: Overlay | None = None, stdin: str = "") -> Ran:
    """`session start`, called by nobody's session."""
    return cli("session", "start", *args, env={**cli.nobody, **(env or {})}, stdin=stdin)


def sessions(cli: Cli) -> set[str]:
    with cli.clone.open() as fleet:
        return {one.id for one in everyone(fleet.current().view) if isinstance(one, Session)}


def worktrees(cli: Cli) -> list[Path]:
    noted = sorted((cli.clone.path / ".git/worktrees").glob("*/gitdir"))
    return [Path(note.read_text().rstrip("\n")).parent for note in noted]


def logs(cli: Cli) -> list[Path]:
    return sorted((cli.clone.path / ".git").glob("**/gitfleet-logs/*.log"))


def test_command_works_in_a_worktree_of_its_own_and_its_end_is_the_sessions(cli: Cli, agent: Agent) -> None:
    ran = launch(cli, "--agent", "codex", "--claim", "src/", "--", agent(WORKER)).ended(3)
    (worktree,) = worktrees(cli)
    session = worktree.name
    assert ran.stdout.splitlines() == [f"{session} in {worktree}", "raw \udcff\udcfe"]
    assert "failing\n" in ran.stderr
    assert f"session {session} ended, exit code 3" in ran.stderr
    assert session not in sessions(cli)
    assert cli.clone.out("-C", str(worktree), "log", "-1", "--format=%s") == "work"
    assert cli.clone.out("-C", str(worktree), "status", "--porcelain") == ""
    assert cli.clone.out("status", "--porcelain") == ""


def test_log_has_all_that_was_written_and_is_nobody_elses_to_read(cli: Cli, agent: Agent) -> None:
    launch(cli, "--claim", "src/", "--", agent(WORKER)).ended(3)
    (log,) = logs(cli)
    data = log.read_bytes()
    first, *middle, last = [line for line in data.split(b"\n") if line]
    assert first.startswith(b"--- gitfleet ")
    assert first.endswith(agent(WORKER).encode())
    assert b"raw \xff\xfe" in middle
    assert b"failing" in middle
    assert last.endswith(b"ended with 3")
    assert stat.S_IMODE(log.stat().st_mode) == 0o600


def test_claim_that_is_refused_starts_nothing_and_leaves_nothing(
    cli: Cli, agent: Agent, tmp_path: Path
) -> None:
    cli("claim", "src/", env=cli.other).ok()
    before = sessions(cli), cli.clone.out("for-each-ref", "refs/heads")
    ran = launch(
        cli, "--claim", "docs/", "--claim", "src/api/a.py", "--", agent(f"touch {tmp_path}/ran")
    ).ended(10)
    assert cli.clone.other in ran.stderr
    assert "next: Start it again when they are free" in ran.stderr
    assert not (tmp_path / "ran").exists()
    assert (sessions(cli), cli.clone.out("for-each-ref", "refs/heads")) == before
    assert worktrees(cli) == []
    assert logs(cli) == []
    cli("check", "docs/").ok()


def test_refused_claim_as_json_is_one_envelope(cli: Cli, agent: Agent) -> None:
    cli("claim", "src/", env=cli.other).ok()
    ran = launch(cli, "--json", "--claim", "src/", "--", agent("echo never")).ended(10)
    assert ran.json()["status"] == "conflict"


@pytest.mark.parametrize(
    "args",
    [
        ["--", "no-such-program-anywhere"],
        ["--", "./no-such-file"],
        ["--launch"],
        ["--launch", "--agent", "claude-2"],
        ["--id", "../../x", "--", "true"],
        ["--id", "-x", "--", "true"],
        ["--agent", "a/b", "--", "true"],
        ["--managed-dir", "../out", "--", "true"],
        ["--base", "-x", "--", "true"],
        ["--strategy", "odd", "--", "true"],
        ["--pid", "1", "--", "true"],
        ["--claim", "src/"],
    ],
    ids=" ".join,
)
def test_request_that_makes_no_sense_ends_with_2_before_anything_is_made(cli: Cli, args: list[str]) -> None:
    before = sessions(cli)
    bare = {"PATH": "/usr/bin:/bin"}
    launch(cli, *args, env=bare).ended(2)
    assert sessions(cli) == before
    assert worktrees(cli) == []


def test_program_of_the_agent_is_found_on_path(cli: Cli, agent: Agent, tmp_path: Path) -> None:
    for name in ("codex", "claude"):
        agent(f'echo "{name} runs with $#"', name)
    path = {"PATH": f"{tmp_path / 'programs'}:{os.environ['PATH']}"}
    assert "codex runs with 0" in launch(cli, "--launch", env=path).ok().stdout
    assert "codex runs" in launch(cli, "--launch", "--agent", "codex-ci", env=path).ok().stdout
    assert "claude runs" in launch(cli, "--launch", "--agent", "claude", env=path).ok().stdout
    assert {tree.name.split("-")[0] for tree in worktrees(cli)} == {"codex", "claude"}


def test_script_of_the_guide_starts_a_named_lane(cli: Cli, agent: Agent, tmp_path: Path) -> None:
    agent('exec "$PYTHON" -P -m gitfleet "$@"', "gitfleet")
    agent('echo "lane $GITFLEET_SESSION"; exit 4', "codex")
    env = {
        **cli.nobody, "PATH": f"{tmp_path / 'programs'}:{os.environ['PATH']}", "PYTHON": sys.executable,
        **cli.gitfleet.environment(),
    }  # fmt: skip
    script = str(ROOT / "scripts/gitfleet_session.sh")
    argv = [script, "--agent", "codex-ci", "--managed-dir", ".worktrees/codex-auto-ci"]
    ran = subprocess.run(
        argv, cwd=cli.clone.path, env=overlaid(env), capture_output=True, text=True, timeout=PATIENCE
    )
    assert ran.returncode == 4, ran.stderr
    (worktree,) = worktrees(cli)
    assert worktree.parent == cli.clone.path / ".worktrees/codex-auto-ci"
    assert ran.stdout == f"lane {worktree.name}\n"
    argv = [script, "--agent", "codex-ci", "sh", "-c", "echo other; exit 5"]
    ran = subprocess.run(
        argv, cwd=cli.clone.path, env=overlaid(env), capture_output=True, text=True, timeout=PATIENCE
    )
    assert (ran.returncode, ran.stdout) == (5, "other\n")


def test_command_here_works_in_this_worktree_as_its_session(cli: Cli, agent: Agent) -> None:
    script = agent("gitfleet_session=$GITFLEET_SESSION; pwd; cat; git status --porcelain")
    ran = launch(cli, "--here", "--id", "mine", "--", script, stdin="typed\n").ok()
    assert ran.stdout.splitlines() == [str(cli.clone.path), "typed"]
    assert worktrees(cli) == []
    assert [log.name for log in logs(cli)] == ["mine.log"]
    assert "mine" not in sessions(cli)


def test_session_that_ends_without_the_hub_says_so_and_is_on_no_list(hub_cli: Cli, agent: Agent) -> None:
    hub_cli.clone.fleets.hub.rename(hub_cli.clone.fleets.root / "away.git")
    ran = launch(hub_cli, "--here", "--id", "brief", "--", agent("exit 2")).ended(2)
    assert "the end of the session is tentative" in ran.stderr
    assert "ended (tentative: the hub was out of reach)" in hub_cli("session", "end").ok().stdout
    listed = hub_cli("session", "list", env=hub_cli.nobody).ok()
    assert "cannot be read" not in listed.stderr
    assert "brief" not in listed.stdout


def test_id_that_is_at_work_is_refused_and_its_log_is_left_alone(
    cli: Cli, agent: Agent, running: Running
) -> None:
    first = running("--here", "--id", "one", "--", agent("echo up; read -r _"), wait_for="up")
    launch(cli, "--here", "--id", "one", "--", agent("echo second")).ended(10)
    assert [log.name for log in logs(cli)] == ["one.log"]
    first.end(signal.SIGTERM)


def test_logs_of_the_last_ten_sessions_stay_and_those_of_the_live_ones(cli: Cli, agent: Agent) -> None:
    folder = cli.clone.path / ".git/gitfleet-logs"
    folder.mkdir()
    for age in range(12):
        for name in (f"old{age}.log", f"old{age}.log.1"):
            (folder / name).touch()
            os.utime(folder / name, (age, age))
    cli("session", "start", "--id", "web.login", "--pid", str(os.getpid()), env=cli.nobody).ok()
    (folder / "web.login.log").touch()
    os.utime(folder / "web.login.log", (0, 0))
    launch(cli, "--here", "--id", "new", "--", agent("exit 0")).ok()
    kept = {f"old{age}.log" for age in range(2, 12)}
    assert {path.name for path in folder.iterdir()} == {
        *kept, *[f"{name}.1" for name in kept], "web.login.log", "new.log"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("script", "code"), [("exit 0", 0), ("exit 255", 255), ("kill -TERM $$", 143), ("kill -9 $$", 137)]
)
def test_exit_code_is_the_commands_or_128_and_its_signal(
    cli: Cli, agent: Agent, script: str, code: int
) -> None:
    launch(cli, "--here", "--id", "once", "--", agent(script)).ended(code)
    assert "once" not in sessions(cli)


def test_answer_as_json_comes_after_what_the_command_wrote(cli: Cli, agent: Agent) -> None:
    ran = launch(cli, "--json", "--here", "--", agent("exit 3")).ended(3)
    answer = ran.json()
    schema.validate(SessionLaunchAnswer, answer["data"])
    assert answer["status"] == "command-failed"
    assert answer["data"]["exit_code"] == 3
    assert answer["data"]["session"]["agent"] == "agent"
    assert answer["data"]["session"]["command"].endswith("/programs/agent")


def test_file_that_is_no_program_after_all_leaves_nothing(cli: Cli, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.write_text("#!/no/such/interpreter\n")
    broken.chmod(0o755)
    ran = launch(cli, "--", str(broken)).ended(2)
    assert "could not be started" in ran.stderr
    assert worktrees(cli) == []
    assert logs(cli) == []
    broken.write_text("echo hi\n")
    assert "begins with a line such as `#!/bin/sh`" in launch(cli, "--", str(broken)).ended(2).stderr


def test_output_that_nobody_reads_ends_the_command(cli: Cli, agent: Agent, running: Running) -> None:
    first = running("--here", "--", agent("echo up; while :; do echo more; done"), wait_for="up")
    first.close()
    assert first.process.wait(PATIENCE) == 128 + signal.SIGPIPE


class Live:
    """A launcher that runs, its standard input and output ours."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        assert process.stdout is not None
        self.stdout: IO[bytes] = process.stdout

    def line(self) -> str:
        assert select.select([self.stdout], [], [], PATIENCE)[0], "nothing was written"
        return self.stdout.readline().decode().rstrip("\n")

    def close(self) -> None:
        self.stdout.close()

    def end(self, number: int) -> int:
        """Send it a signal; its exit code."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)


Running = Callable[..., Live]


@pytest.fixture
def running(cli: Cli) -> Iterator[Running]:
    """`running("--", program, wait_for="up")` starts a launcher and reads a line of its command's."""
    started: list[subprocess.Popen[bytes]] = []

    def start(*args: str, wait_for: str) -> Live:
        env = overlaid({**cli.gitfleet.environment(), **cli.nobody})
        process = subprocess.Popen(
            cli.gitfleet.argv("session", "start", *args), cwd=cli.clone.path, env=env, bufsize=0,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, process_group=0,
        )  # fmt: skip
        started.append(process)
        live = Live(process)
        assert live.line() == wait_for
        return live

    yield start
    for process in started:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            assert stream is not None
            stream.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1])
def test_signal_for_the_launcher_reaches_the_command_once(
    cli: Cli, agent: Agent, running: Running, number: signal.Signals
) -> None:
    script = f"trap 'echo got; n=$((n+1)); test $n = 1 || exit 9; exit 5' {number.name[3:]}; echo up; while :; do sleep 0.05; done"
    live = running("--here", "--id", "told", "--", agent(script), wait_for="up")
    assert live.end(number) == 5
    assert live.line() == "got"
    assert "told" not in sessions(cli)


def test_command_that_stops_stops_the_launcher_and_both_go_on(
    cli: Cli, agent: Agent, running: Running
) -> None:
    live = running("--here", "--", agent("echo up; kill -STOP $$; echo on; exit 6"), wait_for="up")
    _, status = os.waitpid(live.process.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status)
    live.process.send_signal(signal.SIGCONT)
    assert live.line() == "on"
    assert live.process.wait(PATIENCE) == 6


@LINUX
def test_launcher_that_is_killed_takes_the_command_along_and_upkeep_ends_the_session(
    cli: Cli, agent: Agent, running: Running
) -> None:
    live = running("--claim", "src/", "--id", "gone", "--", agent("echo up; exec sleep 600"), wait_for="up")
    assert live.end(signal.SIGKILL) == -signal.SIGKILL
    assert live.stdout.read() == b""  # until the last process that has it open has ended
    assert "gone" in sessions(cli)
    ran = cli("worktree", "maintain", "--reconcile-only").ok()
    assert "session gone ended: its process is gone; released src/" in ran.stdout
    assert "gone" not in sessions(cli)
    cli("check", "src/").ok()


def test_session_that_the_command_ended_itself_is_no_error(cli: Cli, agent: Agent) -> None:
    script = agent(f'{sys.executable} -P -m gitfleet session end "$GITFLEET_SESSION"; exit 2')
    ran = launch(cli, "--here", "--id", "brief", "--", script).ended(2)
    assert "warning" not in ran.stderr


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
def test_targets_of_the_guide_are_in_the_makefile() -> None:
    verbs = {
        "codex-session": "gitfleet_session.sh --agent codex", "worktree-ensure": "worktree ensure",
        "worktree-reconcile": "worktree reconcile --all", "worktree-cleanup": "worktree cleanup",
        "worktree-maintain": "worktree maintain", "worktree-maintainer-install": "maintainer install",
        "worktree-maintainer-status": "maintainer status", "worktree-maintainer-uninstall": "maintainer uninstall",
    }  # fmt: skip
    for target, words in verbs.items():
        args = "ARGS=--agent codex" if target == "codex-session" else "ARGS=--json"
        done = subprocess.run(
            ["make", "-n", target, args], cwd=ROOT, capture_output=True, text=True, check=True
        )
        assert words in done.stdout
