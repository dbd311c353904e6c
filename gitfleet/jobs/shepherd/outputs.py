"""An output of the agent, cut into lines of any length and any bytes."""

from __future__ import annotations

import os

LONGEST = 128 * 1024 * 1024
"""Bytes of a line that are kept together. A longer one is kept in pieces, and nobody tries to understand it."""
_CHUNK = 1 << 16


class AgentOutput:
    """One output: `source` names it, `handle` is where it is read, and does not block. `piece`: we are inside of too long a line."""

    def __init__(self, source: str, handle: int, *, longest: int = LONGEST) -> None:
        os.set_blocking(handle, False)
        self.source, self.handle, self._longest = source, handle, longest
        self._parts: list[bytes] = []
        self._size = 0
        self.piece = False

    def read(self) -> list[bytes] | None:
        """The lines that have become whole, each without its line end; None at the end of the output. Takes what is there, once.

        Raises BlockingIOError where nothing is there.
        """
        data = os.read(self.handle, _CHUNK)
        if not data:
            return None
        first, *rest = data.split(b"\n")
        if not rest:
            self._keep(first)
            return []
        lines = [b"".join([*self._parts, first]) if self._parts else first, *rest[:-1]]
        self._parts, self._size = [], 0
        self._keep(rest[-1])
        return lines

    def overlong(self) -> bytes:
        """The beginning of a line that has grown too long to be kept together; empty where there is none."""
        return self.rest() if self._size > self._longest else b""

    def rest(self) -> bytes:
        """What has no line end yet. It is given away: the line goes on behind it."""
        data = b"".join(self._parts)
        self._parts, self._size = [], 0
        return data

    def close(self) -> None:
        """Let go of the pipe: who still writes into it is told so by the system."""
        if self.handle >= 0:
            os.close(self.handle)
            self.handle = -1

    def _keep(self, data: bytes) -> None:
        if data:
            self._parts.append(data)
            self._size += len(data)
