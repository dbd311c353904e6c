"""The fleet at one glance: every session with what is known of it, and how good that knowledge is.

Local: neither lock nor network. Reads each record once, runs one git process for each worktree of this clone that a
session is in, and none for sessions of other clones.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple, TypedDict

from gitfleet.base import clock
from gitfleet.base.background_work import Meanwhile
from gitfleet.base.names import BranchName, Oid, RepoPath, SessionId
from gitfleet.claims import model
from gitfleet.claims.model import Claim, Unreadable
from gitfleet.clone import Clone
from gitfleet.errors import FleetError
from gitfleet.fleet.attention.people_inbox import PeopleInbox
from gitfleet.fleet.views import asking_rows, claim_counts, daemon_rows, inbox_rows, records
from gitfleet.fleet.views.asking_rows import AskingRow
from gitfleet.fleet.views.daemon_rows import JobsGist
from gitfleet.fleet.views.inbox_rows import InboxTop
from gitfleet.fleet.views.records import ClaimRecord, Mode
from gitfleet.fleet.views.session_rows import SessionRow, known
from gitfleet.git.trees import Snapshot
from gitfleet.ledger.ledger import State
from gitfleet.ledger.model import View
from gitfleet.nodes import details, liveness, log_tails
from gitfleet.nodes.details import WantedTail
from gitfleet.nodes.liveness import Liveness
from gitfleet.nodes.observed import NodeState
from gitfleet.nodes.peers import Peers
from gitfleet.nodes.records import Detail
from gitfleet.sessions import session_records, told_conflicts
from gitfleet.sessions.session_records import Session
from gitfleet.sessions.told_conflicts import ToldPair
from gitfleet.trunk import hub_head, position

MANY_CLAIMS = 5000
"""Claims of live sessions from which on who shows the first of each does not read them all."""


class ClaimGist(TypedDict):
    """A claim in short."""

    pattern: str
    mode: Mode
    token: int


class ToldConflict(TypedDict):
    """A conflict to come of a session's branch, of which a session was told."""

    branch: BranchName
    """The other branch; the trunk where the session's conflicts with that."""
    session: str
    """Whose it is; "" for nobody's."""
    paths: list[RepoPath]


class SessionStatus(SessionRow):
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
    conflicts: list[ToldConflict]
    """What the radar has found and is not cleared."""
    log_tail: list[str]
    """With `--tail`: the last lines of its log, safe to show."""


class LedgerRow(TypedDict):
    """The ledger as this clone knows it."""

    node: str
    hub: str | None
    trunk: BranchName
    generation: int
    commit: Oid
    age: int | None
    """Seconds since the hub was last seen."""
    tentative: int
    """How many operations wait for the hub."""
    alarm: dict[str, object] | None
    """What is wrong with the hub's ledger; null when nothing is."""


class NodeRow(TypedDict):
    """Another node as this one last saw it."""

    node: str
    liveness: NodeState
    quiet_for: int | None
    host: str | None
    beat: int | None


class StatusAnswer(TypedDict):
    """`status`."""

    inbox: InboxTop
    """What needs a person."""
    sessions: list[SessionStatus]
    """Those that started first come first."""
    retained: list[ClaimRecord]
    """What branches and worktrees keep after their sessions have ended."""
    asking: list[AskingRow]
    """Agents of this clone's jobs that wait for a person."""
    ledger: LedgerRow
    nodes: list[NodeRow]
    jobs: JobsGist | None
    """Jobs of this clone's agents, in its own state directory; null where there never were any."""


class FleetStatus(NamedTuple):
    """What `status` finds, and what is wrong with parts of it, in words."""

    answer: StatusAnswer
    warnings: list[str]


def look(
    fleet: Clone, *, tail: int = 0, checkouts_of: details.Look | None = None, claims: bool | int = True
) -> FleetStatus:
    """Every session of the fleet, with the last `tail` lines of its log; and warnings. Raises NoFleet, NewerFormat, Corrupt.

    A record that cannot be read is a warning. Other nodes send at most 50 lines of a log. `checkouts_of` says of worktrees what git
    would, for who looks often. Without `claims`, those of each session are counted and not read: reading takes as long as there are many.
    With a number, so much is done where there are more; `first_claims` then tells the first of a session.
    """
    state, node = fleet.current(), fleet.ledger.node.id
    everyone, warnings = _sound(session_records.everyone(state.view))
    own = [session for session in everyone if session.node == node]
    if claims is not True and claims is not False:
        claims = sum(_count(state.view, session.id) for session in everyone) <= claims
    gathered = Meanwhile(lambda: _gather(fleet, own, tail, checkouts_of))
    held, unreadable = _by_session(model.everything(state.view) if claims else model.retained(state.view))
    told, problems = gathered.result()
    with fleet.peers() as peers:
        rows = [
            _status(session, held.get(session.id, ()), told.get(session.id), peers, node=node, tail=tail)
            for session in everyone
        ]
        nodes = [_node(peers, name) for name in peers.nodes]
        twice = fleet.node_ref.duplicate(peers)
    if not claims:
        for row in rows:
            row["claims"] = []
            row["claim_count"] = _count(state.view, row["id"])
    _put_conflicts(rows, state.view)
    rows.sort(key=lambda row: (row["started_at"], row["id"]))
    warnings += [
        *unreadable,
        *problems,
        *peers.warnings,
        *([twice] if twice else []),
        *hub_head.news(fleet.ledger),
    ]
    inbox = PeopleInbox(fleet).look(state, {id_: detail.liveness for id_, detail in told.items()})
    warnings += inbox.warnings
    kept = _left(held, {session.id for session in everyone})
    answer: StatusAnswer = {
        "inbox": inbox_rows.top(inbox),
        "sessions": rows,
        "retained": kept,
        "asking": asking_rows.look(fleet.repository.common_dir),
        "ledger": _ledger(fleet, state),
        "nodes": nodes,
        "jobs": daemon_rows.gist(fleet.repository.common_dir),
    }
    return FleetStatus(answer, warnings)


