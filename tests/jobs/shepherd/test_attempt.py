"""A whole attempt, with real processes: how it starts, what it keeps, how it ends."""

from __future__ import annotations

import json
import os
from pathlib import Path
from random import Random

import pytest

from gitfleet.jobs.shepherd import control, records
from gitfleet.jobs.shepherd.records import AttemptLimits, Spec
from tests.jobs.shepherd.agents import (
    DEAF,
    FORK,
    HIDE,
    MARK,
    SAY,
    SLEEP,
    ended,
    heard,
    python,
    ran,
    runs,
    said,
    spec,
    stream,
)

CAPTURES = Path(__file__).parent.parent / "captures"


def test_attempt_that_ends_by_itself_keeps_its_output_and_its_exit_code(tmp_path: Path) -> None:
    end = ran(tmp_path, spec("sh", "-c", "cat; echo words >&2; exit 3", stdin="one\ntwo"))
    assert (end.why, end.outcome, end.code, end.signal) == ("exited", "failed", 3, None)
    assert said(tmp_path, "stdout") == [b"one", b"two"]
    assert [line.cut for line in stream(tmp_path) if line.source == "stdout"] == [False, True]
    assert said(tmp_path, "stderr") == [b"words"]
    assert end.started <= end.ended <= end.gone
    assert end.result is not None
    assert not control.alive(str(tmp_path))
    assert [line.type for line in stream(tmp_path) if line.source == "system"] == ["started", "ended"]


def test_agent_leads_a_session_of_its_own_with_closed_input_and_the_given_environment_only(
    tmp_path: Path,
) -> None:
    script = "import os, sys; print(os.getpid() == os.getsid(0) == os.getpgid(0), sys.stdin.read() == '', sorted(os.environ))"
    ran(tmp_path, spec(*python(script), env={"ONE": "1"}))
    names = ["GITFLEET_SESSION", "LC_CTYPE", "ONE", "PATH"]  # Python's own is among them
    assert said(tmp_path, "stdout")[0].decode() in {
        f"True True {[name for name in names if name not in left]}" for left in ([], ["LC_CTYPE"])
    }


def test_agent_has_none_of_the_shepherds_files_open(tmp_path: Path) -> None:
    ran(tmp_path, spec(*python("import os; print(sorted(os.listdir('/proc/self/fd'))[:-1])")))
    assert said(tmp_path, "stdout") == [b"['0', '1', '2']"]


def test_input_of_any_size_is_read_while_output_comes(tmp_path: Path) -> None:
    data = "é" * 3_000_000
    end = ran(tmp_path, spec("sh", "-c", "tee /dev/stderr | wc -c", stdin=data))
    assert end.code == 0
    assert said(tmp_path, "stdout") == [b"6000000"]
    assert sum(map(len, said(tmp_path, "stderr"))) == 6_000_000


def test_input_that_nobody_reads_is_no_error(tmp_path: Path) -> None:
    assert ran(tmp_path, spec("true", stdin="x" * 1_000_000)).code == 0


@pytest.mark.parametrize(
    ("made", "word"),
    [
        (spec("no-such-agent"), "no-such-agent"),
        (spec("/etc/passwd"), "/etc/passwd"),
        (spec("./none"), "./none"),
        (spec("true", cwd="/no/such/place"), "/no/such/place"),
    ],
)
def test_attempt_that_cannot_be_started_says_why(tmp_path: Path, made: Spec, word: str) -> None:
    end = ran(tmp_path, made)
    assert (end.why, end.outcome, end.code, end.signal) == ("start_failed", "failed", None, None)
    assert word in end.error


def test_program_that_the_system_cannot_run_is_a_failed_start(tmp_path: Path) -> None:
    (tmp_path / "agent").write_bytes(b"\x7fELF is none")
    (tmp_path / "agent").chmod(0o755)
    end = ran(tmp_path / "attempt", spec(str(tmp_path / "agent")))
    assert (end.why, "could not be started" in end.error) == ("start_failed", True)


def test_values_of_the_environment_are_in_no_file_afterwards(tmp_path: Path) -> None:
    end = ran(tmp_path, spec("sh", "-c", "test $SECRET = $(echo xyzzy7 | tr 7 8)", env={"SECRET": "xyzzy8"}))
    assert end.code == 0
    for path in tmp_path.iterdir():
        assert b"xyzzy8" not in path.read_bytes(), path
        assert path.stat().st_mode & 0o077 == 0, path
    assert "SECRET" in json.loads((tmp_path / records.SPEC).read_bytes())["env"]


def test_attempt_in_a_folder_that_has_had_one_is_refused(tmp_path: Path) -> None:
    shepherd = control.start(str(tmp_path), spec(*python(SAY, SLEEP)))
    heard(tmp_path, b"ready")
    with pytest.raises(control.AttemptTaken):
        control.start(str(tmp_path), spec("true"))
    shepherd.stop()
    ended(tmp_path, shepherd)
    with pytest.raises(control.AttemptTaken):
        control.start(str(tmp_path), spec("true"))


