"""Shapes (see `codec`) of what this package names."""

from __future__ import annotations

from gitfleet.base.identity import ProcessIdentity
from gitfleet.codec import Shape


class Process(Shape[ProcessIdentity | None]):
    """A process that can be told from all others; whatever names none is None."""

    plain = False

    def decode(self, raw: object) -> ProcessIdentity | None:
        """See `Shape`."""
        return ProcessIdentity.from_record(raw)

    def encode(self, value: ProcessIdentity | None) -> dict[str, int | str] | None:
        """See `Shape`."""
        return value.as_record() if value else None


PROCESS = Process()
