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
    │   └── NoSession                      no session, or several, could be meant
    ├── Conflict                       10  somebody else holds it
    ├── Queued                         11  waiting in line
    ├── Lost                           12  what was granted tentatively went to another
    ├── Unverifiable                   13  the truth could not be established
    │   ├── StaleState                     local knowledge is too old to say yes
    │   └── HubAlarm                       the hub's ledger vanished, went back, or was rewritten
    ├── Deadlock                       14  waiting would never end
    ├── StaleFence                     15  a fencing token older than the present grant
    ├── PolicyRefused                  16  the fleet's rules say no
    ├── Blocked                        20  a safety gate: nothing was changed
    │   ├── LockHeld                       another process keeps the node's lock
    │   ├── Corrupt                        a record or a ledger commit that does not verify
    │   │   └── Damaged                    an object of the ledger that is gone from this clone
    │   └── LocalStorage                   disk full, read-only, no permission
    ├── Partial                        21  some of it was done
    ├── HubError                       30  the hub (or a host) could not do its part
    │   ├── HubUnreachable                 no connection, no answer, or not in time
    │   └── HubRefused                     it answered, and said no
    ├── NewerFormat                    40  written by a newer gitfleet
    └── InternalError                  70  our bug

`Interrupted` (130) is Python's own KeyboardInterrupt. Each error carries its facts as attributes, a
`hint` (one next step), and survives pickling with all of them.
"""

from __future__ import annotations

from typing import Any, ClassVar

EXIT_CODES: dict[int, tuple[str, str]] = {
    0: ("done", "It is done, or the answer is yes."),
    2: ("usage", "The request could not be understood. Nothing was changed."),
    10: ("conflict", "Another session holds it. Nothing was changed."),
    11: ("queued", "Not yet: you have a place in the waiting line."),
    12: ("lost", "What you held tentatively, or let lapse, went to another session."),
    13: ("unverifiable", "The truth could not be established; this never means free."),
    14: ("deadlock", "Waiting would close a cycle of sessions that wait for each other."),
    15: ("stale fence", "The work was done under a grant that has since been given to another."),
    16: ("refused by policy", "The fleet's rules (gitfleet.yaml on the trunk) say no."),
    20: ("blocked by a safety gate", "Going on could lose something, so nothing was changed."),
    21: ("partial", "Some of it was done; the answer lists what was not."),
    30: ("hub or host unreachable", "The other side could not be reached, or refused."),
    40: ("newer format", "Written by a newer gitfleet; upgrade this one."),
    70: ("our bug", "Something that should never happen. Please report it."),
    130: ("interrupted", "Stopped by Ctrl-C or a signal."),
}


class FleetError(Exception):
    """Root of the tree. `message` says what happened and what is unharmed, `hint` the next step."""

    exit_code: ClassVar[int] = 70

    def __init__(self, message: str, *, hint: str = "", **facts: Any) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.facts = facts

    def __getattr__(self, name: str) -> Any:
        facts = self.__dict__.get("facts", {})
        if name in facts:
            return facts[name]
        raise AttributeError(name)

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.message, self.hint, self.facts)

    @property
    def status(self) -> str:
        """The machine-readable name of this kind of failure, e.g. `hub-unreachable`."""
        name = type(self).__name__
        return "".join(f"-{c.lower()}" if c.isupper() else c for c in name).lstrip("-")


def _rebuild(kind: type[FleetError], message: str, hint: str, facts: dict[str, Any]) -> FleetError:
    return kind(message, hint=hint, **facts)


class UsageError(FleetError):
    exit_code = 2


class BadPath(UsageError):
    """Facts: `path` as it was given."""


class BadPattern(UsageError):
    """Facts: `pattern` as it was given."""


class BadName(UsageError):
    """Facts: `name` as it was given."""


class NoRepository(UsageError):
    """Facts: `path` where a repository was looked for."""


class UnsupportedRepository(UsageError):
    """Facts: `path`, `feature`."""


class NoFleet(UsageError):
    """Facts: `path`."""


class NoSession(UsageError):
    """Facts: `candidates`, the ids that could have been meant."""


class Conflict(FleetError):
    """Facts: `conflicts`, a list of what stands in the way (JSON-ready, one item per holder and path)."""

    exit_code = 10


class Queued(FleetError):
    exit_code = 11


class Lost(FleetError):
    exit_code = 12


class Unverifiable(FleetError):
    exit_code = 13


class StaleState(Unverifiable):
    """Facts: `age`, seconds since the hub was last seen."""


class HubAlarm(Unverifiable):
    """Facts: `kind` (`vanished`, `behind`, `diverged`, `unreadable`), `verified` and `found` (object ids or None)."""


class Deadlock(FleetError):
    exit_code = 14


class StaleFence(FleetError):
    exit_code = 15


class PolicyRefused(FleetError):
    exit_code = 16


class Blocked(FleetError):
    exit_code = 20


class LockHeld(Blocked):
    """Facts: `lock` (path), `holder` (what its holder wrote down about itself)."""


class Corrupt(Blocked):
    """Facts: `where` (path in the ledger, or commit)."""


class Damaged(Corrupt):
    """Facts: `where` (path in the ledger, or the object's id)."""


class LocalStorage(Blocked):
    """Facts: `path`."""


class Partial(FleetError):
    exit_code = 21


class HubError(FleetError):
    """Facts: `hub` (the remote's name), `output` (git's words, secrets taken out)."""

    exit_code = 30


class HubUnreachable(HubError):
    pass


class HubRefused(HubError):
    pass


class NewerFormat(FleetError):
    """Facts: `where`, `version`, `understood`."""

    exit_code = 40


class InternalError(FleetError):
    exit_code = 70
