"""Streams as the files of an archive, and back: pieces of at most a mebibyte, each packed by itself.

A stream beyond `MOST` bytes is kept from its beginning and, more of it, from its end. A line of type `gap` says what is not kept.
What is unpacked may have been written by anybody who may push to the hub.
"""

from __future__ import annotations

import os
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence

from gitfleet.jobs.streams.lines import StreamLine, decode, encode, number
from gitfleet.jobs.words import LineSource

MOST = 16 << 20
"""Bytes of a stream that are kept."""
ATTEMPTS = 8
"""Attempts of a job whose streams are kept: the last ones."""
ROOM = 48 << 20
"""Bytes that the pieces of a job may take, packed."""
_NAMED = 64
_PIECE = 1 << 20
_NAME = re.compile(r"([1-9][0-9]{0,5})/([0-9]{5})")


def pack(
    streams: Sequence[tuple[int, str]], most: int = MOST, *, attempts: int = ATTEMPTS, room: int = ROOM
) -> dict[str, bytes]:
    """The files for these streams: the number of each attempt, and where its stream lies. One that is not there has none.

    The last `attempts` are kept, fewer where their pieces take more than `room` bytes; in the place of each one before is a line that says so.
    """
    packed: dict[str, bytes] = {}
    for turn, (attempt, path) in enumerate(reversed(streams[-_NAMED:])):
        pieces = (
            [zlib.compress(piece) for piece in _pieces(path, most)] if turn < attempts and room > 0 else []
        )
        room -= sum(map(len, pieces))
        if not pieces and (turn >= attempts or room <= 0) and os.path.exists(path):
            pieces = [zlib.compress(_gap(1, 0, {"why": "the archive of a job has its last attempts alone"}))]
        packed |= {f"{attempt}/{place:05}": piece for place, piece in enumerate(pieces)}
    return packed


def unpack(files: Mapping[str, bytes]) -> Iterator[tuple[int, StreamLine]]:
    """Each line behind the number of its attempt, in order. What is no piece of a stream is passed over, and what is too much."""
    named = [(match, data) for name, data in files.items() if (match := _NAME.fullmatch(name))]
    pieces = sorted((int(match[1]), int(match[2]), data) for match, data in named)
    rest: list[bytes] = []
    current, seq, room = 0, 0, 2 * ATTEMPTS * MOST
    for attempt, _, data in pieces:
        if attempt != current:
            rest, current, seq = [], attempt, 0
        plain = _plain(data)
        room -= len(plain)
        if room < 0:
            return
        first, end, more = plain.partition(b"\n")
        rest.append(first)
        if not end:
            continue
        *lines, last = more.split(b"\n")
        lines.insert(0, b"".join(rest))
        rest = [last]
        for line in lines:
            found = decode(line, before=seq)
            seq = found.seq
            yield attempt, found


def _plain(data: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(data, _PIECE)
    except zlib.error:
        return b"\n"


def _pieces(path: str, most: int) -> Iterator[bytes]:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return
    try:
        size = os.fstat(handle).st_size
        yield from _cut(handle, size, most) if size > most else _read(handle, 0, size)
    finally:
        os.close(handle)


def _cut(handle: int, size: int, most: int) -> Iterator[bytes]:
    """The beginning and the end of a stream that is too long, by whole lines."""
    begin = b"".join(_read(handle, 0, most // 4))
    begin = begin[: begin.rfind(b"\n") + 1]
    end = b"".join(_read(handle, size - (most - most // 4), size))
    end = end[end.find(b"\n") + 1 :]
    last, after = begin[:-1].rpartition(b"\n")[2], end.partition(b"\n")[0]
    first, until, lost = number(last[:64]) + 1, number(after[:64]), size - len(begin) - len(end)
    why = f"the archive of a stream has at most {most} bytes"
    event = {"lost": max(0, until - first), "bytes": lost, "first": first, "why": why}
    whole = begin + _gap(max(first, until - 1), decode(last).at, event) + end
    for start in range(0, len(whole), _PIECE):
        yield whole[start : start + _PIECE]


def _gap(seq: int, at: int, event: Mapping[str, object]) -> bytes:
    said = f"left out: {event['why']}".encode()
    return encode(seq, at, LineSource.SYSTEM, said, type="gap", event=event)


def _read(handle: int, start: int, end: int) -> Iterator[bytes]:
    while start < end and (piece := os.pread(handle, min(_PIECE, end - start), start)):
        start += len(piece)
        yield piece
