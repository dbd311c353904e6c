"""What a route has found or done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gitfleet.codec import Struct


class WebAnswer(Struct):
    """The data of an envelope, and its warnings. `tentative`: the hub has not agreed yet."""

    data: Mapping[str, object]
    warnings: Sequence[str] = ()
    tentative: bool = False
