"""`session list|show`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from gitfleet.base import clock
from gitfleet.base.names import SessionId
from gitfleet.base.text import duration
from gitfleet.cli import render
from gitfleet.cli.answer import Reply
from gitfleet.cli.claiming import informed
from gitfleet.cli.declaring import Argument
from gitfleet.cli.status_view import alive
from gitfleet.fleet.fleet import Fleet
from gitfleet.fleet.views import session_rows


def listing() -> Reply:
    """List all sessions of the fleet with their liveness."""
    with Fleet.open() as fleet:
        found, problems = session_rows.everyone(fleet)
        cells = [
            (
                row["id"], alive(row), row["agent"], row["branch"], row["node"],
                duration(clock.now() - row["started_at"]), row["title"],
            )
            for row in found["sessions"]
        ]  # fmt: skip
        head = ("SESSION", "LIVENESS", "AGENT", "BRANCH", "NODE", "AGE", "TITLE")
        lines = render.table(cells, head) if cells else ["no sessions"]
        return informed(fleet, found, lines, problems)


SHOWN = (
    "id", "liveness", "agent", "title", "branch", "base", "node", "worktree", "pid", "user", "pattern", "command",
)  # fmt: skip


def show(id_: Annotated[str, Argument(metavar="ID", complete="session_ids")]) -> Reply:
    """Show one session and its claims."""
    with Fleet.open() as fleet:
        found = session_rows.one(fleet, SessionId(id_))
        record: Mapping[str, object] = found["session"]
        lines = [f"{name}: {record[name]}" for name in SHOWN if record[name]]
        lines += [
            f"claim: {claim['pattern']} ({claim['mode']}, token {claim['token']})"
            for claim in found["claims"]
        ]
        return informed(fleet, found, lines)
