"""Every error that gitfleet raises on purpose, and the public exit codes.

::

    FleetError                         70  (never raised itself; what escapes as such is our bug)
    ├── UsageError                      2  the request cannot be understood
    │   ├── BadPath                        a path that is no path of this repository
    │   ├── BadPattern                     a pattern that cannot be read
    │   ├── BadName                        a session id or name with characters that it may not have
    │   ├── NoRepository                   not in a git repository
    │   ├── UnsupportedRepository          SHA-256 objects and the like
    │   ├── NoFleet                        `gitfleet init` has not run here
    │   ├── NoSession                      no session, or several, could be meant
    │   └── NoEntry                        no entry of the merge queue, or several, could be meant
    ├── Conflict                       10  somebody else holds it
    │   ├── EntryMoved                     an entry of the merge queue is not (any more) where it could be moved so
    │   ├── RefMoved                       a branch is no longer where the operation was to move it from
    │   └── NoneHeld                       a release of what nobody holds (its caller is answered, and no command ends with it)
    ├── Queued                         11  waiting in line
    ├── Lost                           12  what was granted tentatively went to another
    ├── Unverifiable                   13  could not be verified
    │   └── HubAlarm                       the hub's ledger vanished, went back, or was rewritten
    ├── Deadlock                       14  waiting would never end
    ├── StaleFence                     15  a fencing token older than the present grant
    ├── PolicyRefused                  16  the fleet's rules say no
    ├── Blocked                        20  a safety gate: nothing was changed
    │   ├── LockHeld                       another process keeps the node's lock
    │   ├── Corrupt                        a record or a ledger commit that does not verify
    │   │   ├── Damaged                    an object of the ledger that is gone from this clone
    │   │   └── Malformed                  an operation whose body is not what its kind demands
    │   └── LocalStorage                   disk full, read-only, no permission
    ├── HubError                       30  the hub (or a host) could not do its part
    │   ├── HubUnreachable                 no connection, no answer, or not in time
    │   └── HubRefused                     it answered, and said no
    ├── NewerFormat                    40  written by a newer gitfleet
    └── InternalError                  70  our bug

`Interrupted` (130) is Python's own KeyboardInterrupt. Each error carries its facts as typed attributes (declared as the fields
of a record are, see `codec`), a `hint` (one next step), and survives pickling with all of them.

What an error leaves as it was is said once: by its class, or by `unharmed` where this one error knows better. A class
whose errors are also raised when something has changed already says nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, ClassVar, Literal, Self, dataclass_transform

from gitfleet import codec
from gitfleet.codec import FIELDS, TEXT, WHOLE, Choice, Field, Many, Maybe, One, Text, field
from gitfleet.obstacles import AnyAhead, Blocker, CycleStep, Obstacle, RunAhead

UNCHANGED = "Nothing was changed."
_LONG: Text[str] = Text(1 << 20)

EXIT_CODES: dict[int, tuple[str, str]] = {
    0: ("done", "It is done, or the answer is yes."),
    2: ("usage", "The request is not valid. Nothing was changed."),
    10: ("conflict", "Another session holds it. Nothing was changed."),
    11: ("queued", "Not yet. You have a place in the waiting line."),
    12: ("lost", "Your tentative or expired claim went to another session."),
    13: ("unverifiable", "Could not verify who holds it. Treat it as taken."),
    14: ("deadlock", "These sessions would wait for each other forever."),
    15: ("stale fence", "The claim behind this work now belongs to another session."),
    16: ("refused by policy", "The fleet's rules (gitfleet.yaml on the trunk) forbid it."),
    20: ("blocked by a safety gate", "Going on could lose something. Nothing was changed."),
    21: ("partial", "Some of it was done. The answer lists the rest."),
    30: ("hub or host unreachable", "The hub or host did not answer, or it refused."),
    40: ("newer format", "A newer gitfleet wrote this. Upgrade this one."),
    70: ("our bug", "This should never happen. Please report it."),
    130: ("interrupted", "Stopped by Ctrl-C or a signal."),
}


@dataclass_transform(kw_only_default=True, field_specifiers=(field,))
class _Facts:
    """What makes the facts of an error arguments of its constructor, for who checks types."""


class FleetError(_Facts, Exception):
    """Root of the tree. `message` says what happened, `unharmed` what is as it was ("": nobody can say), `hint` the next step."""

    exit_code: ClassVar[int] = 70
    if TYPE_CHECKING:  # what each constructor takes besides
        message: str = field(TEXT, kw_only=False)
        hint: str = field(TEXT, default="")
    unharmed: str = ""
    FACTS: ClassVar[tuple[Field, ...]] = ()

    def __init_subclass__(cls) -> None:
        cls.FACTS = codec.declared(vars(cls), cls.FACTS)
        for one in cls.FACTS:
            if one.name in vars(cls):
                delattr(cls, one.name)

    def __init__(self, message: str, *, hint: str = "", unharmed: str | None = None, **facts: object) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        if unharmed is not None:
            self.unharmed = unharmed
        for one in self.FACTS:
            setattr(self, one.name, facts.pop(one.name, one.default))
        if facts:
            raise TypeError(f"{type(self).__name__} has no fact '{next(iter(facts))}'")

    @property
    def facts(self) -> dict[str, object]:
        """The facts as JSON holds them."""
        values = {one.name: getattr(self, one.name) for one in self.FACTS}
        return {
            one.name: one.shape.encode(values[one.name])
            for one in self.FACTS
            if not (one.omit and values[one.name] == one.default)
        }

    @classmethod
    def told(cls, message: str, hint: str, unharmed: str, facts: Mapping[str, object]) -> Self:
        """The error of this kind that another process put so; facts that are none of this kind's are let go."""
        known = {}
        for one in cls.FACTS:
            try:
                known[one.name] = one.shape.decode(facts[one.key])
            except (KeyError, codec.Broken):
                continue
        return cls(message, hint=hint, unharmed=unharmed, **known)

    def again(self, message: str | None = None, **changes: object) -> Self:
        """The same error in other words (`message`, `hint`, `unharmed`), or with other facts."""
        known = {one.name: getattr(self, one.name) for one in self.FACTS}
        known |= {"hint": self.hint, "unharmed": self.unharmed}
        return type(self)(self.message if message is None else message, **{**known, **changes})

    def __reduce__(self) -> tuple[Callable[..., FleetError], tuple[object, ...]]:
        facts = {one.name: getattr(self, one.name) for one in self.FACTS}
        return _rebuild, (type(self), self.message, self.hint, self.unharmed, facts)

    @property
    def words(self) -> str:
        """What happened and what is unharmed, as sentences."""
        if not self.unharmed:
            return self.message
        stop = "" if self.message.endswith((".", "!", "?")) else "."
        return f"{self.message}{stop} {self.unharmed}"

    @property
    def status(self) -> str:
        """The machine-readable name of this kind of failure, e.g. `hub-unreachable`."""
        name = type(self).__name__
        return "".join(f"-{c.lower()}" if c.isupper() else c for c in name).lstrip("-")


