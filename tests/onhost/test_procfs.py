"""What is read of real processes, the odd ones above all."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from gitfleet.onhost import procfs, snapshot, sockets
from tests.onhost.fakeproc import made
from tests.onhost.starting import Programs, seen, table_when

SLEEP = shutil.which("sleep") or "/bin/sleep"
SESSION = "codex-7h3k9q2m"
WAIT = "print('ready', flush=True)\nimport signal\nsignal.pause()"

STAT = b"7 (%b) S 3 4 5 34816 6 64 0 0 0 0 11 22 0 0 20 -5 9 0 777 0 33 0\n"


@pytest.mark.parametrize("name", ["sleep", "a b", ") R 1 (", "a) R 1 (b", "two\nlines", "((", ""])
def test_stat_line_with_an_odd_name_is_read_whole(name: str) -> None:
    line = procfs.parse_stat(STAT % name.encode())
    assert line == (7, name, "S", 3, 4, 5, 34816, 6, 64, 33, -5, 9, 777, 33)


@pytest.mark.parametrize("data", [b"", b"7 sleep S 1", b"x (a) S 1", b"7 (a) S 1 2", b"7 (a S 1 2 3"])
def test_stat_line_that_is_none_reads_as_none(data: bytes) -> None:
    assert procfs.parse_stat(data) is None


@pytest.mark.parametrize("name", [") R 1 (", "a) Z 0 (\n"])
def test_process_that_named_itself_oddly_is_seen_with_that_name(start: Programs, name: str) -> None:
    text = f"import ctypes; ctypes.CDLL(None).prctl(15, {name.encode()!r})\n{WAIT}"
    one = seen(start.python(text).pid)
    assert (one.name, one.ppid, one.zombie) == (name, os.getpid(), False)


def test_marker_in_the_environment_is_read_and_nothing_else_of_it(start: Programs) -> None:
    env = {**os.environ, "GITFLEET_SESSION": SESSION, "SECRET_THING": "hunter2hunter2"}
    one = seen(start([SLEEP, "600"], env=env).pid)
    assert one.marker == SESSION
    assert one.gaps == ()
    assert "hunter2" not in repr(one)


def test_process_without_an_environment_has_no_marker_and_no_gap(start: Programs) -> None:
    one = seen(start([SLEEP, "600"], env={}).pid)
    assert (one.marker, one.gaps) == (None, ())


@pytest.mark.skipif(not shutil.which("perl"), reason="needs perl")
def test_environment_that_a_title_has_wiped_out_is_a_gap_not_an_absent_marker(start: Programs) -> None:
    argv = ["perl", "-e", '$0 = "some title"; $| = 1; print "ready\\n"; sleep 600']
    argv[0] = shutil.which("perl") or ""
    one = seen(start.ready(argv, env={**os.environ, "GITFLEET_SESSION": SESSION}).pid)
    assert (one.marker, one.gaps, one.command) == (None, ("marker",), ("some title",))


@pytest.mark.skipif(not shutil.which("node"), reason="needs node")
def test_marker_survives_the_title_that_node_sets(start: Programs) -> None:
    text = "process.title = 'x'; console.log('ready'); setTimeout(() => 0, 600000)"
    argv = [shutil.which("node") or "", "-e", text]
    assert seen(start.ready(argv, env={**os.environ, "GITFLEET_SESSION": SESSION}).pid).marker == SESSION


@pytest.mark.parametrize(
    ("environ", "marker", "gaps"),
    [
        (b"A=1\0GITFLEET_SESSION=x-1\0", "x-1", ()),
        (b"GITFLEET_SESSION=x-1\0A=1", "x-1", ()),
        (b"GITFLEET_SESSION=x-1\0GITFLEET_SESSION=x-1\0", "x-1", ()),
        (b"GITFLEET_SESSION=x-1\0GITFLEET_SESSION=x-2\0", None, ("marker",)),
        (b"GITFLEET_SESSION=\0A=1\0", None, ()),
        (b"NOT_GITFLEET_SESSION=x-1\0", None, ()),
        (b"GITFLEET_SESSION=\x1b[31mred\0", None, ("marker",)),
        (b"GITFLEET_SESSION=" + b"x" * 500 + b"\0", None, ("marker",)),
        (b"\0\0\0\0", None, ("marker",)),
        (b"the end of a title\0", None, ("marker",)),
    ],
)
def test_environment_of_any_form_gives_one_plain_marker_or_a_gap(
    tmp_path: Path, environ: bytes, marker: str | None, gaps: tuple[str, ...]
) -> None:
    made(tmp_path).process(50, environ=environ)
    one = snapshot.take(0, str(tmp_path)).processes[50]
    assert (one.marker, one.gaps) == (marker, gaps)


def test_zombie_is_one_and_counts_as_no_gap(start: Programs) -> None:
    one = start.python("print('ready', flush=True)")
    table = table_when(one.pid, "Z")
    found = table.processes[one.pid]
    assert (found.zombie, found.gaps, found.exe, found.ppid) == (True, (), None, os.getpid())


def test_process_whose_main_thread_has_ended_is_no_zombie(start: Programs) -> None:
    text = """
        import ctypes, threading, time
        def work():
            time.sleep(600)
        threading.Thread(target=work).start()
        print("ready", flush=True)
        ctypes.CDLL(None).syscall({exit}, 0)
    """.format(exit=93 if os.uname().machine == "aarch64" else 60)
    pid = start.python(text, "an argument").pid
    while psutil.Process(pid).status() != "zombie":
        pass
    one = seen(pid)
    assert (one.zombie, one.gaps) == (False, ())
    assert one.command[-1] == "an argument"
    assert one.exe == os.path.realpath(sys.executable)


def test_program_that_was_removed_is_known_by_its_file(start: Programs, tmp_path: Path) -> None:
    program = tmp_path / "worker"
    shutil.copy(SLEEP, program)
    there = program.stat()
    one = start([program, "600"])
    program.unlink()
    shutil.copy(SLEEP, program)  # an upgrade in place: the same name, another file
    found = seen(one.pid)
    assert (found.exe, found.exe_deleted) == (str(program), True)
    assert found.identity.exe == (there.st_dev, there.st_ino)


def test_file_that_is_called_deleted_is_not(start: Programs, tmp_path: Path) -> None:
    program, folder = tmp_path / "worker (deleted)", tmp_path / "place (deleted)"
    shutil.copy(SLEEP, program)
    folder.mkdir()
    one = seen(start([program, "600"], cwd=folder).pid)
    assert (one.exe, one.exe_deleted, one.cwd, one.cwd_deleted) == (str(program), False, str(folder), False)


def test_working_directory_that_was_removed_and_made_anew_is_another_one(
    start: Programs, tmp_path: Path
) -> None:
    folder = tmp_path / "tree"
    folder.mkdir()
    one = start([SLEEP, "600"], cwd=folder)
    folder.rmdir()
    folder.mkdir()
    found = seen(one.pid)
    assert (found.cwd, found.cwd_deleted) == (str(folder), True)
    assert found.cwd_inode != (folder.stat().st_dev, folder.stat().st_ino)


def test_process_that_becomes_another_program_is_another_identity(start: Programs) -> None:
    one = start(["/bin/sh", "-c", "echo ready; read line; exec sleep 600"], stdin=subprocess.PIPE)
    start.heard(one)
    before = seen(one.pid)
    assert one.stdin is not None
    one.stdin.write("go\n")
    one.stdin.flush()
    after = next(found for found in iter(lambda: seen(one.pid), None) if found.name == "sleep")
    assert (after.identity.pid, after.identity.start) == (before.identity.pid, before.identity.start)
    assert after.identity != before.identity


def test_pipe_that_a_process_reads_is_fed_until_its_writer_closes_it(start: Programs) -> None:
    one = start(["/bin/cat"], stdin=subprocess.PIPE)
    found = seen(one.pid)
    assert (found.stdin, found.fed) == ("pipe", True)
    assert os.getpid() in found.feeders
    os.kill(one.pid, 19)  # or it would end when nobody feeds it
    assert one.stdin is not None
    one.stdin.close()
    found = seen(one.pid)
    assert (found.stdin, found.fed, found.feeders) == ("pipe", False, ())


def test_socket_that_a_process_reads_is_fed_until_its_peer_closes_it(start: Programs) -> None:
    ours, theirs = socket.socketpair()
    with ours:
        one = start([SLEEP, "600"], stdin=theirs.fileno())
        theirs.close()
        found = seen(one.pid)
        assert (found.stdin, found.fed) == ("socket", True)
        assert os.getpid() in found.feeders
    found = seen(one.pid)
    assert (found.stdin, found.fed, found.feeders) == ("socket", False, ())


@pytest.mark.parametrize(("stdin", "word"), [(subprocess.DEVNULL, "null"), ("file", "file")])
def test_standard_input_that_nobody_feeds_is_named(
    start: Programs, tmp_path: Path, stdin: int | str, word: str
) -> None:
    (tmp_path / "file").touch()
    with (tmp_path / "file").open() as file:
        one = seen(start([SLEEP, "600"], stdin=stdin if isinstance(stdin, int) else file.fileno()).pid)
    assert (one.stdin, one.fed) == (word, None)


def test_ports_and_connections_are_those_of_the_process(start: Programs) -> None:
    text = """
        import socket, time
        server = socket.create_server(("127.0.0.1", 0))
        print("ready", server.getsockname()[1], flush=True)
        kept = server.accept()
        print("more", flush=True)
        time.sleep(600)
    """
    one = start.python(text)
    port = int(start.said)
    found = seen(one.pid)
    assert (found.listening, found.connections) == ((port,), 0)
    with socket.create_connection(("127.0.0.1", port)):
        start.heard(one, "more")
        assert seen(one.pid).connections == 1


def test_rates_are_of_what_was_used_between_the_samples(start: Programs) -> None:
    text = """
        import os, sys, time
        print("ready", flush=True)
        sys.stdin.readline()
        zero = os.open("/dev/zero", os.O_RDONLY)
        while time.process_time() < 0.2:
            os.read(zero, 1000)
        print("more", flush=True)
        time.sleep(600)
    """
    busy = start.python(text, stdin=subprocess.PIPE)
    idle = start.python("import signal\nprint('ready', flush=True)\nsignal.pause()")

    def work(_: float) -> None:
        assert busy.stdin is not None
        busy.stdin.write("\n")
        busy.stdin.flush()
        start.heard(busy, "more")

    table = snapshot.take(1.0, wait=work)
    used, rested = table.processes[busy.pid], table.processes[idle.pid]
    assert used.cpu is not None
    assert used.cpu * table.seconds >= 0.1
    assert used.io is not None
    assert used.io > 0
    assert rested.cpu is not None
    assert rested.cpu < used.cpu
    assert rested.io == 0.0


def test_process_with_too_many_open_files_has_a_gap_and_is_read_otherwise(
    start: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sockets, "MOST_FILES", 2)
    one = seen(start([SLEEP, "600"]).pid)
    assert (one.listening, one.connections, one.stdin, one.gaps) == (None, None, None, ("listening",))
    assert one.name == "sleep"


def test_one_sample_gives_no_rates(start: Programs) -> None:
    one = seen(start([SLEEP, "600"]).pid)
    assert (one.cpu, one.io) == (None, None)


def test_process_that_cannot_be_looked_at_counts_as_unreadable(tmp_path: Path) -> None:
    fake = made(tmp_path)
    fake.process(50)
    fake.without(50, "cwd")
    fake.process(51, uid=os.getuid() + 1)
    fake.process(52, flags=0x00200000)
    table = snapshot.take(0, str(tmp_path))
    assert table.processes[50].gaps == ("cwd",)
    assert (table.facts.unreadable, table.facts.foreign) == (1, 2 if os.getuid() else 1)


def test_same_is_read_as_psutil_reads(start: Programs, tmp_path: Path) -> None:
    started = [
        start([SLEEP, "600"], cwd=tmp_path),
        start.python(WAIT, "", "a word"),
        start(["/bin/sh", "-c", "sleep 600; true"], cwd="/"),
        start(["/bin/cat"], stdin=subprocess.PIPE, name="-odd"),
    ]
    table = snapshot.take(0)
    for one in started:
        mine, theirs = table.processes[one.pid], psutil.Process(one.pid)
        with theirs.oneshot():
            assert mine.name == theirs.name()
            assert mine.ppid == theirs.ppid()
            assert list(mine.command) == theirs.cmdline()
            assert mine.exe == theirs.exe()
            assert mine.cwd == theirs.cwd()
            assert mine.identity.uid == theirs.uids().real
            assert mine.threads == theirs.num_threads()
            assert mine.nice == theirs.nice()
            assert (mine.pgid, mine.sid) == (os.getpgid(one.pid), os.getsid(one.pid))
            assert mine.identity.start == round((theirs.create_time() - psutil.boot_time()) * procfs.TICKS)
            assert abs(mine.rss - theirs.memory_info().rss) < 1 << 22
    assert set(psutil.pids()) & set(table.processes)
