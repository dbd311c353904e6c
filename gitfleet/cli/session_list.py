"""`session list|show`."""

from __future__ import annotations

from typing import Annotated, Any

from gitfleet.base import clock
from gitfleet.base.text import duration
from gitfleet.claims import model as claims
from gitfleet.cli import boundary, render
from gitfleet.cli.answer import Answer
from gitfleet.cli.claiming import as_of, freshness, knowledge
from gitfleet.cli.declaring import Argument
from gitfleet.cli.messages import heard
from gitfleet.cli.options import Json
from gitfleet.errors import FleetError, NoSession
from gitfleet.fleet.fleet import Fleet
from gitfleet.nodes import liveness
from gitfleet.nodes.liveness import Liveness
from gitfleet.nodes.peers import Peers
from gitfleet.sessions import model


def listing(as_json: Json = False) -> int:
    """List all sessions of the fleet with their liveness."""
    return boundary.run("session list", _list, as_json=as_json)


def show(
    id_: Annotated[str, Argument(metavar="ID", complete="session_ids")],
    as_json: Json = False,
) -> int:
    """Show one session and its claims."""
    return boundary.run("session show", lambda: _show(id_), as_json=as_json)


def _list() -> Answer:
    with Fleet.open() as fleet:
        state = fleet.current()
        rows, broken = [], []
        with fleet.peers() as peers:
            for item in model.everyone(state.view):
                if isinstance(item, FleetError):
                    broken.append(item.message)
                else:
                    rows.append(_record(fleet, item, peers))
        rows.sort(key=lambda row: (row["started_at"], row["id"]))
        cells = [
            (
                r["id"],
                str(Liveness(r["liveness"], r["quiet_for"])),
                r["agent"],
                r["branch"],
                r["node"],
                duration(clock.now() - r["started_at"]),
                r["title"],
            )
            for r in rows
        ]
        lines = (
            render.table(cells, ("SESSION", "LIVENESS", "AGENT", "BRANCH", "NODE", "AGE", "TITLE"))
            if rows
            else ["no sessions"]
        )
        return Answer(
            "session list",
            {"sessions": rows, **knowledge(state)},
            [*lines, *as_of(fleet, state)],
            warnings=[*broken, *peers.warnings, *heard(fleet), *freshness(fleet, state)],
        )


def _show(session_id: str) -> Answer:
    with Fleet.open() as fleet:
        state = fleet.current()
        session = model.find(state.view, session_id)
        if session is None:
            words = f"The fleet has no session '{session_id}' now."
            raise NoSession(
                words,
                hint=f"`gitfleet session list` shows those that are there; `gitfleet log --session {session_id}` what it did.",
                candidates=[],
            )
        with fleet.peers() as peers:
            record = _record(fleet, session, peers)
        held = [
            item.as_record()
            for item in claims.of_session(state.view, session_id)
            if isinstance(item, claims.Claim)
        ]
        wanted = (
            "id",
            "liveness",
            "agent",
            "title",
            "branch",
            "base",
            "node",
            "worktree",
            "pid",
            "user",
            "pattern",
            "command",
        )
        lines = [f"{name}: {record[name]}" for name in wanted if record[name]]
        lines += [f"claim: {claim['pattern']} ({claim['mode']}, token {claim['token']})" for claim in held]
        data = {"session": record, "claims": held, **knowledge(state)}
        lines += as_of(fleet, state)
        return Answer("session show", data, lines, warnings=[*heard(fleet), *freshness(fleet, state)])


def _record(fleet: Fleet, session: model.Session, peers: Peers) -> dict[str, Any]:
    found = liveness.liveness(session, fleet.ledger.node.id, peers)
    record = session.as_record()
    record["liveness"], record["quiet_for"] = found.word, found.quiet_for
    record["orchestration_pattern"] = session.pattern
    return record
