"""What came of an attempt, as its adapter read it: the outcome, the agent's last words, its conversation and its usage.

Usage is kept raw: counts by model and by the client's own names of kinds. What is not known is not there, and `gaps` say in
words what is missing: a gap is never 0.
"""

from __future__ import annotations

from collections.abc import Mapping

from gitfleet.base.shapes import NUMBER
from gitfleet.codec import FLAG, TEXT, WHOLE, Many, Maybe, One, Struct, Table, Text, field

_LONG: Text[str] = Text(1 << 20, cut=True)
SHOWN = 32 * 1024
"""Characters of a text that are kept beside the raw line, which has the whole."""


class AgentEvent:
    """What a line means: its kind (`words.EventKind`) and facts as JSON holds them."""

    __slots__ = ("facts", "kind")

    def __init__(self, kind: str, **facts: object) -> None:
        self.kind, self.facts = kind, facts

    def __repr__(self) -> str:
        return f"AgentEvent({self.kind!r}, {self.facts!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AgentEvent) and (self.kind, self.facts) == (other.kind, other.facts)

    def __hash__(self) -> int:
        return hash(self.kind)


class AgentExit:
    """How the agent's process ended: exit code or signal; `stopped`: why we ended it ("": it ended by itself)."""

    __slots__ = ("code", "signal", "stopped")

    def __init__(self, code: int | None = 0, signal: int | None = None, stopped: str = "") -> None:
        self.code, self.signal, self.stopped = code, signal, stopped

    @property
    def well(self) -> bool:
        """It ended by itself, with 0."""
        return self.code == 0 and not self.signal and not self.stopped

    @property
    def words(self) -> str:
        """How it ended, in words."""
        return f"signal {self.signal}" if self.signal else f"exit code {self.code}"


class Usage(Struct):
    """Tokens and the like: `models` has counts by model ("": not told) and by the client's own kinds; `gaps`, what is missing.

    `conversation`: the counts are of the whole conversation, earlier attempts that it goes on from included; see `since`.
    """

    models: Mapping[str, Mapping[str, int | float]] = field(Table(Table(NUMBER)), default={})
    gaps: tuple[str, ...] = field(Many(TEXT), default=())
    conversation: bool = field(FLAG, default=False)

    def since(self, earlier: Usage | None) -> Usage:
        """The part of this attempt, where its counts go on from an `earlier` one's of the same conversation.

        What cannot be told apart (the earlier counts are missing, or are higher) becomes a gap.
        """
        if not self.conversation:
            return self
        if earlier is None:
            return Usage(gaps=(*self.gaps, "the conversation's counts before this attempt are not known"))
        models: dict[str, dict[str, int | float]] = {}
        gaps = list(self.gaps)
        for model, kinds in self.models.items():
            known = earlier.models.get(model, {})
            for kind, count in kinds.items():
                if count < known.get(kind, 0):
                    gaps.append(f"{kind} went back from {known[kind]} to {count}")
                else:
                    models.setdefault(model, {})[kind] = count - known.get(kind, 0)
        return Usage(models, tuple(gaps))


class AgentResult(Struct):
    """What came of it. `session_id` is the agent's own conversation ("": none was told), for going on with it later.

    `outcome` is a word of `words.AttemptOutcome`. `lost`: the conversation that was to go on is gone; start a new one. `cost` is
    the client's own estimate in dollars. `resets_at`: when the quota is there again, in milliseconds since 1970, where that was
    told. `denials`: what the agent was not allowed to do. `doubts`: why its success is none unless it has changed something.
    `turns`, `errors`, `text` (the last words) as the client told them.
    """

    outcome: str = field(TEXT)
    text: str = field(_LONG, default="")
    session_id: str = field(TEXT, default="")
    usage: Usage = field(One(Usage), default=Usage())
    cost: float | None = field(Maybe(NUMBER), default=None)
    errors: tuple[str, ...] = field(Many(_LONG), default=())
    resets_at: int | None = field(Maybe(WHOLE), default=None)
    turns: int | None = field(Maybe(WHOLE), default=None)
    denials: tuple[str, ...] = field(Many(_LONG), default=())
    lost: bool = field(FLAG, default=False)
    doubts: tuple[str, ...] = field(Many(_LONG), default=())


def shown(text: object) -> str:
    """A text as an event carries it: of bounded length."""
    said = text if isinstance(text, str) else str(text)
    return said if len(said) <= SHOWN else f"{said[:SHOWN]}…"
