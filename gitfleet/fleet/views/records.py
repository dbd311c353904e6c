"""Records of the ledger as rows: claims, places in the waiting line, sessions."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal, NotRequired, TypedDict

from gitfleet.base.names import BranchName, Oid, SessionId
from gitfleet.fleet.views.rows import encoded

if TYPE_CHECKING:
    from gitfleet.claims.model import Claim
    from gitfleet.claims.tickets import Ticket
    from gitfleet.sessions.session_records import Session

Mode = Literal["exclusive", "shared"]


class KeeperRecord(TypedDict):
    """A branch, or a worktree, that a claim stays with also without its session."""

    branch: NotRequired[str]
    """The branch, until it lands; absent for a worktree."""
    head: NotRequired[Oid]
    """The commit that the branch is at: whose work contains it may have the claim."""
    node: NotRequired[str]
    worktree: NotRequired[str]
    """The worktree with changes on no branch: its path then. `tree` is git's name for it, `node` its clone."""
    tree: NotRequired[str]


class ClaimRecord(TypedDict):
    """A claim as it stands in the ledger."""

    v: int
    """Format of the record."""
    kind: Literal["claim"]
    id: str
    session: SessionId
    """Who holds it."""
    node: str
    """The clone that the session works in."""
    pattern: str
    """What is claimed, in canonical spelling."""
    mode: Mode
    token: int
    """The fencing token: the ledger generation of the grant."""
    ttl: int
    """Seconds that the claim lives without a sign of life of its session."""
    granted_at: int
    """When it was granted, by the clock of the session's node."""
    reason: str
    branch: str
    operation: str
    """The operation that made it."""
    nonce: str
    accept_within: NotRequired[int]
    """Seconds that the session has to take up what it waited for; absent once it has."""
    capacity: NotRequired[int]
    """On a resource: how many units there are, as the session's clone knew it. Absent for paths."""
    slots: NotRequired[list[int]]
    """On a resource: the numbers of the units that it has, from 0 on. Absent for paths."""
    uptime: NotRequired[str]
    """When it was granted, by the other clock of that node: its boot, and the seconds since."""
    retained: NotRequired[list[KeeperRecord]]
    """What it stays with, also without its session; absent for nothing."""
    upon: NotRequired[str]
    """The grants (`session@token`) whose work the session's own contains, where it got the claim from a branch."""


class WantRecord(TypedDict):
    """One path that is waited for."""

    pattern: str
    claim: str
    """The id that its claim will have."""
    mode: Mode
    capacity: NotRequired[int]
    """For a resource: how many units there are, as the session's clone knows it. Absent for paths."""


class TicketRecord(TypedDict):
    """A session's place in the waiting line."""

    v: int
    kind: Literal["ticket"]
    id: str
    session: SessionId
    node: str
    paths: list[WantRecord]
    since: int
    """The generation at which it came."""
    priority: int
    operation: str
    terms: dict[str, object]
    """What its claims will say."""
    nonce: str


class SessionRecord(TypedDict):
    """A session as it stands in the ledger."""

    v: int
    kind: Literal["session"]
    id: SessionId
    node: str
    worktree: str
    branch: BranchName
    """The branch that it is on, or was when it started; empty when detached."""
    base: Oid
    """The commit that it started from; empty before the first."""
    agent: str
    command: str
    """The command line of its process, cut to 500 characters."""
    pid: int
    """The process it lives with; 0 for a person's session."""
    start: int
    boot: str
    namespace: int
    user: str
    title: str
    orchestrator: str
    """What drives it, as it was told; empty when it was not."""
    pattern: str
    """What drives it, as inferred."""
    log: str
    person: bool
    """Whether it stands for a person in a worktree, and lives with no process."""
    started_at: int
    renewed: int
    """How often its lease was renewed."""
    renewed_at: int
    """When that was last, by the clock of its node: the lease of all its claims counts from here."""
    uptime: NotRequired[str]
    """The same by the other clock of that node: its boot, and the seconds since."""
    nonce: str


def claim(record: "Claim") -> ClaimRecord:
    """A claim as it stands in the ledger."""
    return encoded(ClaimRecord, record)


def claims(found: Iterable["Claim"]) -> list[ClaimRecord]:
    """Claims as they stand in the ledger."""
    return [claim(one) for one in found]


def ticket(record: "Ticket") -> TicketRecord:
    """A place in the waiting line as it stands in the ledger."""
    return encoded(TicketRecord, record)


def session(record: "Session") -> SessionRecord:
    """A session as it stands in the ledger."""
    return encoded(SessionRecord, record)
