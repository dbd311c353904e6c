"""`session list|show`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from gitfleet.base import clock
from gitfleet.base.text import duration
from gitfleet.cli import boundary, render
from gitfleet.cli.answer import Answer
from gitfleet.cli.claiming import as_of, freshness
from gitfleet.cli.declaring import Argument
from gitfleet.cli.messages import heard
from gitfleet.cli.options import Json
from gitfleet.cli.status_view import alive
from gitfleet.fleet.fleet import Fleet
from gitfleet.fleet.views import sessions as views


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
        found, problems = views.everyone(fleet)
        cells = [
            (
                row["id"], alive(row), row["agent"], row["branch"], row["node"],
                duration(clock.now() - row["started_at"]), row["title"],
            )
            for row in found["sessions"]
        ]  # fmt: skip
        head = ("SESSION", "LIVENESS", "AGENT", "BRANCH", "NODE", "AGE", "TITLE")
        lines = render.table(cells, head) if cells else ["no sessions"]
        old = freshness(fleet, found["age"], len(found["tentative"]))
        warnings = [*problems, *heard(fleet), *old]
        return Answer("session list", found, [*lines, *as_of(fleet, found["age"])], warnings=warnings)


SHOWN = (
    "id", "liveness", "agent", "title", "branch", "base", "node", "worktree", "pid", "user", "pattern", "command",
)  # fmt: skip


def _show(session_id: str) -> Answer:
    with Fleet.open() as fleet:
        found = views.one(fleet, session_id)
        record: Mapping[str, object] = found["session"]
        lines = [f"{name}: {record[name]}" for name in SHOWN if record[name]]
        lines += [
            f"claim: {claim['pattern']} ({claim['mode']}, token {claim['token']})"
            for claim in found["claims"]
        ]
        lines += as_of(fleet, found["age"])
        warnings = [*heard(fleet), *freshness(fleet, found["age"], len(found["tentative"]))]
        return Answer("session show", found, lines, warnings=warnings)
