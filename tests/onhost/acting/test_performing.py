"""Acting on real processes: who is ended, paused and slowed, who is refused, and what is answered when asked again."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import socket
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from gitfleet.onhost import facts
from gitfleet.onhost.acting import act_journal, after_acts, grip, sighting, slowing
from gitfleet.onhost.acting.act_journal import ActJournal, ActKey
from gitfleet.onhost.acting.muster import muster
from gitfleet.onhost.acting.performing import perform
from gitfleet.onhost.acting.work_order import ActInterrupted
from gitfleet.onhost.records import PAUSE, RENICE, TERMINATE, THROTTLE
from gitfleet.onhost.serving import OpRefused
from tests.onhost.acting.living import (
    OID,
    Left,
    Living,
    command_of,
    do,
    has_heard,
    identity,
    options,
    pause_between,
    request_of,
    state_of,
    until,
)

STUBBORN = "import signal,time; signal.signal(15, signal.SIG_IGN); print('ready'); time.sleep(1000)"
COUNTS = """
import os, signal, sys, time
def heard(number, frame):
    with open(sys.argv[1], 'ab') as file:
        file.write(b't')
signal.signal(signal.SIGTERM, heard)
print('ready')
while True:
    time.sleep(1000)
"""
NEST = """
import os, signal, subprocess, sys, time
child = subprocess.Popen([sys.executable, '-I', '-S', '-c', 'import time; time.sleep(1000)'])
print('ready')
time.sleep(1000)
"""


def group_of(pgid: int) -> list[int]:
    return sorted(one.pid for one in sighting.lines() if one.pgid == pgid)


def sleepers_of(pgid: int, number: int) -> list[int]:
    """The members of a group that have become `sleep`."""
    while len(found := [pid for pid in group_of(pgid) if command_of(pid) == "sleep"]) < number:
        time.sleep(0.005)
    return found


def test_terminate_of_a_group_ends_all_of_it(living: Living, tmp_path: Path) -> None:
    shell = living.start("sh", "-c", "sleep 1000 & sleep 1000 & echo ready; wait", ready="ready")
    members = [shell.pid, *sleepers_of(shell.pid, 2)]
    said = do(request_of(TERMINATE, *members), tmp_path)
    assert (said["outcome"], said["left"]) == ("done", [])
    assert [state_of(pid) for pid in members] == ["", "", ""]


def test_terminate_whose_leader_has_ended_reaches_the_group(living: Living, tmp_path: Path) -> None:
    shell = living.start("sh", "-c", "sleep 1000 & echo ready; wait", ready="ready")
    sleepers_of(shell.pid, 1)
    os.kill(shell.pid, signal.SIGKILL)
    while shell.runs:
        time.sleep(0.005)
    (child,) = sleepers_of(shell.pid, 1)
    said = do(dataclasses.replace(request_of(TERMINATE, child), pgid=shell.pid), tmp_path)
    assert (said["outcome"], state_of(child)) == ("done", "")


def test_terminate_of_one_that_ignores_term_kills_it_after_the_grace(living: Living, tmp_path: Path) -> None:
    child = living.python(STUBBORN)
    said = do(request_of(TERMINATE, child.pid, options=options(grace=0.2, settle=0.0)), tmp_path)
    assert (said["outcome"], said["detail"]) == ("done", "ended by KILL")
    assert not child.runs


def test_terminate_without_kill_leaves_one_that_ignores_term(living: Living, tmp_path: Path) -> None:
    child = living.python(STUBBORN)
    said = do(request_of(TERMINATE, child.pid, options=options(grace=0.1, kill=False)), tmp_path)
    assert (said["outcome"], said["left"], state_of(child.pid)) == ("survived", [child.pid], "S")


def stop(child: Left) -> None:
    os.kill(child.pid, signal.SIGSTOP)
    while state_of(child.pid) != "T":
        time.sleep(0.005)


def test_terminate_of_a_paused_process_lets_it_hear(living: Living, tmp_path: Path) -> None:
    child = living.sleeper()
    stop(child)
    said = do(request_of(TERMINATE, child.pid, options=options(grace=60.0, settle=0.0)), tmp_path)
    assert (said["outcome"], said["detail"]) == ("done", "ended")


def test_child_that_was_born_since_the_scan_is_ended_with_its_group(living: Living, tmp_path: Path) -> None:
    parent = living.python(NEST)
    family = group_of(parent.pid)
    assert do(request_of(TERMINATE, parent.pid), tmp_path)["outcome"] == "done"
    assert [state_of(pid) for pid in family] == ["", ""]


@pytest.mark.parametrize("missing", ["groups by pidfd", "pidfd"])
def test_system_without_pidfds_is_reached_by_number(
    living: Living, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    if missing == "pidfd":
        monkeypatch.delattr(os, "pidfd_open")
    else:
        monkeypatch.setattr(grip, "_TO_GROUP", 1 << 20)
    parent = living.python(NEST)
    family = group_of(parent.pid)
    assert do(request_of(TERMINATE, parent.pid), tmp_path)["outcome"] == "done"
    assert [state_of(pid) for pid in family] == ["", ""]


def test_child_outside_of_the_group_is_ended_too_unless_the_scan_has_left_it_out(
    living: Living, tmp_path: Path
) -> None:
    parent = living.python(
        NEST.replace("time.sleep(1000)'])", "time.sleep(1000)'], start_new_session=True); print(child.pid)")
        .replace("print('ready')", "")
        .replace("child =", "print('ready'); child =")
    )
    child = int(parent.stdout.readline())
    seen = sighting.line(child)
    assert seen is not None
    request, folder = request_of(TERMINATE, parent.pid), str(tmp_path / "journal")
    assert muster(request.identities, request.pgid, {(child, seen.start)}).joined == ()
    assert perform(request, folder, pause_between)["outcome"] == "done"
    assert (state_of(parent.pid), state_of(child)) == ("", "")


@pytest.mark.parametrize(
    "pair", [os.pipe, lambda: [one.detach() for one in socket.socketpair()]], ids=["pipe", "socket"]
)
def test_asker_has_left_when_nobody_writes_any_more_whatever_is_left_to_read(
    pair: Callable[[], Sequence[int]],
) -> None:
    reader, writer = pair()
    gone = grip.asker_gone(reader)
    os.write(writer, b"a request\n")
    assert not gone(0)
    os.close(writer)
    assert gone(60.0)
    os.close(reader)


def test_zombie_counts_as_gone(living: Living, tmp_path: Path) -> None:
    parent = living.python("import os, time\np = os.fork()\nif p: print('ready'); print(p)\ntime.sleep(1000)")
    child = int(parent.stdout.readline())
    request = request_of(TERMINATE, child, group=False)
    os.kill(child, signal.SIGKILL)
    while state_of(child):
        time.sleep(0.005)
    assert do(request, tmp_path)["outcome"] == "gone-before"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"start": 1}, "another process has its number now"),
        ({"boot": "other"}, "the machine has been started anew"),
        ({"uid": 12345}, "it belongs to another user now"),
        ({"exe": (1, 2)}, "it runs another program now"),
        ({"exe": None}, "which program it runs cannot be read"),
        ({"mount_namespace": 1}, "it is in another namespace now"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_identity_that_is_not_the_one_planned_is_refused(
    living: Living, tmp_path: Path, change: dict[str, Any], words: str
) -> None:
    child = living.sleeper()
    other = dataclasses.replace(identity(child.pid), **change)
    said = do(dataclasses.replace(request_of(TERMINATE, child.pid), identities=(other,)), tmp_path)
    assert said["outcome"] == "refused-identity"
    assert words in said["detail"]
    assert child.runs


def test_process_that_has_become_another_program_is_refused(living: Living, tmp_path: Path) -> None:
    code = "import os, signal; signal.signal(10, lambda *_: os.execvp('sleep', ['sleep', '1000'])); print('ready')\nwhile True: signal.pause()"
    child = living.python(code)
    request = request_of(TERMINATE, child.pid)
    os.kill(child.pid, signal.SIGUSR1)
    while command_of(child.pid) != "sleep":
        time.sleep(0.005)
    said = do(request, tmp_path)
    assert said["outcome"] == "refused-identity"
    assert "runs another program" in said["detail"]
    assert child.runs


def test_same_request_answers_what_is_written(living: Living, tmp_path: Path) -> None:
    child = living.sleeper()
    request = request_of(TERMINATE, child.pid)
    first = do(request, tmp_path)
    again = do(request, tmp_path)
    assert (first["repeated"], again["repeated"]) == (False, True)
    assert {**again, "repeated": False} == first


def test_request_of_one_who_has_left_does_nothing(living: Living, tmp_path: Path) -> None:
    child = living.sleeper()
    with pytest.raises(ActInterrupted):
        do(request_of(TERMINATE, child.pid), tmp_path, lambda _: True)
    assert child.runs
    assert after_acts.journal_rows(str(tmp_path / "journal")) == []


def test_kill_is_not_sent_once_who_asked_has_left(living: Living, tmp_path: Path) -> None:
    heard = tmp_path / "heard"
    child = living.python(COUNTS, str(heard))
    request = request_of(TERMINATE, child.pid, options=options(grace=60.0, settle=0.0))
    with pytest.raises(ActInterrupted):
        do(request, tmp_path, lambda seconds: until(lambda: has_heard(heard))(seconds) or has_heard(heard))
    assert child.runs
    resumed = dataclasses.replace(request, options=options(grace=0.0, settle=0.0))
    assert do(resumed, tmp_path)["detail"] == "ended by KILL"
    assert heard.read_bytes() == b"t"


def test_what_is_done_here_for_another_plan_is_waited_for(living: Living, tmp_path: Path) -> None:
    child = living.sleeper()
    with (
        act_journal.alone(str(tmp_path / "other"), pause_between),
        pytest.raises(OpRefused, match="another plan"),
    ):
        do(request_of(TERMINATE, child.pid), tmp_path, lambda seconds: seconds > 0)
    assert (child.runs, after_acts.journal_rows(str(tmp_path / "journal"))) == (True, [])
    assert do(request_of(TERMINATE, child.pid), tmp_path)["outcome"] == "done"


def test_keeper_of_what_is_paused_keeps_no_other_plan_waiting(living: Living, tmp_path: Path) -> None:
    child, other = living.sleeper(), living.sleeper()
    assert do(request_of(PAUSE, child.pid), tmp_path)["outcome"] == "done"
    ends = until(lambda: not other.runs)

    def gone(seconds: float) -> bool:
        waits_for_its_turn = seconds > 0 and not after_acts.journal_rows(str(tmp_path / "other"))
        return waits_for_its_turn or ends(seconds)

    assert perform(request_of(TERMINATE, other.pid), str(tmp_path / "other"), gone)["outcome"] == "done"
    after_acts.undo(str(tmp_path / "journal"), OID, [])


def test_pause_stops_a_group_and_undo_lets_it_go_on(living: Living, tmp_path: Path) -> None:
    child = living.sleeper()
    said = do(request_of(PAUSE, child.pid), tmp_path)
    assert (said["outcome"], state_of(child.pid)) == ("done", "T")
    journal = str(tmp_path / "journal")
    (row,) = after_acts.verify_rows(journal)
    assert row["now"] == "paused"
    assert row["paused_until"] is not None
    assert row["paused_until"] > facts.now()
    (undone,) = after_acts.undo(journal, OID, [])
    assert (undone["undo"], undone["paused_until"], state_of(child.pid)) == ("undone", None, "S")
    (again,) = after_acts.undo(journal, OID, [])
    assert (again["undo"], again["detail"]) == ("undone", "it was undone before")


def test_pause_ends_by_itself_when_its_time_is_over(living: Living, tmp_path: Path) -> None:
    child = living.sleeper()
    said = do(request_of(PAUSE, child.pid, options=options(pause_for=0.1)), tmp_path)
    assert said["outcome"] == "done"
    while "continued" not in after_acts.verify_rows(str(tmp_path / "journal"))[0]["steps"]:
        time.sleep(0.02)
    assert state_of(child.pid) in {"S", "R"}


def test_pause_of_what_somebody_has_stopped_leaves_it_to_them(living: Living, tmp_path: Path) -> None:
    child = living.sleeper()
    stop(child)
    assert do(request_of(PAUSE, child.pid), tmp_path)["outcome"] == "skipped"
    after_acts.undo(str(tmp_path / "journal"), OID, [])
    assert state_of(child.pid) == "T"


def test_renice_is_seen_and_undone_where_that_is_possible(living: Living, tmp_path: Path) -> None:
    child = living.sleeper()
    before = os.getpriority(os.PRIO_PROCESS, child.pid)
    assert do(request_of(RENICE, child.pid), tmp_path)["outcome"] == "done"
    nices = (
        os.getpriority(os.PRIO_PROCESS, child.pid),
        Path(f"/proc/{child.pid}/autogroup").read_text().split()[-1],
    )
    assert nices in {(before, "10"), (10, "0")}
    (row,) = after_acts.undo(str(tmp_path / "journal"), OID, [])
    assert row["undo"] in {"undone", "cannot"}
    if row["undo"] == "undone":
        assert os.getpriority(os.PRIO_PROCESS, child.pid) == before
        assert Path(f"/proc/{child.pid}/autogroup").read_text().split()[-1] == "0"


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one core only")
def test_throttle_leaves_one_core_and_is_undone(living: Living, tmp_path: Path) -> None:
    child = living.sleeper()
    cores = os.sched_getaffinity(child.pid)
    assert do(request_of(THROTTLE, child.pid), tmp_path)["outcome"] == "done"
    assert len(os.sched_getaffinity(child.pid)) == 1
    (row,) = after_acts.undo(str(tmp_path / "journal"), OID, [])
    assert (row["undo"], os.sched_getaffinity(child.pid)) == ("undone", cores)


@pytest.fixture
def own_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A control group (v2) of the user's own, made of files: machines for tests have none with a cpu controller."""
    monkeypatch.setattr(slowing, "_CGROUPS", str(tmp_path / "cgroups"))
    monkeypatch.setattr(slowing, "_cgroup", lambda pid: "/user/run-1.scope")
    folder = tmp_path / "cgroups/user/run-1.scope"
    folder.mkdir(parents=True)
    (folder / "cpu.max").write_text("max 100000\n")
    return folder


