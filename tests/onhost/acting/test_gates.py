"""Each gate with real processes: what they have open and locked, where they work, what they are, and what stands in front."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

from gitfleet.onhost.acting import reachable, sighting
from gitfleet.onhost.acting.gates import GateQuestion, closed, look_at_gates
from gitfleet.onhost.acting.muster import muster
from gitfleet.onhost.acting.written_files import (
    DATA,
    DATABASE,
    LOG,
    SCRATCH,
    UNLINKED,
    kind_of,
    written_files,
)
from gitfleet.onhost.records import PAUSE, RENICE, TERMINATE, THROTTLE, HostProcess
from tests.onhost.acting.living import SESSION, Left, Living, command_of, identity, options
from tests.workbench import Git

ROOT_ONLY = pytest.mark.skipif(
    os.getuid() != 0, reason="needs to become another user, or to make a namespace"
)


def seen(pid: int) -> HostProcess:
    found = sighting.look(pid)
    assert found is not None
    return found


def question(
    action: str, *pids: int, category: str = "dev-server", strangers: int = 0, **more: Any
) -> GateQuestion:
    return GateQuestion(
        tuple(map(seen, pids)), action, category, strangers=strangers, options=options(**more)
    )


def shut(action: str, *pids: int, category: str = "dev-server", **facts: Any) -> list[str]:
    """The gates that are closed for these processes, by name."""
    return [gate.name for gate in closed(look_at_gates(question(action, *pids, category=category, **facts)))]


def opener(living: Living, code: str) -> Left:
    """A process that has run `code` (with os, mmap, fcntl), and waits."""
    return living.python(f"import fcntl, mmap, os, time\n{code}\nprint('ready')\ntime.sleep(1000)")


@pytest.mark.sample(8)
@pytest.mark.parametrize(
    ("code", "wanted"),
    [
        ("f = open('data.bin', 'w')", ["open-files"]),
        ("f = open('data.bin', 'r+') if open('data.bin', 'w').close() else open('data.bin', 'r+')", ["open-files"]),
        ("open('data.bin', 'w').close(); f = open('data.bin')", []),
        ("open('data.bin', 'w').close(); f = os.open('data.bin', os.O_PATH)", []),
        ("f = open('x.log', 'a')", []),
        ("os.makedirs('node_modules/x'); f = open('node_modules/x/trace', 'w')", []),
        ("f = open('x.log', 'a'); os.unlink('x.log')", ["open-files"]),
        ("import tempfile; f = tempfile.TemporaryFile(dir='.'); os.dup2(f.fileno(), 2)", []),
        ("import tempfile; f = tempfile.TemporaryFile(dir='.')", ["open-files"]),
        ("f = os.memfd_create('x'); os.ftruncate(f, 10); m = mmap.mmap(f, 10)", []),
        ("f = os.open('m', os.O_RDWR | os.O_CREAT); os.ftruncate(f, 10); m = mmap.mmap(f, 10); os.close(f)", ["open-files"]),
        ("f = open('/dev/null', 'w'); p = os.pipe()", []),
        ("f = open('x.lock', 'w'); fcntl.flock(f, fcntl.LOCK_EX); os.rename('x.lock', 'x.log')", ["locks"]),
        ("f = open('x.log', 'w'); fcntl.lockf(f, fcntl.LOCK_EX)", ["locks"]),
        ("f = open('x.log', 'w+'); fcntl.lockf(f, fcntl.LOCK_SH)", []),
        ("f = open('a.db', 'w'); j = open('a.db-journal', 'w')", ["database"]),
        ("f = open('plain', 'w'); j = open('plain-wal', 'w')", ["database"]),
    ],
    ids=["write", "read-write", "read", "path-only", "log", "cache", "unlinked", "caught", "temporary", "memfd", "mapped", "device", "flock",
         "lockf", "shared-lock", "journal", "wal"],
)  # fmt: skip
def test_files_of_a_process_close_the_gate_where_something_could_be_lost(
    living: Living, code: str, wanted: list[str]
) -> None:
    assert shut(TERMINATE, opener(living, code).pid) == wanted


def test_output_into_one_file_is_a_log(living: Living) -> None:
    child = living.start("sleep", "1000", into=">output.txt 2>&1")
    assert written_files([child.pid]).count(LOG) == 1


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/home/ada/notes.txt", DATA),
        ("/home/ada/server.log", LOG),
        ("/home/ada/server.log.1", LOG),
        ("/var/log/x", LOG),
        ("/home/ada/catalog", DATA),
        ("/home/ada/app/.next/trace", SCRATCH),
        ("/home/ada/pg_wal/0001", DATABASE),
        ("/home/ada/data.mdb", DATABASE),
        ("/dev/shm/psm_1", ""),
        ("/dev/shm/work/data", DATA),
        ("/dev/pts/1", ""),
        ("/memfd:x (deleted)", ""),
        ("socket:[12]", ""),
        ("/run/user/1000/x", ""),
    ],
)
def test_kind_of_a_file_is_known_by_its_path(path: str, kind: str) -> None:
    assert kind_of(path, unlinked=False) == kind


def test_unlinked_file_is_the_gravest_kind() -> None:
    assert kind_of("/home/ada/server.log (deleted)", unlinked=True) == UNLINKED


@ROOT_ONLY
def test_files_that_cannot_be_read_are_unknown_and_close_the_gate(living: Living) -> None:
    child = opener(living, "")
    looker = os.fork()
    if not looker:
        os.setgroups([])
        os.setuid(65534)
        os._exit(written_files([child.pid]).unknown)
    assert os.waitstatus_to_exitcode(os.waitpid(looker, 0)[1]) == 1


def test_disk_that_does_not_answer_is_unknown_and_closes_the_gates(
    living: Living, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = opener(living, "f = open('x.log', 'w')")
    asked = question(TERMINATE, child.pid)
    monkeypatch.setattr(reachable, "silent", lambda: (str(living.folder),))
    states = {gate.name: gate.state for gate in closed(look_at_gates(asked))}
    assert (states["open-files"], states["git"]) == ("unknown", "unknown")


@pytest.mark.parametrize("name", ["MERGE_HEAD", "index.lock", "CHERRY_PICK_HEAD"])
def test_git_operation_under_way_where_it_works_closes_the_gate(
    living: Living, repository: Path, name: str
) -> None:
    child = living.start("sleep", "1000", cwd=repository / "src")
    assert shut(TERMINATE, child.pid) == []
    (repository / ".git" / name).touch()
    assert shut(TERMINATE, child.pid) == ["git"]
    assert shut(PAUSE, child.pid) == ["git"]


def test_git_operation_under_way_in_a_worktree_is_that_of_the_worktree(
    living: Living, repository: Path, git: Git
) -> None:
    git(repository, "worktree", "add", "-q", "../other")
    child = living.start("sleep", "1000", cwd=repository.parent / "other")
    (repository / ".git/MERGE_HEAD").touch()
    assert shut(TERMINATE, child.pid) == []
    (repository / ".git/packed-refs.lock").touch()
    assert shut(TERMINATE, child.pid) == ["git"]
    (repository / ".git/packed-refs.lock").unlink()
    (repository / ".git/worktrees/other/rebase-merge").mkdir()
    assert shut(TERMINATE, child.pid) == ["git"]


@pytest.mark.parametrize(
    ("category", "wanted"), [("editor", ["uncommitted"]), ("agent", ["uncommitted"]), ("dev-server", [])]
)
def test_uncommitted_work_closes_the_gate_for_what_writes_it(
    living: Living, repository: Path, category: str, wanted: list[str]
) -> None:
    child = living.start("sleep", "1000", cwd=repository)
    assert shut(TERMINATE, child.pid, category=category) == []
    (repository / "new.txt").write_text("new")
    assert shut(TERMINATE, child.pid, category=category) == wanted


def test_uncommitted_work_closes_the_gate_of_a_test_runner_while_it_is_fresh(
    living: Living, repository: Path
) -> None:
    child = living.start("sleep", "1000", cwd=repository)
    assert shut(TERMINATE, child.pid, category="test-runner") == []
    (repository / "snapshot.txt").write_text("new")
    assert shut(TERMINATE, child.pid, category="test-runner") == ["uncommitted"]


def test_folder_that_is_no_more_closes_no_gate(living: Living, tmp_path: Path) -> None:
    (tmp_path / "gone").mkdir()
    child = living.start("sleep", "1000", cwd=tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert shut(TERMINATE, child.pid, category="editor") == []


def test_ancestor_of_ours_is_never_touched() -> None:
    for action in (RENICE, THROTTLE, PAUSE, TERMINATE):
        assert "kept" in shut(action, os.getpid())
        assert "kept" in shut(action, os.getppid())


@pytest.mark.parametrize("name", ["tmux", "sshd", "gitfleet", "postgres"])
def test_program_that_others_live_by_is_not_touched(living: Living, name: str) -> None:
    child = living.start("bash", "-c", f"exec -a '{name}' sleep 1000")
    while command_of(child.pid) != name:
        time.sleep(0.005)
    assert "kept" in shut(RENICE, child.pid)
    assert "kept" in shut(TERMINATE, child.pid)


def test_git_at_work_is_not_ended(living: Living) -> None:
    child = living.start("bash", "-c", "exec -a git sleep 1000")
    while command_of(child.pid) != "git":
        time.sleep(0.005)
    assert shut(TERMINATE, child.pid) == ["git"]


def test_protected_process_is_not_even_slowed(living: Living) -> None:
    assert shut(RENICE, living.sleeper().pid, protect=("sleep *",)) == ["kept"]


def test_process_whose_session_lives_again_is_slowed_at_most(living: Living) -> None:
    one = seen(living.sleeper().pid)
    for action, wanted in ((RENICE, []), (TERMINATE, ["in-use"]), (PAUSE, ["in-use"])):
        asked = question(action, one.identity.pid, sessions={SESSION: "live"})
        assert [gate.name for gate in closed(look_at_gates(asked))] == wanted


TERMINAL = """
import os, pty, signal, time
pid, end = pty.fork()
if not pid:
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    front = os.fork()
    if not front:
        os.setpgid(0, 0); os.tcsetpgrp(0, os.getpid()); time.sleep(1000)
    while os.tcgetpgrp(0) != front: time.sleep(0.01)
    print(os.getpid(), front, flush=True)
    time.sleep(1000)
