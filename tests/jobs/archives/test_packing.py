"""Streams in an archive: every line comes back, what is too much is told, and nothing that others wrote breaks a reader."""

from __future__ import annotations

import zlib
from pathlib import Path

import pytest

from gitfleet.jobs.archives import packing
from gitfleet.jobs.streams import reader
from gitfleet.jobs.streams.writer import StreamWriter


def written(path: Path, count: int, width: int = 10) -> str:
    with StreamWriter(str(path)) as stream:
        for number in range(count):
            stream.write(
                "stdout", str(number).encode().rjust(width), at=number, type="message", event={"n": number}
            )
    return str(path)


def test_streams_that_are_packed_are_unpacked_as_they_were(tmp_path: Path) -> None:
    first, third = written(tmp_path / "1", 3), written(tmp_path / "3", 8000, 200)
    streams = [(1, first), (2, str(tmp_path / "gone")), (3, third)]
    packed = packing.pack(streams)
    assert packed == packing.pack(streams)
    assert len(packed) > 2
    found = [(number, line._replace(end=0)) for number, line in packing.unpack(packed)]
    there = [(number, line._replace(end=0)) for number, path in streams for line in reader.read(path)]
    assert found == there


@pytest.mark.parametrize(
    ("count", "width", "most"), [(1000, 10, 20_000), (2000, 1000, 2 << 19), (3, 9000, 8000)]
)
def test_stream_that_is_too_long_keeps_its_beginning_and_its_end_and_says_so(
    tmp_path: Path, count: int, width: int, most: int
) -> None:
    packed = packing.pack([(1, written(tmp_path / "1", count, width))], most)
    lines = [line for _, line in packing.unpack(packed)]
    (gap,) = [line for line in lines if line.type == "gap"]
    assert gap.event is not None
    kept = [line for line in lines if line.type != "gap"]
    assert len(kept) + int(str(gap.event["lost"])) == count or not kept
    if len(kept) > 2:
        assert (kept[0].seq, kept[-1].seq) == (1, count)
        assert [line.seq for line in lines] == sorted(line.seq for line in lines)
        assert gap.event["first"] == lines[lines.index(gap) - 1].seq + 1
    assert sum(len(zlib.decompress(data)) for data in packed.values()) <= most + 500


@pytest.mark.parametrize(
    ("attempts", "room", "kept"), [(8, 1 << 20, 8), (3, 1 << 20, 3), (8, 1, 1), (8, 0, 0)]
)
def test_only_the_last_attempts_are_packed_and_the_others_named(
    tmp_path: Path, attempts: int, room: int, kept: int
) -> None:
    path = written(tmp_path / "1", 1)
    packed = packing.pack([(number, path) for number in range(1, 20)], attempts=attempts, room=room)
    found = {number: line.type for number, line in packing.unpack(packed)}
    assert found == {number: "message" if number > 19 - kept else "gap" for number in range(1, 20)}


def test_pieces_of_a_hostile_archive_are_not_unpacked_for_ever() -> None:
    bomb = zlib.compress(b"\0" * (1 << 20))
    assert list(packing.unpack({f"1/{number:05}": bomb for number in range(5000)})) == []


@pytest.mark.parametrize(
    "files",
    [
        {"readme.md": b"x", "../1/00000": b"y", "0/00000": b"z"},
        {"1/00000": b"no zlib"},
        {"1/00000": zlib.compress(b"\0" * (64 << 20))},
        {"1/00000": zlib.compress(b"[" * 900_000 + b"\n")},
    ],
)
def test_archive_that_is_none_gives_no_line_of_an_agent(files: dict[str, bytes]) -> None:
    lines = [line for _, line in packing.unpack(files)]
    assert {line.type for line in lines} <= {"torn"}
