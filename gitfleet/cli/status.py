"""`status` on the full command line; what it says is in `status_view`."""

from __future__ import annotations

from typing import Annotated

from gitfleet.cli import boundary, status_view
from gitfleet.cli.declaring import Option
from gitfleet.cli.options import Json

EVERY = 2.0

Tail = Annotated[
    int, Option("--tail", metavar="N", min=0, help="Show the last N lines of each session's log, too.")
]
Watch = Annotated[bool, Option("--watch", help="Look again every 2 seconds until Ctrl-C.")]


def show(tail: Tail = 0, watch: Watch = False, as_json: Json = False) -> int:
    """Show every session of the fleet: alive or not, where, on what, its claims and log. Local, without the network."""
    if watch:
        return boundary.watch(
            "status", lambda: status_view.look(tail), as_json=as_json, gist=status_view.gist, every=EVERY
        )
    return boundary.run("status", lambda: status_view.look(tail), as_json=as_json)
