"""`session start -- COMMAND` on a terminal, which tmux plays: a full-screen program, its keys, the window's size, Ctrl-Z, a kill."""

from __future__ import annotations

import os
import re
import select
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from gitfleet.sessions.session_records import Session, everyone
from tests.cli.conftest import Cli
from tests.workbench import PATIENCE, overlaid

pytestmark = pytest.mark.skipif(shutil.which("tmux") is None, reason="needs tmux (scripts/system-packages)")

FULL_SCREEN = """
import curses

def main(screen):
    curses.raw()
    screen.addstr(0, 0, "size %dx%d" % screen.getmaxyx())
    while True:
        key = screen.getch()
        if key == ord("q"):
            raise SystemExit(7)
        if key == curses.KEY_RESIZE:
            screen.erase()
            screen.addstr(0, 0, "size %dx%d" % screen.getmaxyx())
        else:
            screen.addstr(5, 5, "key %d " % key)

curses.wrapper(main)
"""


class Terminal:
    """A shell in a terminal of 80 by 24. What is shown comes through a pipe, too, so that tests can wait for it."""

    def __init__(self, folder: Path, directory: Path, env: dict[str, str]) -> None:
        self._socket, self._env = str(folder / "s"), {**env, "ENV": "", "TERM": "screen"}
        pipe = folder / "shown"
        os.mkfifo(pipe)
        self._pipe = os.open(pipe, os.O_RDWR | os.O_NONBLOCK)
        self._shown = ""
        self.tmux(
            "-f", os.devnull, "new-session", "-d", "-x", "80", "-y", "24", "-c", str(directory), "exec sh"
        )
        self.tmux("set-option", "-g", "remain-on-exit", "on")
        self.tmux("pipe-pane", f"exec cat > {shlex.quote(str(pipe))}")

    def begin(self) -> None:
        """Wait for the shell."""
        self.type("PS1='rea''dy> '")
        self.wait("ready> ")

    def tmux(self, *args: str) -> str:
        argv = ["tmux", "-S", self._socket, *args]
        done = subprocess.run(argv, env=self._env, capture_output=True, text=True, timeout=PATIENCE)
        assert done.returncode == 0, done
        return done.stdout

    def type(self, line: str) -> None:
        self.tmux("send-keys", "-l", line)
        self.tmux("send-keys", "Enter")

    def keys(self, *keys: str) -> None:
        self.tmux("send-keys", *keys)

    def wait(self, pattern: str) -> None:
        """Wait until this is shown, after what was waited for before."""
        end = time.monotonic() + PATIENCE
        while not (found := re.search(pattern, self._shown)):
            left = end - time.monotonic()
            assert left > 0, f"{pattern!r} was not shown, but:\n{self._shown}\n---\n{self.screen()}"
            if select.select([self._pipe], [], [], left)[0]:
                self._shown += os.read(self._pipe, 65536).decode("utf-8", "replace")
        self._shown = self._shown[found.end() :]

    def shows(self, text: str) -> None:
        """Wait until this stands on the screen, however it was drawn."""
        end = time.monotonic() + PATIENCE
        while text not in (screen := self.screen()):
            left = end - time.monotonic()
            assert left > 0, f"{text!r} is not there, but:\n{screen}"
            if select.select([self._pipe], [], [], min(left, 1.0))[0]:
                self._shown += os.read(self._pipe, 65536).decode("utf-8", "replace")

    def screen(self) -> str:
        return self.tmux("capture-pane", "-p")

    def pid(self) -> int:
        """The process that the terminal was made for."""
        return int(self.tmux("display-message", "-p", "#{pane_pid}"))

    def close(self) -> None:
        self.tmux("kill-server")
        os.close(self._pipe)


@pytest.fixture
def terminal(cli: Cli) -> Iterator[Terminal]:
    """A terminal whose shell is in the clone."""
    with tempfile.TemporaryDirectory(prefix="gf-") as folder:  # the path of a socket must be short
        env = overlaid({**cli.gitfleet.environment(), **cli.nobody})
        made = Terminal(Path(folder), cli.clone.path, env)
        try:
            made.begin()
            yield made
        finally:
            made.close()


@pytest.fixture
def start(cli: Cli, tmp_path: Path) -> Callable[..., str]:
    """`start("cat")`: the line that starts it as a session, here."""

    def line(*command: str) -> str:
        return shlex.join(cli.gitfleet.argv("session", "start", "--here", "--id", "live", "--", *command))

    return line