said = b''
while b'\\n' not in said: said += os.read(end, 100)
print('ready'); print(*said.decode().split())
time.sleep(1000)
"""


def test_program_in_front_on_a_terminal_is_neither_paused_nor_ended(living: Living) -> None:
    child = living.python(TERMINAL)
    shell, front = map(int, child.stdout.readline().split())
    assert shut(PAUSE, front) == ["kept", "in-use", "terminal", "shell-job"]
    assert shut(TERMINATE, front) == ["kept", "in-use", "terminal"]
    assert "terminal" in shut(TERMINATE, shell)
    os.kill(shell, 9)
    os.kill(front, 9)


def test_background_job_of_a_shell_is_not_paused_but_may_be_ended(living: Living) -> None:
    shell = living.python(
        "import os, time\np = os.fork()\nif p: print('ready'); print(p)\nelse: os.setpgid(0, 0)\ntime.sleep(1000)"
    )
    job = int(shell.stdout.readline())
    while seen(job).pgid != job:
        time.sleep(0.005)
    assert shut(PAUSE, job) == ["shell-job"]
    assert shut(TERMINATE, job) == []


def test_stranger_in_the_group_closes_the_gate(living: Living) -> None:
    shell = living.start("sh", "-c", "sleep 1000 & sleep 1000 & echo ready; echo $!; wait", ready="ready")
    one = int(shell.stdout.readline())
    while command_of(one) != "sleep":
        time.sleep(0.005)
    crowd = muster([identity(one)], shell.pid)
    assert (crowd.pgid, crowd.strangers) == (shell.pid, 2)
    assert shut(TERMINATE, one, strangers=crowd.strangers) == ["group"]


@ROOT_ONLY
def test_process_of_another_user_is_not_touched(living: Living) -> None:
    child = living.start("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "sleep", "1000")
    while seen(child.pid).identity.uid != 65534:
        time.sleep(0.005)
    assert "kept" in shut(RENICE, child.pid)


@ROOT_ONLY
def test_process_in_another_namespace_is_unknown(living: Living) -> None:
    child = living.start("unshare", "-m", "sh", "-c", "echo ready; exec sleep 1000", ready="ready")
    states = [(gate.name, gate.state) for gate in closed(look_at_gates(question(TERMINATE, child.pid)))]
    assert states == [("namespace", "unknown")]
