"""A whole attempt, with real processes: how it starts, what it keeps, how it ends."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from gitfleet.jobs.shepherd import control, records
from gitfleet.jobs.shepherd.records import EndRecord, Spec
from gitfleet.jobs.streams import reader
from tests.workbench import PATIENCE

PYTHON = os.path.realpath(sys.executable)


def spec(*argv: str, **more: Any) -> Spec:
    env = {"PATH": os.environ["PATH"], **more.pop("env", {})}
    return Spec(argv=argv, cwd=more.pop("cwd", "/"), env=env, **more)


def ran(folder: Path, made: Spec) -> EndRecord:
    folder.mkdir(exist_ok=True)
    end = control.start(str(folder), made).wait(PATIENCE)
    assert end is not None, (folder / "shepherd.log").read_text()
    return end


def said(folder: Path, source: str) -> list[bytes]:
    lines = reader.read(str(folder / records.STREAM))
    return [line.raw for line in lines if line.source == source]


def test_attempt_that_ends_by_itself_keeps_its_output_and_its_exit_code(tmp_path: Path) -> None:
    end = ran(tmp_path, spec("sh", "-c", "cat; echo words >&2; exit 3", stdin="one\ntwo"))
    assert (end.why, end.outcome, end.code, end.signal) == ("exited", "failed", 3, None)
    assert said(tmp_path, "stdout") == [b"one", b"two"]
    assert said(tmp_path, "stderr") == [b"words"]
    assert end.started <= end.ended <= end.gone
    assert not control.alive(str(tmp_path))


def test_attempt_of_a_program_that_is_not_there_says_which(tmp_path: Path) -> None:
    end = ran(tmp_path, spec("no-such-agent"))
    assert (end.why, end.outcome) == ("start_failed", "failed")
    assert "no-such-agent" in end.error
