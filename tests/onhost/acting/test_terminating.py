"""What TERM brings about: programs that become others, children that are born upon it, and what KILL then spares."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from gitfleet.onhost.acting import terminating
from gitfleet.onhost.acting.gates import GateQuestion, loss_gates
from gitfleet.onhost.acting.grip import group_members
from gitfleet.onhost.acting.work_order import ActInterrupted
from gitfleet.onhost.records import TERMINATE, SafetyGate
from tests.onhost.acting.living import Living, do, options, request_of, state_of, until

UPON_TERM = """
import os, signal, subprocess, sys, time
STAYS = "import signal,time; signal.signal(15, signal.SIG_IGN); {opens}; print(file=open('begun.part', 'w'));" \\
    "import os; os.rename('begun.part', 'begun'); time.sleep(1000)"
def heard(*_):
    {does}
signal.signal(signal.SIGTERM, heard)
print('ready')
while True:
    time.sleep(1000)
"""
WRITES = "f = open('only-copy.txt', 'w')"
BECOMES = "os.execv('/bin/sh', ['sh', '-c', 'trap \"\" TERM; : > begun; while :; do sleep 1000; done'])"
BEARS = "subprocess.Popen([sys.executable, '-I', '-S', '-c', STAYS], start_new_session={apart})"
LEAVES = "\n    while not os.path.exists('begun'): time.sleep(0.01)\n    os._exit(0)"


def members(pgid: int) -> list[int]:
    return sorted(group_members(pgid))


def end(living: Living, folder: Path, does: str, opens: str = "pass") -> tuple[int, dict[str, Any]]:
    """End a program that does something upon TERM, which is waited for (also its end, if it is one that ends); its pid and what came of it."""
    left = living.python(UPON_TERM.format(does=does, opens=opens))
    request, begun = request_of(TERMINATE, left.pid, options=options(grace=0.01)), living.folder / "begun"
    ends = does.endswith(LEAVES)
    return left.pid, do(request, folder, until(lambda: begun.exists() and not (ends and left.runs)))


def test_program_that_becomes_another_upon_term_is_not_killed(living: Living, tmp_path: Path) -> None:
    pid, said = end(living, tmp_path, BECOMES)
    assert (said["outcome"], pid in said["left"], state_of(pid)) == ("survived", True, "S")
    assert said["detail"].endswith("it runs another program now")


@pytest.mark.parametrize("leaves", ["", LEAVES], ids=["parent-stays", "parent-ends"])
def test_child_that_is_born_upon_term_and_writes_is_not_killed(
    leaves: str, living: Living, tmp_path: Path
) -> None:
    pid, said = end(living, tmp_path, BEARS.format(apart=False) + leaves, WRITES)
    assert said["outcome"] == "survived"
    assert said["detail"].startswith("not killed: open-files")
    assert said["left"] == members(pid)


def test_child_that_is_born_upon_term_in_a_group_of_its_own_is_told_as_left(
    living: Living, tmp_path: Path
) -> None:
    pid, said = end(living, tmp_path, BEARS.format(apart=True))
    (child,) = said["left"]
    assert (said["outcome"], state_of(pid), state_of(child)) == ("survived", "", "S")
    os.kill(child, signal.SIGKILL)


def test_program_that_ends_while_its_kill_is_considered_has_ended(
    living: Living, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def look_and_end(question: GateQuestion) -> tuple[SafetyGate, ...]:
        found = loss_gates(question)
        for left in living.left:
            os.kill(left.pid, signal.SIGKILL)
            while left.runs:
                time.sleep(0.005)
        return found

    monkeypatch.setattr(terminating, "loss_gates", look_and_end)
    _, said = end(living, tmp_path, "globals().update(f=open('only-copy.txt', 'w'), g=open('begun', 'w'))")
    assert (said["outcome"], said["detail"], said["left"]) == ("done", "ended", [])


def test_end_that_was_cut_short_after_term_tells_who_joined_the_group(living: Living, tmp_path: Path) -> None:
    left = living.python(UPON_TERM.format(does=BEARS.format(apart=False) + LEAVES, opens="pass"))
    request = request_of(TERMINATE, left.pid)
    begun = living.folder / "begun"

    def gone(seconds: float) -> bool:
        return until(begun.exists)(seconds) or begun.exists()

    with pytest.raises(ActInterrupted):
        do(request, tmp_path, gone)
    while left.runs:
        time.sleep(0.005)
    said = do(request, tmp_path)
    assert (said["outcome"], said["left"]) == ("survived", members(left.pid))
