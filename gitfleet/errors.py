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
    ├── Unverifiable                   13  could not be verified
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

What an error leaves as it was is said once: by its class, or by `unharmed` where this one error knows better. A class
whose errors are also raised when something has changed already says nothing.
"""

from __future__ import annotations

from typing import Any, ClassVar

UNCHANGED = "Nothing was changed."

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


class FleetError(Exception):
    """Root of the tree. `message` says what happened, `unharmed` what is as it was ("": nobody can say), `hint` the next step."""

    exit_code: ClassVar[int] = 70
    unharmed: str = ""

    def __init__(self, message: str, *, hint: str = "", unharmed: str | None = None, **facts: Any) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.facts = facts
        if unharmed is not None:
            self.unharmed = unharmed

    def __getattr__(self, name: str) -> Any:
        facts = self.__dict__.get("facts", {})
        if name in facts:
            return facts[name]
        raise AttributeError(name)

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.message, self.hint, self.unharmed, self.facts)

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
    kind: type[FleetError], message: str, hint: str, unharmed: str, facts: dict[str, Any]
) -> FleetError:
    return kind(message, hint=hint, unharmed=unharmed, **facts)


class UsageError(FleetError):
    exit_code = 2
    unharmed = UNCHANGED


class BadPath(UsageError):
    """Facts: `path` as it was given."""


class BadPattern(UsageError):
    """Facts: `pattern` as it was given."""


class BadName(UsageError):
    """Facts: `name` as it was given."""


class NoRepository(UsageError):
    """Facts: `path` where a repository was looked for."""

    unharmed = ""


class UnsupportedRepository(UsageError):
    """Facts: `path`, `feature`."""


class NoFleet(UsageError):
    """Facts: `path`."""

    unharmed = ""


class NoSession(UsageError):
    """Facts: `candidates`, the ids that could have been meant."""


class Conflict(FleetError):
    """Facts: `conflicts`, a list of what stands in the way (JSON-ready, one item per holder and path)."""

    exit_code = 10
    unharmed = UNCHANGED


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
    unharmed = UNCHANGED


class StaleFence(FleetError):
    exit_code = 15


class PolicyRefused(FleetError):
    exit_code = 16
    unharmed = UNCHANGED


class Blocked(FleetError):
    exit_code = 20
    unharmed = UNCHANGED


class LockHeld(Blocked):
    """Facts: `lock` (path), `holder` (what its holder wrote down about itself)."""

    unharmed = ""


class Corrupt(Blocked):
    """Facts: `where` (path in the ledger, or commit)."""

    unharmed = ""


class Damaged(Corrupt):
    """Facts: `where` (path in the ledger, or the object's id)."""


class LocalStorage(Blocked):
    """Facts: `path`."""

    unharmed = ""


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