def sessions(cli: Cli) -> set[str]:
    with cli.clone.open() as fleet:
        return {one.id for one in everyone(fleet.current().view) if isinstance(one, Session)}


def test_full_screen_program_has_keys_size_and_screen_and_leaves_the_terminal_as_it_was(
    cli: Cli, terminal: Terminal, start: Callable[..., str], tmp_path: Path
) -> None:
    program = tmp_path / "full.py"
    program.write_text(FULL_SCREEN)
    terminal.type("stty -g > ../before")
    terminal.type(start(sys.executable, str(program)))
    terminal.shows("size 24x80\n")
    assert "live" in sessions(cli)
    terminal.keys("a")
    terminal.shows("\n     key 97\n")
    terminal.keys("C-c", "C-z")
    terminal.shows("\n     key 26\n")
    terminal.tmux("resize-window", "-x", "100", "-y", "30")
    terminal.shows("size 30x100\n")
    assert cli.clone.out("status", "--porcelain") == ""
    terminal.keys("q")
    terminal.wait("ended, exit code 7")
    terminal.type("echo code=$?; stty -g > ../after")
    terminal.wait("code=7")
    terminal.type("echo do''ne")  # what is typed before the shell asks for it is echoed before its prompt
    terminal.wait("done")
    before, after = (cli.clone.path.parent / name for name in ("before", "after"))
    assert before.read_text() == after.read_text()
    assert "live" not in sessions(cli)
    log = cli.clone.path / ".git/gitfleet-logs/live.log"
    assert b"size 24x80" in log.read_bytes()
    assert cli.clone.out("status", "--porcelain") == ""


def test_ctrl_z_gives_the_shell_its_terminal_back_until_fg_and_ctrl_c_ends_the_command(
    cli: Cli, terminal: Terminal, start: Callable[..., str]
) -> None:
    terminal.type(start("cat"))
    terminal.wait("at work in")
    terminal.type("hello")
    terminal.wait(r"hello\s+hello")
    terminal.keys("C-z")
    terminal.wait(r"Stopped[^\n]*\n")
    terminal.type("stty -a | grep -o ' icanon' | sed 's/^/is/'; fg")
    terminal.wait("is icanon")
    terminal.type("again")
    terminal.wait(r"again\s+again")
    terminal.keys("C-c")
    terminal.wait("ended, exit code 130")
    terminal.type("echo code=$?")
    terminal.wait("code=130")
    assert "live" not in sessions(cli)


def test_launcher_that_is_killed_hangs_up_on_the_command_and_upkeep_ends_the_session(
    cli: Cli, terminal: Terminal, start: Callable[..., str], tmp_path: Path
) -> None:
    heard = tmp_path / "heard"
    os.mkfifo(heard)
    ear = os.open(heard, os.O_RDWR)
    script = f"trap 'echo hup > {heard}; exit' HUP; echo up; while :; do read -r line; done"
    terminal.type(f"exec {start('sh', '-c', script)}")
    terminal.wait(r"\nup")
    os.kill(terminal.pid(), signal.SIGKILL)
    assert select.select([ear], [], [], PATIENCE)[0], "the command was not told"
    os.close(ear)
    ran = cli("worktree", "maintain", "--reconcile-only").ok()
    end = time.monotonic() + PATIENCE
    while "live" in sessions(cli):  # the command may have been about to end
        assert time.monotonic() < end, "its session was never ended"
        ran = cli("worktree", "maintain", "--reconcile-only").ok()
    assert "session live ended" in ran.stdout


def test_terminal_that_is_closed_hangs_up_on_the_command_and_the_session_ends(
    cli: Cli, terminal: Terminal, start: Callable[..., str], tmp_path: Path
) -> None:
    heard = tmp_path / "heard"
    os.mkfifo(heard)
    ear = os.open(heard, os.O_RDWR)
    script = f"trap 'echo hup > {heard}; exit' HUP; echo up; while :; do read -r line; done"
    terminal.type(f"exec {start('sh', '-c', script)}")
    terminal.wait(r"\nup")
    launcher = psutil.Process(terminal.pid())
    terminal.tmux("new-window", "exec sleep 600")
    terminal.tmux("kill-window", "-t", ":0")
    assert select.select([ear], [], [], PATIENCE)[0], "the command was not told"
    os.close(ear)
    launcher.wait(PATIENCE)
    assert "live" not in sessions(cli)
