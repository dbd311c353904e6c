"""The node's lock between processes and within one. What its waiters say is tested where processes wait."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gitfleet.base.locks import NodeLock, Wait
from gitfleet.errors import LockHeld
from tests.places import file_system, fill, needs_mount
from tests.workbench import ROOT


def test_lock_has_one_holder_at_a_time_within_a_process_too(tmp_path: Path) -> None:
    one, other = NodeLock(str(tmp_path / "lock")), NodeLock(str(tmp_path / "lock"))
    assert one.acquire()
    assert not one.acquire()
    assert not other.acquire()
    one.release()
    assert other.acquire()
    other.release()


def test_lock_ends_with_its_process_however_that_ends(tmp_path: Path) -> None:
    code = (
        "import os, sys; from gitfleet.base.locks import NodeLock; "
        "lock = NodeLock(sys.argv[1]); assert lock.acquire(); os.kill(os.getpid(), 9)"
    )
    path = tmp_path / "lock"
    done = subprocess.run(
        [sys.executable, "-c", code, path], env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False
    )
    assert done.returncode == -9
    lock = NodeLock(str(path))
    assert lock.acquire()
    assert f"process {os.getpid()} " in lock.holder()
    lock.release()
    assert not Path(f"{path}.holder").exists()


def test_held_for_a_body_that_fails_gives_the_lock_back(tmp_path: Path) -> None:
    lock = NodeLock(str(tmp_path / "lock"))
    with pytest.raises(ZeroDivisionError), lock.held(1.0):
        raise ZeroDivisionError
    assert lock.acquire()
    lock.release()


def test_wait_without_patience_raises_at_its_first_turn(tmp_path: Path) -> None:
    lock = NodeLock(str(tmp_path / "lock"))
    with lock.held(0.0), pytest.raises(LockHeld, match=f"process {os.getpid()}"):
        Wait(NodeLock(lock.path), 0.0, None).turn()


@needs_mount
def test_lock_on_a_full_disk_is_held_and_given_back_without_its_note(tmp_path: Path) -> None:
    with file_system(tmp_path / "disk", size="1m") as disk:
        lock = NodeLock(str(disk / "lock"))
        with lock.held(0.0):
            pass
        fill(disk, leave=0)
        with lock.held(0.0):
            assert lock.holder() == "a process that left no note"
        with NodeLock(lock.path).held(0.0):
            pass
