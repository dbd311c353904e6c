"""The lines by which a host answers, read from whatever else comes on the same wire.

A frame is `NONCE KIND LENGTH`, a newline, LENGTH bytes of JSON in ASCII, and a newline. Login banners, login files and what
they leave running write to the same wire: all that does not carry the nonce, which nobody there can have guessed, is noise.
A frame that something else was written into does not read as JSON, and is an error, never a shorter answer.

Pure: bytes in, frames out. Every size is bounded, since a host is not trusted.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import NamedTuple, NoReturn

MOST_FRAME = 32 << 20
"""Bytes of one frame: a host with 10,000 candidates needs some 20 MB."""
MOST_NOISE = 1 << 20
"""Bytes in all of what is not ours."""
_LONGEST_LINE = 8192

SHELL, READY, ENDED = "shell", "ready", "ended"
"""Marks: our command runs there; Python runs there, and takes a program; what we started has ended."""
_MARK = re.compile(rb"(shell)|(ready) (\d{1,3}) (\d{1,3})|(ended) (\d{1,3})")
_HEAD = re.compile(rb"(hello|answer|event|error|end) (\d{1,12})")


class Frame(NamedTuple):
    """One frame, or a mark, which has no `body`: the version of the `python` there, or the exit `code` of what has ended."""

    kind: str
    body: Mapping[str, object]
    python: tuple[int, int] = (0, 0)
    code: int = 0


class BadFrames(Exception):
    """What came is none of ours, or too much; the message says which, safe to show."""


class FrameReader:
    """Finds the frames of one nonce in what is fed to it."""

    def __init__(self, nonce: str, *, most: int = MOST_FRAME, noise: int = MOST_NOISE) -> None:
        self._nonce = nonce.encode() + b" "
        self._most, self._noise = most, noise
        self._rest = bytearray()
        self._kind, self._wanted = "", -1
        self.over = False
        """Whether the last frame (`end`) has come; what is fed after it is let go."""

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that are complete now. Raises BadFrames."""
        if self.over:
            return []
        self._rest += data
        found = []
        while not self.over and (frame := self._next()) is not None:
            found.append(frame)
            self.over = frame.kind == "end"
        return found

    def _next(self) -> Frame | None:
        while self._wanted < 0:
            end = self._rest.find(b"\n")
            if end < 0:
                self._shorten()
                return None
            line = bytes(self._rest[:end])
            del self._rest[: end + 1]
            mark = self._read_line(line.rstrip(b"\r"))
            if mark is not None:
                return mark
        if len(self._rest) <= self._wanted:
            return None
        body = bytes(self._rest[: self._wanted])
        closed = self._rest[self._wanted] == 0x0A
        del self._rest[: self._wanted + 1]
        self._wanted = -1
        return Frame(self._kind, _json(body if closed else b""))

    def _read_line(self, line: bytes) -> Frame | None:
        """The mark that a line is; a head sets what is wanted next, all else is noise."""
        told = line.rpartition(self._nonce)[2] if self._nonce in line else b""
        if mark := _MARK.fullmatch(told):
            if mark[5]:
                return Frame(ENDED, {}, code=int(mark[6]))
            return Frame(READY, {}, python=(int(mark[3]), int(mark[4]))) if mark[2] else Frame(SHELL, {})
        if head := _HEAD.fullmatch(told):
            self._kind, self._wanted = head[1].decode(), int(head[2])
            if self._wanted > self._most:
                raise BadFrames(f"it wants to answer with {self._wanted} bytes; {self._most} are taken")
            return None
        self._count(len(line) + 1)
        return None

    def _shorten(self) -> None:
        """Let go of the beginning of a line that is too long to be ours."""
        extra = len(self._rest) - _LONGEST_LINE
        if extra > 0:
            del self._rest[:extra]
            self._count(extra)

    def _count(self, size: int) -> None:
        self._noise -= size
        if self._noise < 0:
            raise BadFrames("it writes too much that is no answer")


def _json(body: bytes) -> Mapping[str, object]:
    try:
        read = json.loads(body.decode("ascii"), parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise BadFrames("its answer is damaged") from None
    if not isinstance(read, dict):
        raise BadFrames("its answer is not what was expected")
    return read


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)
