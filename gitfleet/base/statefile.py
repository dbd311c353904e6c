"""State files: what one process of this machine leaves for the next, each a struct of its own as canonical JSON.

Nobody else writes them, so one that cannot be read counts as one that is not there.
"""

from __future__ import annotations

from typing import TypeVar

from gitfleet.base import canonical, files
from gitfleet.base.identity import ProcessIdentity
from gitfleet.codec import Shape, Struct

S = TypeVar("S", bound=Struct)


def load(kind: type[S], path: str) -> S | None:
    """What is at `path`; None where nothing is, or nothing of this kind."""
    data = files.read(path)
    try:
        return kind.decode(canonical.load(data)) if data else None
    except ValueError:
        return None


def save(path: str, value: Struct, *, mode: int | None = None, durable: bool = True) -> None:
    """Put it there, as `files.replace` does."""
    files.replace(path, canonical.dump(value), mode=mode, durable=durable)


class _Process(Shape[ProcessIdentity | None]):
    """A process, or null where it cannot be told."""

    plain = False

    def decode(self, raw: object) -> ProcessIdentity | None:
        return ProcessIdentity.from_record(raw)

    def encode(self, value: ProcessIdentity | None) -> object:
        return value and value.as_record()


PROCESS = _Process()
"""A process; None for one that cannot be told."""