def _rebuild(
    kind: type[FleetError], message: str, hint: str, unharmed: str, facts: dict[str, object]
) -> FleetError:
    return kind(message, hint=hint, unharmed=unharmed, **facts)


class UsageError(FleetError):
    """`base`: the branch that was named as another's base and is none."""

    exit_code = 2
    unharmed = UNCHANGED
    base: str = field(TEXT, default="", omit=True)


class BadPath(UsageError):
    """`path` as it was given."""

    path: str = field(TEXT, default="")


class BadPattern(UsageError):
    """`pattern` as it was given."""

    pattern: str = field(TEXT, default="")


class BadName(UsageError):
    """`name` as it was given."""

    name: str = field(TEXT, default="")


class NoRepository(UsageError):
    """`path` where a repository was looked for."""

    path: str = field(TEXT, default="")
    unharmed = ""


class UnsupportedRepository(UsageError):
    """`feature` is what the repository at `path` has and we cannot deal with."""

    path: str = field(TEXT, default="")
    feature: str = field(TEXT, default="")


class NoFleet(UsageError):
    """`path` of the clone that is in no fleet."""

    path: str = field(TEXT, default="")
    unharmed = ""


class NoSession(UsageError):
    """`candidates`: the ids of the sessions that could have been meant."""

    candidates: tuple[str, ...] = field(Many(TEXT), default=())


class NoEntry(UsageError):
    """`entry` as it was named."""

    entry: str = field(TEXT, default="")


class Conflict(FleetError):
    """`conflicts`: what stands in the way, each holder and path once; `place` (0: none) the one in the line that waiting would get."""

    exit_code = 10
    unharmed = UNCHANGED
    conflicts: tuple[Obstacle, ...] = field(Many(One(Obstacle)), default=())
    place: int = field(WHOLE, default=0, omit=True)


class EntryMoved(Conflict):
    """`entry` is in `state`; where it has landed, as the commit `landed`."""

    entry: str = field(TEXT, default="")
    state: str = field(TEXT, default="")
    landed: str = field(TEXT, default="", omit=True)