@pytest.mark.parametrize("unread", [b"{}", b"no json", b'{"argv":[],"cwd":"/","env":{}}'])
def test_spec_that_is_none_ends_at_once(tmp_path: Path, unread: bytes) -> None:
    (tmp_path / records.SPEC).write_bytes(unread)
    from gitfleet.base import processes
    from gitfleet.jobs.shepherd import run

    argv = [*python()[:1], "-I", "-S", str(run.__file__), str(tmp_path)]
    assert processes.run(argv, cwd=None, env={}).code == 0
    end = control.end(str(tmp_path))
    assert end is not None
    assert "spec could not be read" in end.error


def test_attempt_is_over_with_its_process_whatever_a_grandchild_holds(tmp_path: Path) -> None:
    end = ran(tmp_path, spec(*python(FORK, f"if not child:\n {SAY}\n {SLEEP}", "os.read(0, 1); os._exit(7)")))
    assert (end.why, end.code, end.leftovers, end.killed) == ("exited", 7, 1, False)
    assert end.escaped == ()
    assert not any(runs(int(line.split()[1])) for line in said(tmp_path, "stdout"))


def test_output_of_leftovers_until_their_end_is_kept(tmp_path: Path) -> None:
    late = "import signal, sys\ndef bye(*_):\n print('late words', flush=True); sys.exit()\nsignal.signal(signal.SIGTERM, bye)"
    waits = "print('ready', flush=True); os.write(w, b'x'); signal.pause()"
    agent = python(
        "import os; r, w = os.pipe()", FORK, f"if not child:\n exec({late!r}); {waits}", "os.read(r, 1)"
    )
    end = ran(tmp_path, spec(*agent))
    assert end.leftovers == 1
    assert b"late words" in said(tmp_path, "stdout")


def test_stop_with_children_that_are_deaf_kills_all_of_them(tmp_path: Path) -> None:
    agent = python(DEAF, FORK, "import os; os.fork()", SAY, SLEEP)
    shepherd = control.start(str(tmp_path), spec(*agent, limits=AttemptLimits(grace=50)))
    pids = [int(words[1]) for words in heard(tmp_path, b"ready", 4)]
    assert shepherd.stop()
    end = ended(tmp_path, shepherd)
    assert (end.why, end.outcome, end.signal, end.killed) == ("cancelled", "cancelled", 9, True)
    assert not any(map(runs, pids))
    assert end.left == ()


def test_stop_of_an_agent_that_obeys_lets_it_end_in_order(tmp_path: Path) -> None:
    agent = python(
        "import signal, sys; signal.signal(signal.SIGTERM, lambda *_: sys.exit(print('bye')))", SAY, SLEEP
    )
    shepherd = control.start(str(tmp_path), spec(*agent))
    heard(tmp_path, b"ready")
    shepherd.stop(why="budget")
    end = ended(tmp_path, shepherd)
    assert (end.why, end.outcome, end.code, end.killed) == ("budget", "budget", 0, False)
    assert said(tmp_path, "stdout")[-1] == b"bye"


def test_stop_that_is_hurried_up_kills_at_once(tmp_path: Path) -> None:
    shepherd = control.start(
        str(tmp_path), spec(*python(DEAF, SAY, SLEEP), limits=AttemptLimits(grace=10**9))
    )
    heard(tmp_path, b"ready")
    shepherd.stop()
    heard(tmp_path, b"it is stopped")
    shepherd.stop(grace=0)
    assert ended(tmp_path, shepherd).killed


def test_stopped_process_gets_its_term(tmp_path: Path) -> None:
    agent = python(SAY, "import signal; os.kill(0, signal.SIGSTOP)", SLEEP)
    shepherd = control.start(str(tmp_path), spec(*agent, limits=AttemptLimits(grace=10**9)))
    heard(tmp_path, b"ready")
    shepherd.stop()
    assert ended(tmp_path, shepherd).signal == 15


STOPS_ITS_SHEPHERD = "import os, signal; os.kill(os.getppid(), signal.SIGSTOP)"


def test_shepherd_that_its_agent_has_stopped_hears_of_a_cancel(tmp_path: Path) -> None:
    shepherd = control.start(str(tmp_path), spec(*python(SAY, STOPS_ITS_SHEPHERD, SLEEP)))
    os.waitid(os.P_PID, shepherd.pid, os.WSTOPPED)
    assert shepherd.stop()
    assert ended(tmp_path, shepherd).outcome == "cancelled"


def test_shepherd_that_its_agent_has_stopped_goes_on_once_it_is_woken(tmp_path: Path) -> None:
    shepherd = control.start(str(tmp_path), spec(*python(STOPS_ITS_SHEPHERD, SLEEP)))
    os.waitid(os.P_PID, shepherd.pid, os.WSTOPPED)
    control.wake(str(tmp_path))
    os.waitid(os.P_PID, shepherd.pid, os.WCONTINUED)
    shepherd.stop()
    ended(tmp_path, shepherd)
    control.wake(str(tmp_path))


