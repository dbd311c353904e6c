"""Lines out of the pieces in which they come. Pure."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import ClassVar


class Lines:
    """Gathers pieces of input into lines, and never more than one line's worth."""

    LONGEST: ClassVar[int] = 1 << 20

    def __init__(self) -> None:
        self._rest = bytearray()
        self._passing_over = False

    def feed(self, data: bytes) -> Iterator[bytes | None]:
        """The lines that are whole now, without blank ones; None for one that is too long. No `data`: the input has ended.

        What stands at the end of the input without a line break is a line, too.
        """
        pieces = data.split(b"\n") if data else [b"", b""]
        for number, piece in enumerate(pieces):
            if not self._passing_over:
                self._rest += piece
            if len(self._rest) > self.LONGEST:
                self._passing_over = True
                self._rest.clear()
                yield None
            if number < len(pieces) - 1:
                line = bytes(self._rest).strip()
                self._rest.clear()
                self._passing_over = False
                if line:
                    yield line
