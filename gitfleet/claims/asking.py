"""What sessions ask of the ledger about paths, and what they are told: the bodies and answers of `rules`. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gitfleet.base.ids import is_ulid
from gitfleet.claims import model, tickets
from gitfleet.claims.model import CLAIMS, MAX_PATTERNS, PATTERNS, Claim
from gitfleet.claims.tickets import Ticket, Want
from gitfleet.codec import FLAG, TEXT, WHOLE, Broken, Many, Maybe, One, Struct, Table, Text, Whole, field
from gitfleet.ledger.model import Answer
from gitfleet.obstacles import Blocker, Obstacle
from gitfleet.sessions import session_records

_SAID = Text[str](session_records.MAX_TEXT, cut=True)


class Acquire(Struct):
    """All of `wants` or, with `partial`, what is free; with `wait`, a ticket for everything.

    The ids of claims and `ticket` are made by the caller. `lapsed`: by claim or ticket id, the holder's `renewed` as it was
    watched; `outlived`: by claim id, the token that stood longer than a grant may; `based_on`: by claim id, the marks of the
    keepers whose work the session's own contains; `take_up`: what the line gave and is asked for here is taken up.
    """

    wants: tuple[Want, ...] = field(Many(One(Want), least=1, most=MAX_PATTERNS), key="paths")
    ttl: int = field(WHOLE)
    reason: str = field(_SAID, default="")
    branch: str = field(_SAID, default="")
    partial: bool = field(FLAG, default=False)
    wait: bool = field(FLAG, default=False, omit=True)
    ticket: str = field(TEXT, default="", omit=True)
    priority: int = field(Whole(0, 100), default=tickets.DEFAULT_PRIORITY, omit=True)
    case_sensitive: bool = field(FLAG, default=False)
    take_up: bool = field(FLAG, default=False)
    lapsed: Mapping[str, int] = field(Table(WHOLE), default={})
    outlived: Mapping[str, int] = field(Table(WHOLE), default={}, omit=True)
    based_on: Mapping[str, tuple[str, ...]] = field(Table(Many(TEXT)), default={}, omit=True)

    def check(self) -> None:
        """Raise Broken where a place in the line has no id."""
        if self.wait and not is_ulid(self.ticket):
            raise Broken("an id was expected", "ticket")

    def patterns(self, answer: Claimed | None) -> Sequence[str] | None:
        """The patterns that it is about: of what is partial, only the answer tells."""
        if not self.partial:
            return [want.pattern for want in self.wants]
        return model.patterns(answer.granted if answer else None)


class Claimed(Answer):
    """What the session has of what it asked for, what it has not, and who had it before.

    `served`: claims that the waiting line was given by the way. `ticket`: the place in the line, where it waits.
    """

    granted: tuple[Claim, ...] = field(CLAIMS, default=())
    already_held: tuple[Claim, ...] = field(CLAIMS, default=())
    refused: tuple[Obstacle, ...] = field(Many(One(Obstacle)), default=())
    taken_over: tuple[Claim, ...] = field(CLAIMS, default=())
    served: tuple[Claim, ...] = field(CLAIMS, default=())
    ticket: Ticket | None = field(Maybe(One(Ticket)), default=None)
    blocked_by: tuple[Blocker, ...] = field(Many(One(Blocker)), default=(), omit=True)


class Release(Struct):
    """The session's own claims on or below `patterns` (None: all of them). With `some`, it is refused where that is nothing."""

    patterns: tuple[str, ...] | None = field(Maybe(PATTERNS))
    case_sensitive: bool = field(FLAG, default=False)
    some: bool = field(FLAG, default=False, omit=True)

    def about(self, answer: Released | None) -> Sequence[str] | None:
        """The patterns that it is about."""
        if self.patterns is not None:
            return self.patterns
        return model.patterns(answer.released if answer else None)


class Released(Answer):
    """What is free now, which patterns the session had no claim on, and what the waiting line was given."""

    released: tuple[Claim, ...] = field(CLAIMS, default=())
    not_held: tuple[str, ...] = field(Many(TEXT), default=())
    served: tuple[Claim, ...] = field(CLAIMS, default=())
