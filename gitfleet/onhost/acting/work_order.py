"""An action that is being carried out: its request, what the journal has of it, and how its steps are written down."""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import dataclass, field

from gitfleet.onhost.acting.act_journal import STEP, ActEntry, ActJournal
from gitfleet.onhost.acting.act_request import ActRequest
from gitfleet.onhost.acting.journal_line import Line
from gitfleet.onhost.acting.muster import Seen
from gitfleet.onhost.records import SafetyGate

DONE, GONE_BEFORE, FAILED, SURVIVED, SKIPPED = "done", "gone-before", "failed", "survived", "skipped"
REFUSED_IDENTITY, REFUSED_GATE = "refused-identity", "refused-gate"


class ActInterrupted(Exception):
    """Who asked has left: no further step is taken, and there is no outcome yet."""


@dataclass(frozen=True)
class ActEnd:
    """What came of an action; `left`: who still runs; `facts`: what an undo or a later look needs."""

    outcome: str
    detail: str = ""
    left: list[int] = field(default_factory=list)
    gates: tuple[SafetyGate, ...] = ()
    facts: Line = field(default_factory=dict)


@dataclass(frozen=True)
class WorkOrder:
    """`gone` waits for so many seconds, and says whether who asked has left."""

    request: ActRequest
    entry: ActEntry
    journal: ActJournal
    gone: Callable[[float], bool]
    folder: str
    scanned: Container[Seen] = frozenset()

    def write(self, step: str, **facts: object) -> None:
        """Write a step down; it is on the disk when this returns."""
        self.entry.steps.append(self.journal.write(STEP, self.request.key, step=step, **facts))

    def around(self, step: str, effect: Callable[[], object], **facts: object) -> None:
        """Take a step, written down before and after. Raises ActInterrupted before it is begun, if who asked has left."""
        if self.gone(0):
            raise ActInterrupted
        self.write(f"about-{step}", **facts)
        effect()
        self.write(step)

    def begun_without_end(self, step: str) -> bool:
        """Whether nobody knows if this step was taken."""
        return self.entry.step(f"about-{step}") is not None and self.entry.step(step) is None
