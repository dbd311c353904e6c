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

from tests.workbench import PATIENCE, ROOT, Gitfleet

PROMPT = "READY> "
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


@pytest.mark.parametrize("shell", SHELLS)
def test_shell_completes_a_command(shell: str, tmp_path: Path, gitfleet: Gitfleet) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    program = tmp_path / "bin/gitfleet"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -P -m gitfleet "$@"\n')
    program.chmod(0o700)
    script = gitfleet(tmp_path, "--show-completion", shell).ok().stdout
    argv, settings = SHELLS[shell]
    rc = tmp_path / (".zshrc" if shell == "zsh" else "rc")
    before = "autoload -Uz compinit; compinit -u -D\n" if shell == "zsh" else ""
    rc.write_text(f"{before}{script}\n{settings}\n")
    shown = typed([word.format(rc=rc) for word in argv], tmp_path, "gitfleet maint\t", "gitfleet maintainer")
    assert PROMPT in shown