def test_what_has_left_the_session_is_found_by_its_mark_and_ended(tmp_path: Path) -> None:
    shepherd = control.start(str(tmp_path), spec(*python(HIDE, SAY, SLEEP)))
    (words,) = heard(tmp_path, b"ready")
    pid = int(words[1])
    assert runs(pid)
    shepherd.stop()
    end = ended(tmp_path, shepherd)
    assert [one.pid for one in end.escaped if one.ended] == [pid]
    assert not runs(pid)


@pytest.mark.parametrize("marker", [MARK, ""], ids=["marked", "unmarked"])
def test_what_has_left_the_session_is_reported_where_it_is_not_to_be_ended(
    tmp_path: Path, marker: str
) -> None:
    made = spec(*python(HIDE, SAY, SLEEP), marker=marker, ends_escaped=False)
    shepherd = control.start(str(tmp_path), made)
    (words,) = heard(tmp_path, b"ready")
    pid = int(words[1])
    shepherd.stop()
    end = ended(tmp_path, shepherd)
    assert [(one.pid, one.ended) for one in end.escaped] == [(pid, False)]
    assert runs(pid)
    os.kill(pid, 9)


def test_process_group_of_a_job_within_the_session_is_ended_with_it(tmp_path: Path) -> None:
    agent = python(FORK, "if not child: os.setpgid(0, 0)", DEAF, SAY, SLEEP)
    shepherd = control.start(str(tmp_path), spec(*agent, marker="", limits=AttemptLimits(grace=50)))
    pids = [int(words[1]) for words in heard(tmp_path, b"ready", 2)]
    shepherd.stop()
    assert ended(tmp_path, shepherd).escaped == ()
    assert not any(map(runs, pids))


@pytest.mark.parametrize(
    ("limits", "why", "outcome"),
    [
        (AttemptLimits(wall=1, grace=0), "wall", "timeout"),
        (AttemptLimits(idle=1, grace=0), "idle", "stalled"),
    ],
)
def test_limit_that_is_reached_ends_the_attempt(
    tmp_path: Path, limits: AttemptLimits, why: str, outcome: str
) -> None:
    end = ran(tmp_path, spec(*python(SLEEP), limits=limits))
    assert (end.why, end.outcome) == (why, outcome)
    assert end.signal in {9, 15}


def test_agent_that_hangs_after_its_result_is_judged_by_it(tmp_path: Path) -> None:
    script = f"cat {CAPTURES}/claude-success.jsonl; exec sleep 10000"
    end = ran(tmp_path, spec("sh", "-c", script, adapter="claude", limits=AttemptLimits(after_result=1)))
    assert (end.why, end.outcome, end.signal) == ("after_result", "success", 15)
    assert end.result is not None
    assert end.result.text == "Both are done."


def test_agent_killed_by_somebody_else_has_failed(tmp_path: Path) -> None:
    end = ran(tmp_path, spec("sh", "-c", "kill -9 $$"))
    assert (end.why, end.outcome, end.code, end.signal) == ("exited", "failed", None, 9)


@pytest.mark.parametrize(
    ("name", "session"), [("claude-success", "8ba28cc0"), ("codex-success", "01a22838-5dab")]
)
@pytest.mark.parametrize("seed", [1, 2])
def test_client_that_writes_in_pieces_with_stderr_between_is_understood(
    tmp_path: Path, name: str, session: str, seed: int
) -> None:
    script = f"""
import os, random
random.seed({seed})
data = open({str(CAPTURES / f"{name}.jsonl")!r}, "rb").read().rstrip(b"\\n")
while data:
    size = random.choice([1, 7, 4096, 70000])
    os.write(2, b"warn ing\\r\\n" * (size == 7))
    data = data[os.write(1, data[:size]):]
"""
    end = ran(tmp_path, spec(*python(script), adapter=name.partition("-")[0]))
    assert end.outcome == "success"
    assert end.result is not None
    assert end.result.session_id.startswith(session)
    raw = b"\n".join(line.raw for line in stream(tmp_path) if line.source == "json")
    assert raw == (CAPTURES / f"{name}.jsonl").read_bytes().rstrip(b"\n")
    assert set(said(tmp_path, "stderr")) <= {b"warn ing\r"}
    state = control.state(str(tmp_path))
    assert state is not None
    assert state.session_id.startswith(session)


def test_bytes_of_any_kind_come_back_as_they_were(tmp_path: Path) -> None:
    data = Random(5).randbytes(300_000)
    (tmp_path / "data").write_bytes(data)
    ran(tmp_path / "attempt", spec("cat", str(tmp_path / "data")))
    lines = [line for line in stream(tmp_path / "attempt") if line.source == "stdout"]
    assert b"".join(line.raw + b"\n" * (not line.cut) for line in lines) == data


def test_line_of_64_mib_comes_back_whole(tmp_path: Path) -> None:
    ran(tmp_path, spec(*python("import sys; sys.stdout.write('x' * (64 << 20)); print(); print('after')")))
    first, second = said(tmp_path, "stdout")
    assert (len(first), second) == (64 << 20, b"after")