def first_claims(view: View, session: SessionId, most: int) -> list[ClaimGist]:
    """The first claims of a session, in the order of `look`; those that cannot be read are left out. Reads a note of each, and these."""
    found = [one for one in model.first_of_session(view, session, most) if isinstance(one, Claim)]
    return [_gist(claim) for claim in found]


def _count(view: Snapshot, session: SessionId) -> int:
    return claim_counts.names(view, f"{session_records.folder(session)}/claims")


def _gist(claim: Claim) -> ClaimGist:
    return {"pattern": claim.pattern, "mode": claim.mode, "token": claim.token}


def _gather(
    fleet: Clone, own: Sequence[Session], tail: int, checkouts_of: details.Look | None
) -> tuple[dict[str, Detail], list[str]]:
    """What this node can say of its own sessions. Waits for git."""
    return details.gather(
        fleet.repository, fleet.ledger, own, WantedTail(lines=tail),
        lambda: position.tip(fleet.repository.git, fleet.ledger.node), checkouts_of,
    )  # fmt: skip


def _status(
    session: Session, held: Sequence[Claim], own: Detail | None, peers: Peers, *, node: str, tail: int
) -> SessionStatus:
    detail = own or peers.detail(session.node, session.id)
    if own is not None:
        idle: int | None = max(0, clock.now() - own.active_at)
        found = Liveness(own.liveness)
    else:
        idle = peers.idle(session.node, detail) if detail else None
        found = liveness.liveness(session, node, peers)
    row: SessionStatus = {
        **known(session, found),
        "ahead": detail.ahead if detail else None,
        "behind": detail.behind if detail else None,
        "dirty": detail.dirty if detail else None,
        "idle": idle,
        "last_activity": detail.active_at if detail else session.renewed_at,
        "claim_count": len(held),
        "claims": [_gist(claim) for claim in held],
        "conflicts": [],
        "log_tail": list(log_tails.shown(detail.log_tail, tail)) if detail else [],
    }
    if detail and detail.branch is not None:  # as its worktree was last seen; else the one that it started on
        row["branch"] = BranchName(detail.branch)
    return row


def _put_conflicts(rows: Sequence[SessionStatus], view: View) -> None:
    by_id = {row["id"]: row for row in rows}
    for told in told_conflicts.everything(view):
        for session, other, rival in _sides(told):
            if row := by_id.get(SessionId(session)):
                row["conflicts"].append(
                    {
                        "branch": BranchName(other),
                        "session": rival,
                        "paths": [RepoPath(path) for path in told.paths],
                    }
                )


def _sides(told: ToldPair) -> list[tuple[str, str, str]]:
    """Both ways to look at a pair: a session, the other branch and its session."""
    (one, two), (first, second) = told.branches, told.owners
    return [(first, two, second), (second, one, first)]


def _sound(found: Iterable[Session | FleetError]) -> tuple[list[Session], list[str]]:
    sound, broken = [], []
    for item in found:
        if isinstance(item, FleetError):
            broken.append(item.message)
        else:
            sound.append(item)
    return sound, broken


def _by_session(found: Iterable[Claim | Unreadable]) -> tuple[dict[str, list[Claim]], list[str]]:
    """All claims in one pass: cheaper than each session's own list of them when every session is wanted."""
    held: dict[str, list[Claim]] = {}
    broken = []
    for item in found:
        if isinstance(item, Unreadable):
            broken.append(item.error.message)
        else:
            held.setdefault(item.session, []).append(item)
    return held, broken


def _left(held: Mapping[str, Sequence[Claim]], live: Collection[str]) -> list[ClaimRecord]:
    """The claims that sessions have left with branches and worktrees, by path."""
    found = [claim for id_, claims in held.items() if id_ not in live for claim in claims if claim.retained]
    return [records.claim(one) for one in sorted(found, key=lambda claim: (claim.pattern, claim.id))]


def _node(peers: Peers, name: str) -> NodeRow:
    beat, judgement = peers.heartbeat(name), peers.judgement(name)
    return {
        "node": name,
        "liveness": judgement.liveness,
        "quiet_for": judgement.quiet_for,
        "host": beat.host if beat else None,
        "beat": beat.beat if beat else None,
    }


def _ledger(fleet: Clone, state: State) -> LedgerRow:
    alarm = fleet.ledger.alarm()
    return {
        "node": fleet.ledger.node.id,
        "hub": fleet.ledger.node.hub or None,
        "trunk": BranchName(fleet.ledger.node.trunk),
        "generation": state.tip.generation,
        "commit": Oid(state.tip.oid),
        "age": state.age,
        "tentative": len(state.tentative),
        "alarm": {"message": alarm.message, "hint": alarm.hint, **alarm.facts} if alarm else None,
    }
