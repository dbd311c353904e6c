"""Shapes of what hosts answer and plans hold: bounded, and without anything that a terminal would obey.

Numbers with a fraction are kept as decimal texts, since records hold no floats; in memory they are floats.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable

from gitfleet.base.text import display
from gitfleet.codec import Broken, Shape, Text

_DECIMAL = re.compile(r"-?[0-9]{1,15}(?:\.[0-9]{1,6})?")
_FLEET = re.compile(r"fleet-[0-9]{8}-[0-9]{6}-[0-9a-z]{4}")
_HOST = re.compile(r"pt-[0-9]{8}-[0-9]{6}-[0-9a-z]{4}")
_CANDIDATE = re.compile(r"c-[0-9a-f]{12}")
_WORD = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


class Real(Shape[float]):
    """A number from `least` to `most`, to six places. Never NaN, never infinite."""

    plain = False

    def __init__(self, least: float = -1e12, most: float = 1e12) -> None:
        self._least, self._most = least, most

    def decode(self, raw: object) -> float:
        """See `Shape`; a decimal text is a number, too."""
        if type(raw) is str and _DECIMAL.fullmatch(raw):
            raw = float(raw)
        if type(raw) is not float and type(raw) is not int:
            raise Broken("a number was expected")
        if not math.isfinite(raw) or not self._least <= raw <= self._most:
            raise Broken(f"a number from {self._least:g} to {self._most:g} was expected")
        return round(float(raw), 6)

    def encode(self, value: float) -> str:
        """See `Shape`."""
        return f"{value:.6f}".rstrip("0").rstrip(".")


class Printable(Shape[str]):
    """A text for people, of one line: what could move a cursor is made visible, what is too long is cut."""

    def __init__(self, most: int) -> None:
        self._most = most

    def decode(self, raw: object) -> str:
        """See `Shape`; a list of words is a text, too."""
        if type(raw) is list and all(type(one) is str for one in raw):
            raw = " ".join(raw)
        if type(raw) is not str:
            raise Broken("a text was expected")
        text = display(raw[: self._most])
        return text if len(text) <= self._most else f"{text[: self._most - 1]}…"


def _like(pattern: re.Pattern[str], most: int = 64) -> Shape[str]:
    valid: Callable[[str], bool] = lambda text: pattern.fullmatch(text) is not None  # noqa: E731 - one line
    return Text[str](most, least=1, valid=valid)


WORD = _like(_WORD)
"""A category, an action, a state: nothing that has to be escaped anywhere."""
FLEET_SESSION = _like(_FLEET)
HOST_SESSION = _like(_HOST)
CANDIDATE_ID = _like(_CANDIDATE)
SHARE = Real(0, 1)


def is_fleet_session(text: str) -> bool:
    """Whether a text is the id of a fleet session, `fleet-YYYYMMDD-HHMMSS-xxxx`; such a one may be part of a ref's name."""
    return _FLEET.fullmatch(text) is not None
