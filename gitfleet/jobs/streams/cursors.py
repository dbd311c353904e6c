"""A place in what the agents of a job wrote: the number of the attempt, and of the line in its stream, as `history` shows them."""

from __future__ import annotations

import re
from typing import NamedTuple

from gitfleet.base.text import display
from gitfleet.errors import UsageError

_WRITTEN = re.compile(r"(?:([0-9]{1,9})\.)?([0-9]{1,15})", re.ASCII)


class StreamCursor(NamedTuple):
    """From this line of this attempt on; attempts after it are read from their beginning."""

    attempt: int = 1
    seq: int = 0

    def after(self, attempt: int) -> int:
        """After which line of an attempt one reads on."""
        return max(0, self.seq - 1) if attempt == self.attempt else 0


BEGINNING = StreamCursor()


def parse(text: str) -> StreamCursor:
    """The place that is written as `SEQ`, of the first attempt, or `ATTEMPT.SEQ`; "" is the beginning. Raises UsageError."""
    found = _WRITTEN.fullmatch(text)
    if found:
        return StreamCursor(int(found[1] or 1), int(found[2]))
    if text:
        raise UsageError(
            f"'{display(text[:40])}' is no place in a stream.",
            hint="Say SEQ, or ATTEMPT.SEQ, as `history` shows them.",
        )
    return BEGINNING
