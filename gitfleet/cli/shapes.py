"""The parts that the JSON output of several commands is made of, as models. What each command prints is in `schemas`.

Documentation that is held against real output by tests; nothing that runs imports this module.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class Data(BaseModel):
    """What all of them have in common."""

    model_config = ConfigDict(use_attribute_docstrings=True, strict=True)


class KeeperRecord(Data):
    """A branch, or a worktree, that a claim stays with also without its session."""

    branch: str = ""
    """The branch, until it lands; absent for a worktree."""
    head: str = ""
    """The commit that the branch is at: whose work contains it may have the claim."""
    node: str = ""
    worktree: str = ""
    """The worktree with changes on no branch: its path then. `tree` is git's name for it, `node` its clone."""
    tree: str = ""


class ClaimRecord(Data):
    """A claim as it stands in the ledger."""

    v: int
    """Format of the record."""
    kind: Literal["claim"]
    id: str
    session: str
    """Who holds it."""
    node: str
    """The clone that the session works in."""
    pattern: str
    """What is claimed, in canonical spelling."""
    mode: Literal["exclusive", "shared"]
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
    accept_within: int = 0
    """Seconds that the session has to take up what it waited for; 0 once it has."""
    capacity: int = 0
    """On a resource: how many units there are, as the session's clone knew it. Absent for paths."""
    slots: list[int] = []
    """On a resource: the numbers of the units that it has, from 0 on. Absent for paths."""
    uptime: str = ""
    """When it was granted, by the other clock of that node: its boot, and the seconds since."""
    retained: list[KeeperRecord] = Field(default=[])
    """What it stays with, also without its session; absent for nothing."""
    upon: str = ""
    """The grants (`session@token`) whose work the session's own contains, where it got the claim from a branch."""


class Want(Data):
    """One path that is waited for."""

    pattern: str
    claim: str
    """The id that its claim will have."""
    mode: Literal["exclusive", "shared"]
    capacity: int = 0
    """For a resource: how many units there are, as the session's clone knows it. Absent for paths."""


class Ticket(Data):
    """A session's place in the waiting line."""

    v: int
    kind: Literal["ticket"]
    id: str
    session: str
    node: str
    paths: list[Want]
    since: int
    """The generation at which it came."""
    priority: int
    operation: str
    terms: dict[str, Any]
    """What its claims will say."""
    nonce: str


class Blocker(Data):
    """One reason why a ticket waits."""

    wanted: str
    session: str
    """Who holds it, or waits for it before; empty when the record cannot be read."""
    held: str
    witness: str
    """A path that both match."""
    ticket: str
    """The ticket that stands before; empty for a claim."""


class TicketRow(Ticket):
    """A place in the waiting line, and what keeps it waiting."""

    place: int
    """1 is first."""
    blocked_by: list[Blocker]


class SessionRecord(Data):
    """A session as it stands in the ledger."""

    v: int
    kind: Literal["session"]
    id: str
    node: str
    worktree: str
    branch: str
    """The branch that it is on, or was when it started; empty when detached."""
    base: str
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
    uptime: str = ""
    """The same by the other clock of that node: its boot, and the seconds since."""
    nonce: str


class Conflict(Data):
    """One claim that stands in the way of one path."""

    path: str
    """What was asked for."""
    witness: str
    """A path that both match."""
    exact: bool
    """False when they could not be proved apart within the bound, and so count as overlapping."""
    held: str
    """What the other session claims; where it is filed when the record cannot be read."""
    session: str | None
    """The holder; null when the record cannot be read."""
    problem: str = ""
    """Why the record cannot be read."""
    waiting: bool = False
    """Whether it is no claim yet, but an earlier place in the waiting line."""
    retained: list[KeeperRecord] = Field(default=[])
    claim: str = ""
    token: int = 0
    mode: str = ""
    node: str = ""
    branch: str = ""
    reason: str = ""
    ttl: int = 0
    agent: str = ""
    title: str = ""
    worktree: str = ""
    renewed: int = 0
    renewed_at: int = 0
    gone: bool = False
    """Whether the process of the holder's session is known to be gone."""
    ends: str = ""
    """The command that ends that session, where it can be ended from this machine."""


class Outcome(Data):
    """How far an operation came."""

    outcome: Literal["tentative", "confirmed"]
    """`confirmed`: the hub has it, by its own word; `tentative`: not there yet."""
    generation: int
    """The ledger generation that carries it; -1 while tentative."""


class Decided(Outcome):
    """How far an operation came, and which it was."""

    commit: str
    """The ledger commit that carries it; empty while tentative."""
    operation: str
    session: str


class Knowledge(Data):
    """How good the local knowledge is that an answer rests on."""

    generation: int
    commit: str
    age: int | None
    """Seconds since the hub was last seen; null when this clone is its own hub or never saw it."""
    tentative: list[str]
    """Operations that the hub has not seen, and that this answer counts in."""


class Probe(Data):
    """One thing that was tried on the hub."""

    what: str
    ok: bool
    words: str


class Hooks(Data):
    """Where the hooks are."""

    folders: list[str]
    notes: list[str]


class SessionRow(SessionRecord):
    """A session with what is known of it now."""

    liveness: Literal["alive", "person", "quiet", "unknown", "dead"]
    quiet_for: int | None
    """Seconds that its node has not moved while this one watched; null unless `quiet`."""
    orchestration_pattern: str


class ClaimRow(ClaimRecord):
    """A claim with what is known of it now."""

    age: int
    """Seconds since it was granted."""
    left: int
    """Seconds until it lapses, by the clock of the node that granted it; for display."""
    tentative: bool
    lapsed: bool
    gone: bool
    """Whether this machine knows that the process of its session is gone."""


class UnreadableRow(Data):
    """A record among the claims that cannot be read; it holds its place all the same."""

    id: Literal[""]
    pattern: str
    where: str
    problem: str


class Verdict(Data):
    """What a change to one path would meet."""

    path: str
    state: Literal["free", "mine", "theirs", "unverifiable"]
    holders: list[Conflict]


class Finding(Data):
    """One thing that was looked at."""

    what: str
    ok: bool
    words: str
    advice: str


class ClaimGist(Data):
    """A claim in short."""

    pattern: str
    mode: Literal["exclusive", "shared"]
    token: int


class SessionGlance(SessionRow):
    """A session with all that is known of it now; null where that is nothing."""

    ahead: int | None
    """Commits that the trunk does not have."""
    behind: int | None
    """Commits of the trunk that its branch does not have."""
    dirty: int | None
    """Uncommitted paths."""
    idle: int | None
    """Seconds without activity."""
    last_activity: int
    """When it was last active, by the clock of its node."""
    claim_count: int
    claims: list[ClaimGist]
    log_tail: list[str]
    """With `--tail`: the last lines of its log, safe to show."""


class LedgerGlance(Data):
    """The ledger as this clone knows it."""

    node: str
    hub: str | None
    trunk: str
    generation: int
    commit: str
    age: int | None
    """Seconds since the hub was last seen."""
    tentative: int
    alarm: dict[str, Any] | None
    """What is wrong with the hub's ledger; null when nothing is."""


class NodeGlance(Data):
    """Another node as this one last saw it."""

    node: str
    liveness: Literal["alive", "quiet", "unknown"]
    quiet_for: int | None
    host: str | None
    beat: int | None


class DemoStep(Data):
    """One command of the demonstration, as it was run."""

    says: str
    where: str
    """The folder below `directory`."""
    command: list[str]
    edited: list[str]
    """Files of that folder that were changed before it ran."""
    expected: int
    code: int
    output: str
