"""A node's lock that another process keeps: who it is is said, and a request that nobody took is taken back."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gitfleet.base.ids import ulid
from gitfleet.errors import LockHeld
from gitfleet.fleet.fleet import Fleet
from gitfleet.ledger.model import Operation, Status
from tests.fleetbench import Fleets
from tests.operations import raw
from tests.workbench import ROOT, Gitfleet

HOLDER = """
import os, signal, sys
from gitfleet.base.locks import NodeLock
sys.argv = ["gitfleet", "claim", "everything\\x1b[2J"]
lock = NodeLock(sys.argv[0] and os.environ["LOCK"])
assert lock.acquire()
for name in os.environ.get("TAKES", "").split():
    os.rename(name, name.replace("/new/", "/taken/"))
print("held", flush=True)
if os.environ.get("STOPS"):
    os.kill(os.getpid(), signal.SIGSTOP)
sys.stdin.read()
lock.release()
"""


@contextmanager
def holder(fleets: Fleets, *, stops: bool = False) -> Iterator[subprocess.Popen[bytes]]:
    """Another process that holds the lock of `ada`, until its standard input closes."""
    env = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "LOCK": str(fleets.state() / "lock"),
        "STOPS": "1" if stops else "",
    }
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER], env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout
    assert process.stdin
    try:
        assert process.stdout.readline() == b"held\n"
        if stops:
            os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)
        yield process
    finally:
        process.send_signal(signal.SIGCONT)
        process.stdin.close()
        process.stdout.close()
        process.wait()


def claim_operation(fleet: Fleet) -> Operation:
    body = {"paths": [{"pattern": "src/a.py", "claim": ulid(), "mode": "exclusive"}], "ttl": 600}
    return raw("claim.acquire", fleet.ledger.node.id, "ada-1", body, at=1)


@pytest.mark.skipif(
    not os.path.isdir("/proc/self"), reason="needs /proc, which tells whether a process is stopped"
)
def test_lock_held_by_a_stopped_process_is_said_while_waiting_and_at_the_end(fleets: Fleets) -> None:
    said: list[str] = []
    with (
        holder(fleets, stops=True) as process,
        Fleet.open(str(fleets.clone("ada")), announce=said.append) as fleet,
    ):
        with pytest.raises(LockHeld, match="stopped") as caught:
            fleet.ledger.submit([claim_operation(fleet)], timeout=2.2)
        assert len(said) == 1
        assert f"process {process.pid}, which is stopped" in said[0]
        assert f"process {process.pid}" in caught.value.holder
        assert "\x1b" not in caught.value.message + said[0]
        assert caught.value.exit_code == 20
        assert caught.value.lock == str(fleets.state() / "lock")
        assert "has this request" not in caught.value.message
    assert fleets.waiting() == []


def test_lock_held_too_long_takes_the_request_back_and_the_next_one_works(fleets: Fleets) -> None:
    with holder(fleets) as process, fleets.open() as fleet:
        operation = claim_operation(fleet)
        with pytest.raises(LockHeld, match=f"process {process.pid} "):
            fleet.ledger.submit([operation], timeout=0.1)
        assert fleets.waiting() == []
    with fleets.open() as fleet:
        assert fleet.ledger.submit([operation])[0].status is Status.CONFIRMED
    assert fleets.chain().holders("src/a.py") == ["ada-1"]


def test_lock_held_by_a_process_that_has_the_request_in_hand_says_that_it_may_still_happen(
    fleets: Fleets,
) -> None:
    with holder(fleets), fleets.open() as fleet:
        operation = claim_operation(fleet)
        taken = fleets.state() / "outbox/taken" / f"{operation.id}.json"

        def take(_: str) -> None:
            (fleets.state() / "outbox/new" / taken.name).rename(taken)

        fleet.ledger._announce = take
        with pytest.raises(LockHeld, match="has this request"):
            fleet.ledger.submit([operation], timeout=2.1)
    assert fleets.waiting() == [f"taken/{taken.name}"]
    with fleets.open() as fleet:
        fleet.ledger.sync()
    assert operation.id in fleets.chain().operations


def test_lock_of_a_process_that_was_killed_is_free_at_once(fleets: Fleets) -> None:
    with holder(fleets) as process:
        process.kill()
        process.wait()
        assert (fleets.state() / "lock.holder").exists()
        assert fleets.claim("ada", "ada-1", "src/a.py").status is Status.CONFIRMED
    assert not (fleets.state() / "lock.holder").exists()


def test_command_line_that_waits_for_the_lock_goes_on_when_it_is_free(
    fleets: Fleets, gitfleet: Gitfleet
) -> None:
    with holder(fleets) as process:
        argv = gitfleet.argv("claim", "src/a.py", "--session", "ada-1")
        env = {**os.environ, **gitfleet.environment()}
        waiter = subprocess.Popen(
            argv, cwd=fleets.clone("ada"), env=env, stderr=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert waiter.stderr
        said = waiter.stderr.readline()
        assert f"held by process {process.pid}".encode() in said
    out, rest = waiter.communicate()
    assert (waiter.returncode, rest) == (0, b"warning: no such path yet: src/a.py\n")
    assert b"claimed: src/a.py" in out


@pytest.mark.parametrize("note", [b"", b"{}", b"\xff", b'{"pid": "x", "since": 1, "command": "c"}', b"[1]"])
def test_lock_whose_note_cannot_be_read_is_held_by_somebody_without_a_note(
    fleets: Fleets, note: bytes
) -> None:
    with holder(fleets):
        Path(f"{fleets.state() / 'lock'}.holder").write_bytes(note)
        with pytest.raises(LockHeld, match="left no note"), fleets.open() as fleet:
            fleet.ledger.submit([claim_operation(fleet)], timeout=0.05)
