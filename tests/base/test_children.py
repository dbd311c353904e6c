"""A program that is there before it runs: it waits for the word, and without it never runs. In processes of their own, since these fork."""

from __future__ import annotations

import os
import select
import subprocess
import sys
from pathlib import Path

import pytest

from tests.workbench import PATIENCE, ROOT, Ran, run

MAKE = """
import os, signal, sys
from gitfleet.base import identity
from gitfleet.base.children import Child, Program
from gitfleet.base.relay import Relay

def child(*argv, terminal=False, apart=True):
    return Child(Program(argv[0], argv, os.getcwd(), dict(os.environ)), terminal=terminal, apart=apart)

def relay(child):
    return Relay(child, lambda data: None, lambda: None, every=60).run()
"""


def script(text: str, directory: Path) -> Ran:
    return run([sys.executable, "-P", "-c", MAKE + text], directory, env={"PYTHONPATH": str(ROOT)})


def test_process_waits_for_the_word_and_keeps_its_identity(tmp_path: Path) -> None:
    text = """
one = child("/bin/sh", "-c", "touch ran; echo $SAID $$; exit 4")
before = identity.identify(one.pid)
assert before and not os.path.exists("ran")
one.go({"SAID": "hello"})
code = relay(one)
print(code, before.pid)
"""
    said = script(text, tmp_path).ok().stdout.split()
    assert said == ["hello", said[1], "4", said[1]]
    assert (tmp_path / "ran").exists()


@pytest.mark.parametrize("terminal", [False, True])
def test_process_that_is_abandoned_never_runs(tmp_path: Path, terminal: bool) -> None:
    text = f"""
one = child("/bin/sh", "-c", "touch ran", terminal={terminal})
one.abandon()
one.abandon()
print(identity.identify(one.pid))
"""
    assert script(text, tmp_path).ok().stdout == "None\n"
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("terminal", [False, True])
def test_program_that_cannot_be_run_is_an_error_and_leaves_no_process(tmp_path: Path, terminal: bool) -> None:
    text = f"""
one = child("/no/such/program", terminal={terminal})
try:
    one.go({{}})
except OSError as error:
    print(error.strerror, identity.identify(one.pid))
"""
    assert script(text, tmp_path).ok().stdout == "No such file or directory None\n"


@pytest.mark.parametrize("terminal", [False, True])
def test_process_whose_maker_is_killed_ends_without_having_run(tmp_path: Path, terminal: bool) -> None:
    read, write = os.pipe()
    text = f"""
os.set_inheritable({write}, True)
one = child("/bin/sh", "-c", "touch ran", terminal={terminal})
os.kill(os.getpid(), signal.SIGKILL)
"""
    argv = [sys.executable, "-P", "-c", MAKE + text]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(argv, cwd=tmp_path, env=env, pass_fds=[write], timeout=PATIENCE, check=False)
    assert done.returncode == -9
    os.close(write)
    assert select.select([read], [], [], PATIENCE)[0], "somebody still has the pipe open"
    assert os.read(read, 1) == b""
    os.close(read)
    assert not (tmp_path / "ran").exists()


def test_output_of_both_streams_goes_each_to_its_own(tmp_path: Path) -> None:
    text = """
one = child("/bin/sh", "-c", "printf 'out \\\\377'; echo err >&2; exit 0")
one.go({})
sys.exit(relay(one))
"""
    ran = script(text, tmp_path).ok()
    assert (ran.stdout, ran.stderr) == ("out \udcff", "err\n")


def test_process_left_behind_that_goes_on_writing_keeps_nobody(tmp_path: Path) -> None:
    text = """
one = child("/bin/sh", "-c", "(while :; do echo noise || exit; done) & exit 6")
one.go({})
sys.exit(relay(one))
"""
    script(text, tmp_path).ended(6)
