"""Format versions: what a record must say about itself before anything else in it is believed."""

from __future__ import annotations

from typing import TypeVar

from gitfleet.base import canonical
from gitfleet.base.text import display
from gitfleet.codec import Broken, Record
from gitfleet.errors import UNCHANGED, Corrupt, NewerFormat
from gitfleet.ledger.model import FLEET, FORMAT, View

R = TypeVar("R", bound=Record)
UPGRADE = "Upgrade gitfleet on this machine."
LEDGER = " in the ledger"
LEFT = "It was left alone."


def record(
    data: bytes, where: str, kind: str, version: int = FORMAT, *, of: str = LEDGER, then: str = LEFT
) -> dict[str, object]:
    """The fields of one record. Raises NewerFormat above `version`, Corrupt for anything that is no `kind`.

    The words of both are about `where` and whose that is (`of`), and say what became of it (`then`).
    """
    try:
        raw = canonical.load(data)
    except ValueError as error:
        raise Corrupt(f"{display(where)}{of} cannot be read ({error}). {then}", where=where) from error
    found = raw.get("v")
    if found == version and raw.get("kind") == kind:
        return raw
    what = f"{display(where)}{of}"
    if type(found) is int and found > version:
        words = f"{what} has format {found}; this gitfleet reads up to {version}. {then}"
        raise NewerFormat(words, hint=UPGRADE, where=where, version=found, understood=version)
    raise Corrupt(f"{what} is no {kind} record. {then}", where=where)


def read(kind: type[R], data: bytes, where: str, *, of: str = LEDGER, then: str = LEFT) -> R:
    """The record of this kind. Raises NewerFormat, and Corrupt for anything that is none; `of` and `then` as for `record`."""
    raw = record(data, where, kind.KIND, kind.VERSION, of=of, then=then)
    try:
        return kind.decode(raw)
    except Broken as error:
        raise Corrupt(f"{display(where)}{of} is broken ({error}). {then}", where=where) from error


def check(view: View, *, writing: bool = False) -> None:
    """Raise NewerFormat when the fleet demands a newer gitfleet than this one, Corrupt when it says nothing readable."""
    raw = record(view.get(FLEET) or b"", FLEET, "fleet")
    needed = raw.get("min_writer" if writing else "min_reader")
    if not isinstance(needed, int):
        raise Corrupt(f"{FLEET} in the ledger does not say which format it needs.", where=FLEET)
    if needed > FORMAT:
        words = f"This fleet needs format {needed}; this gitfleet understands {FORMAT}."
        raise NewerFormat(
            words, hint=UPGRADE, unharmed=UNCHANGED, where=FLEET, version=needed, understood=FORMAT
        )