class RefMoved(Conflict):
    """`ref` was to move from `expected`, and is at `found` ("": there is none, or it is not known); nothing was moved."""

    ref: str = field(TEXT, default="")
    expected: str = field(TEXT, default="")
    found: str = field(TEXT, default="")


class NoneHeld(Conflict):
    """The session holds nothing of what it was to release; `not_held` is what was named, and nobody holds."""

    not_held: tuple[str, ...] = field(Many(TEXT), default=())


class Queued(FleetError):
    """`ticket` is the record of the place in the line, `blocked_by` lists what it waits for."""

    exit_code = 11
    ticket: Mapping[str, object] | None = field(Maybe(FIELDS), default=None, omit=True)
    blocked_by: tuple[Blocker | RunAhead, ...] = field(Many(AnyAhead()), default=(), omit=True)


class Lost(FleetError):
    """What was granted tentatively, or had expired, went to another."""

    exit_code = 12


class Unverifiable(FleetError):
    """It could not be found out; this never means that something is free."""

    exit_code = 13


AlarmKind = Literal["vanished", "behind", "diverged", "unreadable"]


class HubAlarm(Unverifiable):
    """`kind` of the alarm about `hub`; `verified` and `found` are the ledger's tips here and there (None: there is none)."""

    kind: AlarmKind = field(
        Choice[AlarmKind]("vanished", "behind", "diverged", "unreadable"), default="unreadable"
    )
    hub: str = field(TEXT, default="")
    verified: str | None = field(Maybe(TEXT), default=None)
    found: str | None = field(Maybe(TEXT), default=None)


class Deadlock(FleetError):
    """`cycle`: the sessions that would wait for each other, each for the next."""

    exit_code = 14
    unharmed = UNCHANGED
    cycle: tuple[CycleStep, ...] = field(Many(One(CycleStep)), default=(), omit=True)


class StaleFence(FleetError):
    """The work was done under a grant that has ended since."""

    exit_code = 15


class PolicyRefused(FleetError):
    """A rule of the fleet says no; the message names it."""

    exit_code = 16
    unharmed = UNCHANGED


class Blocked(FleetError):
    """`path`, `obstacles` (in words), or the `command` that failed and its exit `code`, where there is one."""

    exit_code = 20
    unharmed = UNCHANGED
    path: str = field(TEXT, default="", omit=True)
    obstacles: tuple[str, ...] = field(Many(TEXT), default=(), omit=True)
    command: str | None = field(Maybe(_LONG), default=None, omit=True)
    code: int | None = field(Maybe(WHOLE), default=None, omit=True)


class LockHeld(Blocked):
    """`lock` (path), `holder` (what its holder wrote down about itself)."""

    lock: str = field(TEXT, default="")
    holder: str = field(TEXT, default="")
    unharmed = ""


class Corrupt(Blocked):
    """`where` (path in the ledger, or commit); `generation` and how many commits were `verified` before it."""

    where: str = field(TEXT, default="")
    generation: int | None = field(Maybe(WHOLE), default=None, omit=True)
    verified: int | None = field(Maybe(WHOLE), default=None, omit=True)
    unharmed = ""


class Damaged(Corrupt):
    """`where` (path in the ledger, or the object's id)."""


class Malformed(Corrupt):
    """`where` names the operation, `part` what of its body is broken."""

    part: str = field(TEXT, default="")


class LocalStorage(Blocked):
    """`path` of the file or folder."""

    path: str = field(TEXT, default="")
    unharmed = ""


class HubError(FleetError):
    """`hub` (the remote's name), `output` (git's words, secrets taken out)."""

    exit_code = 30
    hub: str = field(TEXT, default="")
    output: str = field(TEXT, default="")


class HubUnreachable(HubError):
    """No connection to the hub, no answer, or not in time. What was asked for may have been done there."""


class HubRefused(HubError):
    """The hub answered, and said no."""


class NewerFormat(FleetError):
    """`where` it is, its `version`, and the newest that is `understood` here."""

    exit_code = 40
    where: str = field(TEXT, default="")
    version: int = field(WHOLE, default=0)
    understood: int = field(WHOLE, default=0)


class InternalError(FleetError):
    """Our bug, in an `operation`; or in a step of a demonstration: its `command`, run `where` in its `directory`, ended with `code`
    in place of `expected`.
    """

    exit_code = 70
    operation: str = field(TEXT, default="", omit=True)
    directory: str = field(TEXT, default="", omit=True)
    where: str = field(TEXT, default="", omit=True)
    command: tuple[str, ...] = field(Many(TEXT), default=(), omit=True)
    expected: int | None = field(Maybe(WHOLE), default=None, omit=True)
    code: int | None = field(Maybe(WHOLE), default=None, omit=True)
