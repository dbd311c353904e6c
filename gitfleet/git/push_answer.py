"""How a push ended, as one value. What git said is read in `answers`, which only an exchange with another repository pays for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum
from typing import TYPE_CHECKING

from gitfleet.codec import Struct

if TYPE_CHECKING:
    from gitfleet.git.advertisement import Shown

NO_ATOMIC = r"does not support\W+(?:--)?atomic"


class Push(Enum):
    """What a push answered, or what it answered of one ref. Only DONE is certain; the others are looked up.

    BROKEN is none that the hub was asked for: an object that should go there is gone from this clone. HELD is a ref that
    stays where it was only because another one of the same push did not move.
    """

    DONE = "done"
    LOST = "lost"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    BROKEN = "broken"
    HELD = "held"


class PushAnswer(Struct):
    """The outcome and, unless it is DONE, git's words, secrets taken out. `rejected` is whether the hub itself said no to one of the refs, `unsent`
    whether git sent nothing, since all refs were elsewhere than named.

    `refs` is what became of each ref that was spoken of: DONE, LOST, REFUSED, UNKNOWN or HELD. `shown` is what the hub showed of
    its branches before anything was sent, where that was asked for and understood.
    """

    outcome: Push
    output: str
    rejected: bool = False
    unsent: bool = False
    refs: Mapping[str, Push] = {}
    shown: Shown | None = None

    @property
    def not_atomic(self) -> bool:
        """Whether nothing was tried, since the hub has no atomic push."""
        return self.outcome is not Push.DONE and re.search(NO_ATOMIC, self.output) is not None
