"""Who is told how a runner gets on."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple


class Listener(NamedTuple):
    """Who is told: of what is done, in a line each; and of how a gate gets on, its last line and the seconds since it began."""

    say: Callable[[str], None] = lambda _: None
    progress: Callable[[str, float], None] = lambda line, seconds: None