def test_throttle_by_an_own_control_group_limits_it_and_is_undone(
    living: Living, tmp_path: Path, own_group: Path
) -> None:
    child = living.sleeper()
    cores = os.sched_getaffinity(child.pid)
    (own_group / "cgroup.procs").write_text(f"{child.pid}\n")
    assert do(request_of(THROTTLE, child.pid), tmp_path)["outcome"] == "done"
    share, period = map(int, (own_group / "cpu.max").read_text().split())
    assert 0 < share < period
    assert os.sched_getaffinity(child.pid) == cores
    (row,) = after_acts.undo(str(tmp_path / "journal"), OID, [])
    assert (row["undo"], (own_group / "cpu.max").read_text()) == ("undone", "max 100000")


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one core only")
@pytest.mark.parametrize("others", ["beside", "below", "unreadable"])
def test_throttle_leaves_a_control_group_alone_that_holds_others(
    living: Living, tmp_path: Path, own_group: Path, others: str
) -> None:
    child = living.sleeper()
    (own_group / "cgroup.procs").write_text(
        {"beside": f"{child.pid}\n1\n", "unreadable": "x\n"}.get(others, f"{child.pid}\n")
    )
    if others == "below":
        (own_group / "inner").mkdir()
    assert do(request_of(THROTTLE, child.pid), tmp_path)["detail"] == "one core for all"
    assert (own_group / "cpu.max").read_text() == "max 100000\n"


