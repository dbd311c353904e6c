"""The time limits as rules, and the end record on a disk that takes nothing."""

from __future__ import annotations

import select
import shutil
import sys
from pathlib import Path

import pytest

from gitfleet.base import watching
from gitfleet.jobs.shepherd import control, endings, records
from gitfleet.jobs.shepherd.limits import HANDSHAKE, Deadlines
from gitfleet.jobs.shepherd.records import AttemptLimits
from tests.jobs.shepherd.agents import SAY, SLEEP, ended, heard, python, runs, said, spec, stream
from tests.workbench import PATIENCE, ROOT, run

ALL = AttemptLimits(wall=100_000, idle=10_000, after_result=5_000)


def test_first_limit_is_the_one_that_is_reached_next() -> None:
    limits = Deadlines(ALL, 0)
    assert limits.next() == (10, "idle")
    limits.heard(95)
    assert limits.next() == (100, "wall")


def test_idle_limit_stops_while_a_person_is_waited_for_and_begins_anew_afterwards() -> None:
    limits = Deadlines(ALL, 0)
    limits.told(1, waiting=True, finished=False)
    assert limits.next() == (100, "wall")
    limits.told(50, waiting=False, finished=False)
    assert limits.next() == (60, "idle")


def test_limit_after_the_result_counts_from_the_result_and_ends_when_the_agent_goes_on() -> None:
    limits = Deadlines(ALL, 0)
    limits.heard(1)
    limits.told(1, waiting=False, finished=True)
    limits.heard(4)
    limits.told(4, waiting=False, finished=True)
    assert limits.next() == (6, "after_result")
    limits.told(5, waiting=False, finished=False)
    assert limits.next() == (14, "idle")


def test_silence_in_a_step_of_a_handshake_has_a_limit_of_its_own() -> None:
    limits = Deadlines(AttemptLimits(wall=1_000_000), 0)
    limits.told(0, waiting=False, finished=False, awaits="initialize")
    assert limits.next() == (HANDSHAKE, "handshake")
    limits.told(10, waiting=False, finished=False, awaits="initialize")
    assert limits.next() == (HANDSHAKE, "handshake")
    limits.heard(20)
    assert limits.next() == (20 + HANDSHAKE, "handshake")
    limits.told(30, waiting=False, finished=False, awaits="session/new")
    assert limits.next() == (30 + HANDSHAKE, "handshake")
    limits.told(40, waiting=False, finished=False)
    assert limits.next() == (1000, "wall")


def test_attempt_without_limits_has_none() -> None:
    assert Deadlines(AttemptLimits(after_result=None), 0).next() is None


def test_agent_that_waits_for_a_person_shows_it(tmp_path: Path) -> None:
    asks = """print('{"type": "needs_input", "text": "may I?"}', flush=True)"""
    made = spec(*python(asks, SLEEP), limits=AttemptLimits(idle=10**9))
    shepherd = control.start(str(tmp_path), made)
    heard(tmp_path, b'{"type"')
    line = next(line for line in stream(tmp_path) if line.type == "needs_input")
    assert line.event == {"text": "may I?"}
    with watching.Bell() as bell:  # how a manager hears of it
        bell.arm([str(tmp_path)])
        while (state := control.state(str(tmp_path))) is None or state.phase != "needs_input":
            assert bell.wait(PATIENCE)
    shepherd.stop()
    ended(tmp_path, shepherd)


def test_end_record_that_cannot_be_written_is_tried_again(tmp_path: Path) -> None:
    (tmp_path / records.END).mkdir()
    endings.reserve(str(tmp_path))
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            (tmp_path / records.END).rmdir()

    assert endings.write(str(tmp_path), endings.never_ran("cancelled", "x" * 5000), wait=wait)
    assert len(waits) == 3
    end = control.end(str(tmp_path))
    assert end is not None
    assert (end.why, len(end.error)) == ("cancelled", 1000)
    assert not (tmp_path / records.RESERVE).exists()


def test_end_record_that_can_never_be_written_leaves_the_attempt_interrupted(tmp_path: Path) -> None:
    (tmp_path / records.END).mkdir()
    assert (
        endings.write(str(tmp_path), endings.never_ran("cancelled", ""), wait=lambda seconds: None) is False
    )


def test_disk_that_takes_no_more_leaves_a_gap_and_the_agent_alone(tmp_path: Path) -> None:
    script = """
import resource, sys
from tests.jobs.shepherd.agents import *
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))  # more than any module of the shepherd takes when it is compiled
many = "for number in range(4000): print('line', number)"
end = ended(Path(sys.argv[1]), control.start(sys.argv[1], spec(*python(many, "raise SystemExit(5)"))))
print(end.code, end.gaps, end.lines)
"""
    done = run([sys.executable, "-P", "-c", script, tmp_path], ROOT, env={"PYTHONPATH": str(ROOT)}).ok()
    code, gaps, lines = map(int, done.stdout.split())
    assert (code, gaps) == (5, 1)
    assert 0 < lines < 4000
    assert len(said(tmp_path, "stdout")) in range(lines - 2, lines + 1)


def test_attempt_whose_folder_is_taken_away_is_ended_at_once(tmp_path: Path) -> None:
    folder, talks = tmp_path / "attempt", "import time\nwhile True: print('on', flush=True); time.sleep(0.1)"
    folder.mkdir()
    shepherd = control.start(str(folder), spec(*python(SAY, talks)))
    pid = int(heard(folder, b"ready")[0][1])
    poll = select.poll()
    poll.register(shepherd.fileno(), select.POLLIN)
    shutil.rmtree(folder)
    assert poll.poll(PATIENCE * 1000)
    assert not runs(pid)
    assert not endings.write(
        str(folder), endings.never_ran("cancelled", ""), wait=lambda _: pytest.fail("it waits")
    )
    shepherd.close()
