"""What the rules of the fleet say of gates: `queue:` in gitfleet.yaml, as compiled by `trunk.gate_rules`.

Pure but for `load`. Nothing lands before policy says so: without a `gate:` there is none to pass, and that is told apart
from `gate: none`.
"""

from __future__ import annotations

import os

from gitfleet.base import canonical, files
from gitfleet.codec import FLAG, Broken, Many, One, Struct, Text, Whole, field
from gitfleet.gates.model import CI, PROCESSOR, PUBLISHER, WORDS, Publisher


class GatePart(Struct):
    """One command of a gate. `inputs` are the patterns of what it depends on (none: the whole tree).

    `capacity`: how many of it may run at once in the fleet; 0: any number.
    """

    run: tuple[str, ...] = field(WORDS)
    name: str = field(Text[str](64), default="")
    inputs: tuple[str, ...] = field(Many(Text[str](4096), most=1000), default=())
    capacity: int = field(Whole(0, 10**6), default=0)

    def check(self) -> None:
        """Raise Broken for a command without words."""
        if not self.run:
            raise Broken("a command was expected", "run")


class GatePolicy(Struct):
    """The gate: its `parts`; or `none`, by which everything may land; with neither nothing was said, and nothing lands.

    `time_limit` in seconds; 0: from earlier runs. `environment`: words that are part of what a verdict is about. `trust`: whose
    verdicts count.
    """

    parts: tuple[GatePart, ...] = field(Many(One(GatePart), most=64), default=())
    none: bool = field(FLAG, default=False)
    time_limit: int = field(Whole(0, 30 * 86400), default=0)
    environment: str = field(Text[str](1000), default="")
    trust: tuple[Publisher, ...] = field(Many(PUBLISHER, most=3), default=(PROCESSOR, CI))

    @property
    def configured(self) -> bool:
        """Whether the rules say what a tree must pass, be it nothing."""
        return self.none or bool(self.parts)

    def part(self, name: str) -> GatePart | None:
        """The part of that name."""
        return next((one for one in self.parts if one.name == name), None)


def of(compiled: object) -> GatePolicy:
    """The policy in what was compiled (its key `queue`). What cannot be read says nothing: nothing lands then."""
    try:
        return GatePolicy.decode(compiled)
    except Broken:
        return GatePolicy()


def load(state: str) -> GatePolicy:
    """The gate of this clone's fleet, as compiled last."""
    data = files.read(os.path.join(state, "policy.json"))
    try:
        return of(canonical.load(data).get("queue", {})) if data else GatePolicy()
    except ValueError:
        return GatePolicy()
