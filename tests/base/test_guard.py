"""A program whose guard ends all that it leaves: real processes, told apart by the pipe that they hold open.

A pipe is read to its end to see that nobody is left: whoever holds the other side has ended then.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from gitfleet.base import resources
from tests.workbench import PATIENCE

linux = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere no process is told of its orphans")


class Guarded:
    """One program under a guard. `held` is a pipe of which it has the other end, as file 3."""

    def __init__(self, folder: Path, script: str, **more: Any) -> None:
        self.log = folder / "log"
        self._held, theirs = os.pipe()
        os.set_inheritable(theirs, True)
        spec: Mapping[str, Any] = {
            "argv": ["sh", "-c", script], "cwd": str(folder), "env": {"PATH": os.environ["PATH"]}, "log": str(self.log),
            "log_limit": 10_000, "limit": 0, "grace": 0.2, "tail": 5, "folders": [str(folder)], **more,
        }  # fmt: skip
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-S", resources.program("base/guard.py")], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, cwd=folder, pass_fds=[theirs],
        )  # fmt: skip
        os.close(theirs)
        assert self.process.stdin
        self.process.stdin.write(json.dumps(spec).encode() + b"\n")
        self.process.stdin.flush()

    def end(self) -> dict[str, Any]:
        assert self.process.stdout
        told = [json.loads(line) for line in self.process.stdout]
        assert self.process.wait(PATIENCE) == 0
        return dict(told[-1]["end"])

    def started(self) -> int:
        assert self.process.stdout
        return int(json.loads(self.process.stdout.readline())["pid"])

    def nobody_left(self) -> bool:
        """Whether the other end of the pipe gets closed by everybody who had it."""
        return bool(select.select([self._held], [], [], PATIENCE)[0]) and os.read(self._held, 1) == b""

    def close(self) -> None:
        self.process.kill()
        self.process.wait(PATIENCE)
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe:
                pipe.close()
        os.close(self._held)


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Any]:
    made: list[Guarded] = []

    def start(script: str, **more: Any) -> Guarded:
        made.append(Guarded(tmp_path, script, **more))
        return made[-1]

    yield start
    for one in made:
        one.close()


def test_program_that_ends_is_told_with_its_code_and_its_output(guarded: Any) -> None:
    one = guarded("echo out; echo err >&2; exit 7")
    end = one.end()
    assert (end["code"], end["why"], end["left"], end["tail"]) == (7, "", 0, ["out", "err"])
    assert one.log.read_text() == "out\nerr\n"


def test_program_that_is_killed_is_told_with_its_signal(guarded: Any) -> None:
    assert guarded("kill -SEGV $$").end()["code"] == -signal.SIGSEGV


@pytest.mark.parametrize(
    ("argv", "number"),
    [(["no-such-program"], 2), (["./nothing"], 2), (["./plain"], 13), (["./astray"], 2), (["./bare"], 8)],
)
def test_program_that_cannot_be_started_is_told_with_the_reason(
    guarded: Any, tmp_path: Path, argv: list[str], number: int
) -> None:
    for name, text, mode in [
        ("plain", "x", 0o600),
        ("astray", "#!/no/such\n", 0o700),
        ("bare", "exit 0\n", 0o700),
    ]:
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(mode)
    end = guarded("", argv=argv).end()
    assert (end["why"], end["errno"], end["code"]) == ("start", number, None)


LEAVES = {
    "a child": "sleep 600 & exit 3",
    "a child in a session of its own": "setsid sleep 600 & exit 3",
    "a daemon": "(setsid sh -c 'sleep 600 & exit' &) ; exit 3",
    "one that hears no signal": "(trap '' TERM HUP; setsid sh -c 'trap \"\" TERM; sleep 600; sleep 600' &) ; exit 3",
    "one with another environment": "env -i setsid /bin/sh -c '/bin/sleep 600; :' & exit 3",
    "one that is stopped": "setsid sh -c 'kill -STOP $$' & exit 3",
}


@pytest.mark.sample(2)
@linux
@pytest.mark.parametrize("script", LEAVES.values(), ids=LEAVES.keys())
def test_what_a_program_leaves_behind_is_ended(guarded: Any, script: str) -> None:
    one = guarded(f"{script}")
    end = one.end()
    assert end["code"] == 3
    assert end["stubborn"] == 0
    assert one.nobody_left()


@linux
def test_program_that_hangs_is_ended_at_its_limit_with_all_it_has_started(guarded: Any) -> None:
    script = "trap '' TERM; echo begun; (setsid sleep 600 &) ; while :; do sleep 600; done"
    one = guarded(script, limit=0.5)
    end = one.end()
    if not end["tail"]:  # a busy machine: its time was over before it had begun
        assert (end["why"], one.nobody_left()) == ("limit", True)
        one = guarded(script, limit=30)
        end = one.end()
    assert (end["why"], end["tail"]) == ("limit", ["begun"])
    assert one.nobody_left()


@linux
@pytest.mark.parametrize("how", ["pipe closes", "word", "signal"])
def test_program_is_ended_when_its_maker_wants_it_no_more(guarded: Any, how: str) -> None:
    one = guarded("(setsid sleep 600 &) ; sleep 600")
    one.started()
    if how == "signal":
        one.process.send_signal(signal.SIGTERM)
    elif how == "word":
        one.process.stdin.write(b"stop\n")
        one.process.stdin.flush()
    else:
        one.process.stdin.close()
    assert one.end()["why"] == "stop"
    assert one.nobody_left()


@linux
def test_program_ends_with_its_guard_that_is_killed(guarded: Any) -> None:
    one = guarded("sleep 600; :", argv=["sleep", "600"])
    one.started()
    one.process.kill()
    assert one.nobody_left()


def test_output_that_floods_is_cut_in_the_middle_and_the_end_is_kept(guarded: Any) -> None:
    one = guarded("echo first; yes | head -c 5000000; echo last", log_limit=2_000)
    assert one.end()["tail"][-1] == "last"
    text = one.log.read_text()
    assert text.startswith("first\ny\n")
    assert text.endswith("y\nlast\n")
    assert "\n[gitfleet left out 4998011 bytes here]\n" in text
    assert len(text) < 2_100


def test_line_without_end_is_bounded(guarded: Any) -> None:
    one = guarded("head -c 3000000 /dev/zero | tr '\\0' x", log_limit=2_000)
    assert sum(map(len, one.end()["tail"])) <= 64 * 1024


def test_program_that_closes_its_output_is_waited_for(guarded: Any) -> None:
    end = guarded("exec >&- 2>&-; sleep 0.2; exit 5").end()
    assert end["code"] == 5


def test_log_that_finds_no_room_is_told_and_the_program_goes_on(guarded: Any, tmp_path: Path) -> None:
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        one = guarded("head -c 4000 /dev/zero; exit 4")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    end = one.end()
    assert (end["code"], end["full"]) == (4, True)
    assert one.log.stat().st_size <= 1000
