"""The stream of an attempt: every byte back, any line, torn ends, full disks, followers in other processes."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from gitfleet.jobs.streams import lines, reader
from gitfleet.jobs.streams.lines import StreamLine
from gitfleet.jobs.streams.writer import StreamWriter
from tests.workbench import PATIENCE, ROOT, run

MIB = 1 << 20

ANY = [
    b"", b"plain", b"with \xc3\xa9 and \xe2\x80\xa8", b"\xff\xfe broken \x80", b"ends with\r", b"\x1b[31mred\x1b[0m\x00\x07",
    b'{"type":"x","deep":[1]}', b"\\ \" ' \t", b"\xed\xa0\x80 a lone surrogate", b"x" * (8 * MIB), b"\xff" * MIB,
]  # fmt: skip


def written(path: Path, *raws: bytes, at: int = 7) -> None:
    with StreamWriter(str(path)) as writer:
        for raw in raws:
            writer.write("stdout", raw, at=at)


def raws(path: Path, after: int = 0) -> list[bytes]:
    return [line.raw for line in reader.read(str(path), after=after)]


def test_any_line_comes_back_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "stream"
    written(path, *ANY)
    assert raws(path) == ANY
    assert [line.seq for line in reader.read(str(path))] == list(range(1, len(ANY) + 1))
    assert all(json.loads(line)["at"] == 7 for line in path.read_bytes().splitlines())
    assert path.stat().st_mode & 0o777 == 0o600


def test_line_of_64_mib_comes_back_as_it_was(tmp_path: Path) -> None:
    path, long = tmp_path / "stream", b"0123456789abcde\\" * (4 * MIB)
    written(path, b"before", long, b"after")
    assert raws(path) == [b"before", long, b"after"]
    assert raws(path, after=2) == [b"after"]


def test_line_has_its_event_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "stream"
    with StreamWriter(str(path)) as writer:
        writer.write("json", b"{}", at=5, type="message", event={"text": "x"}, cut=True)
    (line,) = reader.read(str(path))
    assert line == StreamLine(
        1, 5, "json", b"{}", "message", {"text": "x"}, cut=True, end=path.stat().st_size
    )


@pytest.mark.parametrize("size", [1, 30, 60, 79])
def test_torn_last_line_is_passed_over_and_mended_by_the_next_writer(tmp_path: Path, size: int) -> None:
    path = tmp_path / "stream"
    written(path, b"one", b"two")
    whole = path.read_bytes()
    torn = lines.encode(3, 7, "stdout", b"three is torn and long enough for that")[:size]
    path.write_bytes(whole + torn)
    assert raws(path) == [b"one", b"two"]
    assert reader.newest(str(path)) == 2
    written(path, b"four")
    found = list(reader.read(str(path)))
    assert [(line.seq, line.type) for line in found] == [(1, "raw"), (2, "raw"), (3, "torn"), (4, "raw")]
    assert found[2].raw == torn
    written(path, b"five")
    assert reader.newest(str(path)) == 5
    assert raws(path, after=3) == [b"four", b"five"]


def test_stream_that_is_nothing_but_torn_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "stream"
    path.write_bytes(b"\xff\xff")
    written(path, b"next")
    assert [(line.seq, line.type) for line in reader.read(str(path))] == [(1, "torn"), (2, "raw")]


@pytest.mark.parametrize("after", [0, 1, 2, 999, 1500, 2999, 3000, 4000])
def test_reading_after_any_number_finds_its_place(tmp_path: Path, after: int) -> None:
    path, random = tmp_path / "stream", Random(after)
    written(path, *(b"%d " % number + b"x" * random.choice([1, 10, 5000]) for number in range(1, 3001)))
    assert [int(raw.split()[0]) for raw in raws(path, after)] == list(range(after + 1, 3001))


def test_newest_lines_are_those_after_a_number(tmp_path: Path) -> None:
    path = tmp_path / "stream"
    assert reader.newest(str(path)) == 0
    written(path, *(b"%d" % number for number in range(50)))
    assert raws(path, after=reader.newest(str(path)) - 3) == [b"47", b"48", b"49"]


def test_stream_through_a_link_is_not_written(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic link"):
        StreamWriter(str(tmp_path / "link"))


FULL = """
import os, resource, signal, sys
from gitfleet.jobs.streams.writer import StreamWriter
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
def room(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
writer = StreamWriter(sys.argv[1])
writer.write("stdout", b"first", at=1)
room(os.path.getsize(sys.argv[1]) + int(sys.argv[2]))
for number in range(5):
    for part in "ab":
        writer.add("stdout", b"lost %d%s" % (number, part.encode()), at=2)
    writer.flush(at=2)
assert writer.fault, "it has to notice"
room(resource.RLIM_INFINITY)
writer.write("stdout", b"last", at=3)
assert not writer.fault
print(writer.lines, writer.gaps)
"""


@pytest.mark.parametrize("room", [0, 1, 40, 75, 100, 200, 333])
def test_disk_that_is_full_for_a_while_leaves_a_gap_that_is_told(tmp_path: Path, room: int) -> None:
    path = tmp_path / "stream"
    run([sys.executable, "-P", "-c", FULL, path, str(room)], tmp_path, env={"PYTHONPATH": str(ROOT)}).ok()
    found = list(reader.read(str(path)))
    kept = [line for line in found if line.type == "raw"]
    (gap,) = [line for line in found if line.type == "gap"]
    assert (kept[0].raw, kept[-1].raw, kept[-1].seq) == (b"first", b"last", 12)
    assert gap.event is not None
    assert len(kept) - 2 + int(str(gap.event["lost"])) == 10
    assert gap.event["first"] == len(kept)  # the first that is not there
    assert "could not be kept: File too large" in gap.text
    assert [line.seq for line in found] == sorted({line.seq for line in found})


WRITE = """
import sys
from gitfleet.jobs.streams.writer import StreamWriter
with StreamWriter(sys.argv[1]) as writer:
    for number in range(int(sys.argv[2])):
        writer.add("stdout", b"%d " % number + b"x" * (number % 300), at=1)
        if number % 7 == 0:
            writer.flush(at=1)
    writer.flush(at=1)
"""


@pytest.mark.parametrize("after", [0, 700])
def test_followers_get_each_line_once_while_another_process_writes(tmp_path: Path, after: int) -> None:
    path, many = tmp_path / "stream", 20_000
    argv = [sys.executable, "-P", "-c", WRITE, str(path), str(many)]
    with subprocess.Popen(argv, env={**os.environ, "PYTHONPATH": str(ROOT)}) as writer:
        found = [
            line.seq
            for line in reader.follow(str(path), after=after, ended=lambda: writer.poll() is not None)
        ]
        assert writer.wait(PATIENCE) == 0
    assert found == list(range(after + 1, many + 1))


def test_follower_in_an_event_loop_gets_each_line_once(tmp_path: Path) -> None:
    path, many = tmp_path / "stream", 5_000
    argv = [sys.executable, "-P", "-c", WRITE, str(path), str(many)]

    async def follow() -> list[int]:
        with subprocess.Popen(argv, env={**os.environ, "PYTHONPATH": str(ROOT)}) as writer:
            lines = reader.follow_in_loop(str(path), ended=lambda: writer.poll() is not None)
            return [line.seq async for line in lines]

    assert asyncio.run(follow()) == list(range(1, many + 1))


def test_follower_that_waits_looks_a_few_times_a_second_only(tmp_path: Path) -> None:
    waits: list[float] = []
    path = tmp_path / "stream"

    def wait(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 20:
            written(path, b"at last")

    found = list(reader.follow(str(path), ended=lambda: len(waits) > 30, wait=wait))
    assert [line.raw for line in found] == [b"at last"]
    assert max(waits) <= 0.25
    assert sum(1 / pause <= 4 for pause in waits[8:20]) == 12  # four looks a second
    assert waits[20] < 0.01  # and at once again when something came


def test_line_written_before_the_end_is_never_missed_by_a_follower(tmp_path: Path) -> None:
    path = tmp_path / "stream"
    answers: Iterator[bool] = iter([False, True])

    def ended() -> bool:
        over = next(answers)
        if not over:
            written(path, b"early")
        return over

    def wait(seconds: float) -> None:
        written(path, b"late")  # after we have looked, before we hear of the end

    assert [line.raw for line in reader.follow(str(path), ended=ended, wait=wait)] == [b"early", b"late"]


KILLED = """
import os, sys
from gitfleet.jobs.streams.writer import StreamWriter
writer = StreamWriter(sys.argv[1])
print("go", flush=True)
number = writer.seq
while True:
    number += 1
    writer.write("stdout", b"%d" % number, at=1)
"""


def test_writers_killed_one_after_the_other_lose_no_line_that_was_written(tmp_path: Path) -> None:
    path = tmp_path / "stream"
    for turn in range(5):
        argv = [sys.executable, "-P", "-c", KILLED, str(path)]
        with subprocess.Popen(
            argv, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE
        ) as writer:
            assert writer.stdout is not None
            writer.stdout.readline()
            wanted = (turn + 1) * 200
            for line in reader.follow(str(path), ended=lambda: False):
                if line.seq > wanted:
                    break
            writer.kill()
    found = list(reader.read(str(path)))
    assert [line.seq for line in found] == list(range(1, len(found) + 1))
    assert all(line.raw == b"%d" % line.seq for line in found if line.type == "raw")