@pytest.mark.parametrize("limit", ["1000 100000", "", "odd"])
def test_throttle_never_raises_the_limit_of_a_control_group(
    living: Living, tmp_path: Path, own_group: Path, limit: str
) -> None:
    child = living.sleeper()
    (own_group / "cgroup.procs").write_text(f"{child.pid}\n")
    (own_group / "cpu.max").write_text(limit)
    assert do(request_of(THROTTLE, child.pid), tmp_path)["outcome"] == "skipped"
    assert (own_group / "cpu.max").read_text() == limit


def test_undo_of_an_end_says_that_it_cannot(living: Living, tmp_path: Path) -> None:
    child = living.sleeper()
    do(request_of(TERMINATE, child.pid), tmp_path)
    (row,) = after_acts.undo(str(tmp_path / "journal"), OID, [])
    assert (row["undo"], row["detail"]) == ("cannot", "what has ended cannot be taken back")


def test_copy_that_comes_up_afterwards_is_told(living: Living, tmp_path: Path) -> None:
    child = living.sleeper()
    started: list[object] = []

    def restart(seconds: float) -> bool:
        if not child.runs and not started:
            started.append(living.sleeper())
        time.sleep(seconds)
        return False

    said = do(request_of(TERMINATE, child.pid, options=options(settle=30.0)), tmp_path, restart)
    assert said["outcome"] == "done"
    assert said["respawned"] == [living.left[-1].pid]
    (row,) = after_acts.verify_rows(str(tmp_path / "journal"))
    assert (row["now"], row["respawned"]) == ("respawned", [living.left[-1].pid])


