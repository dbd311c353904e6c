"""Shapes of values that few records have; those of most are in `codec`."""

from __future__ import annotations

from gitfleet.codec import Broken, Shape


class Number(Shape[float]):
    """Number, whole or not."""

    def decode(self, raw: object) -> float:
        """See `Shape`."""
        if type(raw) is float or type(raw) is int:
            return raw
        raise Broken("a number was expected")


NUMBER = Number()
