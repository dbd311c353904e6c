"""Completion as the shells themselves do it: a person types a part of a command, and the tabulator."""

from __future__ import annotations

import os
import pty
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gitfleet.cli import git_completion
from tests.workbench import PATIENCE, ROOT, Gitfleet

PROMPT = "READY> "
GIT_FOR_BASH = "/usr/share/bash-completion/completions/git"
SHELLS = {
    "bash": (["bash", "--noprofile", "--rcfile", "{rc}", "-i"], f"PS1='{PROMPT}'; bind 'set bell-style none'"),
    "zsh": (["zsh", "-d", "-i"], f"PS1='{PROMPT}'; unsetopt prompt_sp"),
    "fish": (["fish", "--private", "--init-command", "source {rc}", "-i"], f"function fish_prompt; echo -n '{PROMPT}'; end; function fish_greeting; end"),
}  # fmt: skip


IN_TERMINAL = "import fcntl, os, sys, termios; os.setsid(); fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execvp(sys.argv[1], sys.argv[1:])"
"""Makes its standard input the terminal of the program that it becomes."""


def typed(argv: list[str], home: Path, keys: str, until: str) -> str:
    """What a terminal shows after keys were typed into a shell, as soon as `until` is in it."""
    handle, theirs = pty.openpty()
    env = {"PATH": f"{home}/bin:{os.environ['PATH']}", "HOME": str(home), "ZDOTDIR": str(home)}
    env |= {"TERM": "dumb", "XDG_CONFIG_HOME": str(home), "COLUMNS": "200"}
    command = [sys.executable, "-I", "-S", "-c", IN_TERMINAL, *argv]
    shell = subprocess.Popen(command, cwd=home, env=env, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    shown, sent, deadline = "", False, time.monotonic() + PATIENCE
    try:
        while until not in shown:
            assert select.select([handle], [], [], max(0, deadline - time.monotonic()))[0], shown
            shown += os.read(handle, 4096).decode("utf-8", "replace")
            if not sent and PROMPT in shown:
                os.write(handle, keys.encode())
                sent = True
        return shown
    finally:
        shell.kill()
        shell.wait()
        os.close(handle)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with our program on PATH, as itself and as git's."""
    program = tmp_path / "bin/gitfleet"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -P -m gitfleet "$@"\n')
    program.chmod(0o700)
    (program.parent / "git-fleet").symlink_to("gitfleet")
    return tmp_path


def completed(shell: str, home: Path, script: str, keys: str, until: str) -> str:
    """What a shell shows after keys, with the completion that `script` says."""
    argv, settings = SHELLS[shell]
    rc = home / (".zshrc" if shell == "zsh" else "rc")
    before = "autoload -Uz compinit; compinit -u -D\n" if shell == "zsh" else ""
    if shell == "bash" and os.path.exists(GIT_FOR_BASH):
        before = f"source {GIT_FOR_BASH}\n"
    rc.write_text(f"{before}{script}\n{settings}\n")
    return typed([word.format(rc=rc) for word in argv], home, keys, until)


@pytest.mark.parametrize(
    ("keys", "until"),
    [
        ("gitfleet maint\t", "gitfleet maintainer"),
        ("git fleet inbox --kind dead\t", "--kind dead-session"),
    ],
)
@pytest.mark.parametrize("shell", SHELLS)
def test_shell_completes_a_command(shell: str, keys: str, until: str, home: Path, gitfleet: Gitfleet) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    if shell == "bash" and keys.startswith("git ") and not os.path.exists(GIT_FOR_BASH):
        pytest.skip("git's completion for bash is not installed")
    script = gitfleet(home, "--show-completion", shell).ok().stdout
    assert PROMPT in completed(shell, home, script, keys, until)


def test_completion_of_git_fleet_is_put_beside_that_of_gitfleet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    places = [".bash_completions/gitfleet.sh", ".zfunc/_gitfleet", ".config/fish/completions/gitfleet.fish"]
    git_completion.install()
    assert not list(tmp_path.iterdir())
    for place in places:
        (tmp_path / place).parent.mkdir(parents=True)
        (tmp_path / place).write_text("theirs")
    git_completion.install()
    before = {file: file.read_text() for file in tmp_path.rglob("*") if file.is_file()}
    git_completion.install()
    assert {file: file.read_text() for file in tmp_path.rglob("*") if file.is_file()} == before
    found = {str(file.relative_to(tmp_path)) for file in before}
    assert found == {*places, ".zfunc/_git-fleet", ".config/fish/conf.d/gitfleet.fish"}
    assert "theirs\n_git_fleet()" in (tmp_path / places[0]).read_text()
