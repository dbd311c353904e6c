"""The host's side is killed at each step; asked again, nothing is done twice, and what is answered is true."""

from __future__ import annotations

import json
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from gitfleet.onhost.acting import after_acts
from gitfleet.onhost.acting.act_request import act_request, identity_row
from gitfleet.onhost.records import PAUSE, TERMINATE
from tests.onhost.acting.living import (
    OID,
    PLAN,
    SESSION,
    Living,
    do,
    has_heard,
    identity,
    state_of,
    until,
)
from tests.workbench import ROOT, run

COUNTS = """
import signal, sys, time
def heard(number, frame):
    with open(sys.argv[1], 'ab') as file:
        file.write(b't')
signal.signal(signal.SIGTERM, heard)
print('ready')
while True:
    time.sleep(1000)
"""
OBEYS = COUNTS.replace("file.write(b't')", "file.write(b't')\n    sys.exit(0)")


def body(action: str, pid: int) -> dict[str, Any]:
    return {
        "plan": PLAN, "plan_oid": OID, "candidate_id": "c-0123456789ab", "action": action, "pgid": pid,
        "identities": [identity_row(identity(pid))], "options": {"grace": 0.3, "settle": 0.0, "sessions": {SESSION: "ended"}},
    }  # fmt: skip


def die(folder: Path, request: dict[str, Any], number: int, *heard: Path) -> int:
    actor = ("-m", "tests.onhost.acting.dying_actor", str(folder), json.dumps(request), str(number))
    return run([sys.executable, *actor, *heard], ROOT).returncode


@pytest.mark.sample(6)
@pytest.mark.parametrize("program", [COUNTS, OBEYS], ids=["ignores", "obeys"])
@pytest.mark.parametrize("number", [1, 2, 3, 4, 5, 6, 7])
def test_end_that_was_cut_short_is_not_repeated(
    living: Living, tmp_path: Path, program: str, number: int
) -> None:
    heard = tmp_path / "heard"
    child = living.python(program, str(heard))
    request = body(TERMINATE, child.pid)
    assert die(tmp_path / "journal", request, number, heard) in {0, -signal.SIGKILL}
    if program is OBEYS and heard.exists():
        while child.runs:
            time.sleep(0.005)
    said = do(act_request(request), tmp_path, until(lambda: has_heard(heard)))
    assert not heard.exists() or heard.read_bytes() == b"t"
    assert said["outcome"] in {"done", "survived"}
    assert (said["outcome"] == "done") == (state_of(child.pid) == "")
    if program is COUNTS and said["outcome"] == "done":
        assert heard.exists(), "it was killed without having been asked to end"


@pytest.mark.sample(2)
@pytest.mark.parametrize("number", [1, 2, 3, 4, 5])
def test_pause_that_was_cut_short_is_known_and_taken_back(
    living: Living, tmp_path: Path, number: int
) -> None:
    child = living.sleeper()
    request = body(PAUSE, child.pid)
    die(tmp_path / "journal", request, number)
    journal = str(tmp_path / "journal")
    if state_of(child.pid) == "T":
        (row,) = after_acts.verify_rows(journal)
        assert (row["now"], row["paused_until"] is not None) == ("paused", True)
    said = do(act_request(request), tmp_path)
    assert (said["outcome"] == "done") == (state_of(child.pid) == "T")
    after_acts.undo(journal, OID, [])
    assert state_of(child.pid) == "S"
