"""The node's lock between processes and within one. What its waiters say is tested where processes wait."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from filelock import FileLock, Timeout

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


def test_lock_whose_file_was_taken_away_is_taken_anew(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with NodeLock(str(path)).held(0.0):
        path.unlink()
        other = NodeLock(str(path))
        assert other.acquire()
        other.release()


def test_lock_and_flock_or_filelock_of_another_program_keep_each_other_out(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    lock, theirs = NodeLock(str(path)), FileLock(path)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert not lock.acquire()
        assert not lock.acquire(0.01)
    with theirs.acquire(timeout=0):
        assert not lock.acquire()
        assert not lock.acquire(0.01)
    with lock.held(0.0), pytest.raises(Timeout):
        theirs.acquire(timeout=0)
    with theirs.acquire(timeout=0):
        pass


def test_lock_that_was_waited_for_is_held_and_given_back_as_any_other(tmp_path: Path) -> None:
    path = str(tmp_path / "lock")
    trying, taken, done = threading.Event(), threading.Event(), threading.Event()
    waiting = NodeLock(path)

    def wait() -> None:
        trying.set()
        with waiting.held(60.0):
            taken.set()
            done.wait()

    thread = threading.Thread(target=wait)
    with NodeLock(path).held(0.0):
        thread.start()
        assert trying.wait()
        assert not waiting.acquire(0.05)
        assert not taken.is_set()
    assert taken.wait(60.0)
    assert not waiting.acquire()
    assert not NodeLock(path).acquire(0.01)
    with pytest.raises(Timeout):
        FileLock(path).acquire(timeout=0)
    done.set()
    thread.join()
    with NodeLock(path).held(0.0):
        pass


def test_lock_that_a_forked_process_has_open_is_given_back(tmp_path: Path) -> None:
    lock = NodeLock(str(tmp_path / "lock"))
    ready, done = os.pipe()
    with lock.held(0.0):
        child = os.fork()
        if child == 0:
            os.close(done)
            os.read(ready, 1)
            os._exit(0)
    with NodeLock(lock.path).held(0.0):
        pass
    os.close(done)
    os.close(ready)
    os.waitpid(child, 0)