@pytest.mark.parametrize("line", [1, 2])
def test_step_that_cannot_be_written_down_is_not_taken(
    living: Living, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: int
) -> None:
    child, write, left = living.sleeper(), ActJournal.write, [line]

    def full(self: ActJournal, kind: str, key: ActKey, **more: Any) -> dict[str, Any]:
        left[0] -= 1
        if not left[0]:
            raise OSError("no space left on device")
        return write(self, kind, key, **more)

    monkeypatch.setattr(ActJournal, "write", full)
    with pytest.raises(OSError, match="no space"):
        do(request_of(TERMINATE, child.pid), tmp_path)
    assert child.runs


def test_journal_is_for_its_user_alone_and_survives_a_torn_line(living: Living, tmp_path: Path) -> None:
    child = living.sleeper()
    do(request_of(TERMINATE, child.pid), tmp_path)
    file = tmp_path / "journal/acts.jsonl"
    assert file.stat().st_mode & 0o777 == 0o600
    with file.open("ab") as torn:
        torn.write(b'{"kind": "intent", "plan_o')
    other = living.sleeper()
    assert do(request_of(TERMINATE, other.pid, number=2), tmp_path)["outcome"] == "done"
    assert len(after_acts.journal_rows(str(tmp_path / "journal"))) == 2
    assert json.loads(file.read_bytes().splitlines()[-1])["outcome"] == "done"
