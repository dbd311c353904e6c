"""The fleet at one glance: every session with what is known of it, and how good that knowledge is.

Local: neither lock nor network. Reads each record once, runs one git process for each worktree of this clone that a
session is in, and none for sessions of other clones.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from gitfleet.base import clock
from gitfleet.claims import model as claims
from gitfleet.claims.model import Claim, Unreadable
from gitfleet.clone import Clone
from gitfleet.errors import FleetError
from gitfleet.ledger.ledger import State
from gitfleet.nodes import details, log_tails
from gitfleet.nodes import liveness as situation
from gitfleet.nodes.details import Wanted
from gitfleet.nodes.liveness import Liveness
from gitfleet.nodes.peers import Peers
from gitfleet.nodes.records import Detail
from gitfleet.sessions import model as sessions
from gitfleet.sessions.model import Session
from gitfleet.trunk import hub_head, position


class SessionStatus(NamedTuple):
    """One session. `detail` is what its node says of it, None when nothing is known; `idle` in seconds.

    `log_tail` is safe to show, and empty unless asked for.
    """

    session: Session
    liveness: Liveness
    claims: Sequence[Claim]
    detail: Detail | None
    idle: int | None
    log_tail: Sequence[str]

    @property
    def branch(self) -> str:
        """The branch that its worktree is on as last seen, else the one that it started on."""
        found = self.detail.branch if self.detail else None
        return self.session.branch if found is None else found

    def as_record(self) -> dict[str, Any]:
        """JSON-ready: the session's own record, and beside it what is known now."""
        detail = self.detail
        return {
            **self.session.as_record(),
            "liveness": self.liveness.word,
            "quiet_for": self.liveness.quiet_for,
            "orchestration_pattern": self.session.pattern,
            "branch": self.branch,
            "ahead": detail.ahead if detail else None,
            "behind": detail.behind if detail else None,
            "dirty": detail.dirty if detail else None,
            "idle": self.idle,
            "last_activity": detail.active_at if detail else self.session.renewed_at,
            "claim_count": len(self.claims),
            "claims": [{"pattern": c.pattern, "mode": c.mode, "token": c.token} for c in self.claims],
            "log_tail": list(self.log_tail),
        }


class Status(NamedTuple):
    """The whole answer. `retained` are the claims that branches and worktrees keep after their sessions; `ledger` and `nodes` are JSON-ready; `warnings` name what could not be read or trusted."""

    sessions: Sequence[SessionStatus]
    retained: Sequence[Claim]
    ledger: Mapping[str, Any]
    nodes: Sequence[Mapping[str, Any]]
    warnings: Sequence[str]
    state: State

    def as_record(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "sessions": [item.as_record() for item in self.sessions],
            "retained": [claim.as_record() for claim in self.retained],
            "ledger": dict(self.ledger),
            "nodes": [dict(node) for node in self.nodes],
        }


def gather(fleet: Clone, *, tail: int = 0) -> Status:
    """Look at every session of the fleet, with the last `tail` lines of their logs. Raises NoFleet, NewerFormat, Corrupt.

    A record that cannot be read is a warning. Other nodes send at most 50 lines of a log.
    """
    state, node = fleet.current(), fleet.ledger.node.id
    known, warnings = _sound(sessions.everyone(state.view))
    held, unreadable = _by_session(claims.everything(state.view))
    own = [session for session in known if session.node == node]
    told, problems = details.gather(
        fleet.repository,
        fleet.ledger,
        own,
        Wanted(lines=tail),
        lambda: position.tip(fleet.repository.git, fleet.ledger.node),
    )
    with fleet.peers() as peers:
        rows = [
            _status(session, held.get(session.id, ()), told.get(session.id), peers, node=node, tail=tail)
            for session in known
        ]
        nodes = [_node(peers, name) for name in peers.nodes]
        twice = fleet.node_ref.duplicate(peers)
    rows.sort(key=lambda row: (row.session.started_at, row.session.id))
    warnings += [
        *unreadable,
        *problems,
        *peers.warnings,
        *([twice] if twice else []),
        *hub_head.news(fleet.ledger),
    ]
    kept = _left(held, {session.id for session in known})
    return Status(rows, kept, _ledger(fleet, state), nodes, warnings, state)


def _status(
    session: Session, held: Sequence[Claim], own: Detail | None, peers: Peers, *, node: str, tail: int
) -> SessionStatus:
    if own is not None:
        detail: Detail | None = own
        idle: int | None = max(0, clock.now() - own.active_at)
        liveness = Liveness(own.liveness)
    else:
        detail = peers.detail(session.node, session.id)
        idle = peers.idle(session.node, detail) if detail else None
        liveness = situation.liveness(session, node, peers)
    return SessionStatus(
        session=session,
        liveness=liveness,
        claims=held,
        detail=detail,
        idle=idle,
        log_tail=log_tails.shown(detail.log_tail, tail) if detail else (),
    )


def _sound(found: Iterable[Session | FleetError]) -> tuple[list[Session], list[str]]:
    known, broken = [], []
    for item in found:
        if isinstance(item, FleetError):
            broken.append(item.message)
        else:
            known.append(item)
    return known, broken


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


def _left(held: Mapping[str, Sequence[Claim]], live: Collection[str]) -> list[Claim]:
    """The claims that sessions have left with branches and worktrees, by path."""
    found = [claim for id_, claims in held.items() if id_ not in live for claim in claims if claim.retained]
    return sorted(found, key=lambda claim: (claim.pattern, claim.id))


def _node(peers: Peers, name: str) -> dict[str, Any]:
    beat, judgement = peers.heartbeat(name), peers.judgement(name)
    return {
        "node": name,
        "liveness": judgement.liveness,
        "quiet_for": judgement.quiet_for,
        "host": beat.host if beat else None,
        "beat": beat.beat if beat else None,
    }


def _ledger(fleet: Clone, state: State) -> dict[str, Any]:
    alarm = fleet.ledger.alarm()
    return {
        "node": fleet.ledger.node.id,
        "hub": fleet.ledger.node.hub or None,
        "trunk": fleet.ledger.node.trunk,
        "generation": state.tip.generation,
        "commit": state.tip.oid,
        "age": state.age,
        "tentative": len(state.tentative),
        "alarm": {"message": alarm.message, "hint": alarm.hint, **alarm.facts} if alarm else None,
    }
