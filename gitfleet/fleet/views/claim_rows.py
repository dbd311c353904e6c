"""Claims as rows: as they stand, and what a change to a path would meet."""

from collections.abc import Iterable, Sequence
from typing import Literal, NotRequired, TypedDict, final

from gitfleet.base.names import RepoPath, SessionId
from gitfleet.claims.conflict_text import time_left
from gitfleet.claims.model import Claim, Unreadable
from gitfleet.claims.service import PathVerdict, Standing
from gitfleet.fleet.fleet import Fleet
from gitfleet.fleet.views import records
from gitfleet.fleet.views.knowledge import Knowledge, knowledge
from gitfleet.fleet.views.records import ClaimRecord, KeeperRecord
from gitfleet.fleet.views.rows import encoded
from gitfleet.ledger.ledger import State
from gitfleet.obstacles import Obstacle
from gitfleet.sessions import session_records
from gitfleet.sessions.session_records import Session


@final
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


@final
class UnreadableRow(TypedDict):
    """A record among the claims that cannot be read; it holds its place all the same."""

    id: Literal[""]
    pattern: str
    where: str
    problem: str


class ClaimListAnswer(Knowledge):
    """`claims`."""

    claims: list[ClaimRow | UnreadableRow]
    """By path."""


class HolderRow(TypedDict):
    """One claim that stands in the way of one path."""

    path: str
    """What was asked for."""
    witness: str
    """A path that both match."""
    exact: bool
    """False when they could not be proved apart within the bound, and so count as overlapping."""
    held: str
    """What the other session claims; where it is filed when the record cannot be read."""
    session: SessionId | None
    """The holder; null when the record cannot be read."""
    problem: NotRequired[str]
    """Why the record cannot be read. All below are absent then."""
    waiting: NotRequired[bool]
    """Whether it is no claim yet, but an earlier place in the waiting line."""
    retained: NotRequired[list[KeeperRecord]]
    claim: NotRequired[str]
    token: NotRequired[int]
    mode: NotRequired[str]
    node: NotRequired[str]
    branch: NotRequired[str]
    reason: NotRequired[str]
    ttl: NotRequired[int]
    agent: NotRequired[str]
    title: NotRequired[str]
    worktree: NotRequired[str]
    renewed: NotRequired[int]
    renewed_at: NotRequired[int]
    slots: NotRequired[list[int]]
    """On a resource: the numbers of its units."""
    capacity: NotRequired[int]
    """On a resource: how many units there are."""
    gone: NotRequired[bool]
    """Whether the process of the holder's session is known to be gone."""
    ends: NotRequired[str]
    """The command that ends that session, where it can be ended from this machine."""


class PathRow(TypedDict):
    """What a change to one path would meet."""

    path: RepoPath
    state: Standing
    holders: list[HolderRow]


class CheckAnswer(Knowledge):
    """`check`."""

    session: SessionId | None
    """For whom it was asked; null when no session is at work here."""
    paths: list[PathRow]


def listing(
    fleet: Fleet,
    *,
    session: SessionId | None = None,
    paths: Sequence[str] = (),
    older_than: int | None = None,
) -> tuple[ClaimListAnswer, list[str]]:
    """The claims of one session, on what meets some paths, granted longer ago than some seconds; and warnings.

    Without any of these all. Raises BadPath, BadPattern, BadName.
    """
    state = fleet.current()
    found = list(fleet.claims.find(state, session=session, texts=paths))
    known: dict[str, tuple[Session | None, bool]] = {}
    rows = [_row(fleet, state, item, known) for item in found]
    if older_than is not None:
        rows = [row for row in rows if (0 if "problem" in row else row["age"]) >= older_than]
    rows.sort(key=lambda row: (row["pattern"], row["id"]))
    warnings = [item.error.message for item in found if isinstance(item, Unreadable)]
    return {"claims": rows, **knowledge(state)}, warnings


def check(fleet: Fleet, session: SessionId | None, paths: Sequence[str]) -> CheckAnswer:
    """What a change to each of some paths would meet. Raises BadPath, BadPattern."""
    state = fleet.current()
    verdicts = fleet.claims.check(state, session, paths)
    return {
        "session": session,
        "paths": [_path(verdict) for verdict in verdicts],
        **knowledge(state),
    }


def holders(found: Iterable[Obstacle]) -> list[HolderRow]:
    """What stands in the way."""
    return [encoded(HolderRow, one) for one in found]


def _path(verdict: PathVerdict) -> PathRow:
    return {"path": RepoPath(verdict.path), "state": verdict.state, "holders": holders(verdict.holders)}


def _row(
    fleet: Fleet, state: State, item: Claim | Unreadable, known: dict[str, tuple[Session | None, bool]]
) -> ClaimRow | UnreadableRow:
    if isinstance(item, Unreadable):
        return {"id": "", "pattern": item.pattern, "where": item.where, "problem": item.error.message}
    if item.session not in known:
        known[item.session] = (
            session_records.known(state.view, item.session),
            fleet.claims.orphans.is_dead(item.session),
        )
    session, gone = known[item.session]
    left = time_left(item, session)
    renewed_at = session.renewed_at if session else item.granted_at
    return {
        **records.claim(item),
        "age": max(0, renewed_at + item.ttl - left - item.granted_at),
        "left": left,
        "tentative": item.operation in state.tentative,
        "lapsed": left <= 0 and not (item.retained and session is None),
        "gone": gone,
    }
