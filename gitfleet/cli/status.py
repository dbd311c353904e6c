"""`status` on the full command line; what it says is in `status_view`."""

from __future__ import annotations

from typing import Annotated

from gitfleet.cli import status_view
from gitfleet.cli.answer import Reply, Watching
from gitfleet.cli.declaring import Option

EVERY = 2.0

Tail = Annotated[
    int, Option("--tail", metavar="N", min=0, help="Show the last N lines of each session's log, too.")
]
Watch = Annotated[bool, Option("--watch", help="Look again every 2 seconds until Ctrl-C.")]


def show(tail: Tail = 0, watch: Watch = False) -> Reply | Watching:
    """Show every session of the fleet: alive or not, where, on what, its claims and log. Local, without the network."""
    if watch:
        return Watching(lambda: status_view.look(tail), status_view.gist, EVERY)
    return status_view.look(tail)
