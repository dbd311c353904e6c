"""Structs (see `codec`) in files of this clone, and the shapes of what this package names."""

from __future__ import annotations

from gitfleet.base import canonical, files
from gitfleet.base.identity import ProcessIdentity
from gitfleet.codec import S, Shape, Struct


def load(kind: type[S], path: str, **known: object) -> S | None:
    """The struct in a file, with the fields that are `known`; None where there is none, or none that can be read."""
    data = files.read(path)
    try:
        return kind.decode({**canonical.load(data), **known}) if data else None
    except ValueError:
        return None


def save(path: str, struct: Struct, *, durable: bool = True) -> None:
    """Keep a struct. Atomic."""
    files.replace(path, canonical.dump(struct.encode()), durable=durable)


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
