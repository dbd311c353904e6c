"""What the commands about claims, the waiting line and messages print as data; see `schemas` for what holds of all."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from gitfleet.cli.commitshapes import JudgedCommit
from gitfleet.cli.shapes import (
    ClaimRecord,
    ClaimRow,
    Conflict,
    Data,
    Decided,
    Knowledge,
    Ticket,
    TicketRow,
    UnreadableRow,
    Verdict,
)


class Behind(Data):
    """Claimed paths of which a branch of the hub has newer versions than this worktree's HEAD: merge first."""

    pattern: str
    files: list[str]
    """Those that it matches and that differ; the first of them, if they are many. Empty where the commit is not here."""
    branch: str
    """The trunk; or, with `session`, where the last holder has pushed what has not landed."""
    commit: str
    """Where that branch is."""
    session: str


class Remarked(Data):
    """What to know of claims that were granted just now."""

    absent: list[str]
    """Granted, and no such path yet: nothing in a worktree of this clone or on a branch that it knows."""
    behind: list[Behind]
    by_name: list[str]
    """Granted with `[…]`, which is read as a name and as a class: both are claimed."""


class Claimed(Decided, Remarked):
    """`claim`."""

    granted: list[ClaimRecord]
    already_held: list[ClaimRecord]
    """What the session held before; renewed."""
    refused: list[Conflict]
    """With `--partial`: what was not granted."""
    taken_over: list[ClaimRecord]
    """Lapsed claims of others that were replaced."""
    served: list[ClaimRecord] = Field(default=[])
    """What thereby went to others who had waited for it."""
    ticket: Ticket | None = None
    """Always null here: only `--wait` stands in line."""
    hub_error: str = ""
    """While tentative: why the hub did not answer."""


class Waited(Remarked):
    """`claim --wait`. Once all is granted; before, it is the error `queued`, with `ticket` and `blocked_by`."""

    session: str
    outcome: Literal["granted", "tentative"]
    granted: list[ClaimRecord]
    already_held: list[ClaimRecord]


class Released(Decided):
    """`release`."""

    released: list[ClaimRecord]
    not_held: list[str]
    """What was named and nobody holds."""
    branch: str = ""
    """With `--branch`: the branch that retained it."""
    retained: list[ClaimRecord] = Field(default=[])
    """With `--branch`: what other branches or worktrees still retain."""
    served: list[ClaimRecord] = Field(default=[])
    """What thereby went to others who had waited for it."""
    hub_error: str = ""
    """While tentative: why the hub did not answer."""


class ClaimList(Knowledge):
    """`claims`."""

    claims: list[ClaimRow | UnreadableRow]


class Checked(Knowledge):
    """`check`."""

    session: str | None
    """For whom it was asked; null when no session is at work here."""
    paths: list[Verdict]


class CheckedCommits(Data):
    """`check --range` and `check --staged`, newest first."""

    base: str
    """The commits of the range; both empty with `--staged`."""
    head: str
    hub: str
    """The remote that was asked; empty when this clone is the hub."""
    trunk: str
    """The branch of the hub that the rules are from."""
    generation: int
    """The ledger that it was judged by."""
    ledger: str
    rules: str
    """`commits` of the rules; with `off`, nothing is judged."""
    commits: list[JudgedCommit]


class Line(Knowledge):
    """`waiting`."""

    tickets: list[TicketRow]
    """First place first."""
    left: int
    """With `--leave`: how many places were given up."""


class Told(Data):
    """`tell`."""

    session: str
    to: str
    text: str


class Offered(Data):
    """`offer`."""

    session: str
    to: str
    offered: list[ClaimRecord]


class Taken(Data):
    """`accept`."""

    session: str
    taken: list[ClaimRecord]
    behind: list[Behind]
    served: list[ClaimRecord] = Field(default=[])
    """What thereby went to others who had waited for it."""


class Broken(Data):
    """`break`."""

    session: str
    reason: str
    broken: list[ClaimRecord]
    """As they were."""
    served: list[ClaimRecord] = Field(default=[])
    """What thereby went to others who had waited for it."""
