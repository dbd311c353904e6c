"""`status` on the full command line; what it says is in `status_view`."""

from __future__ import annotations

from typing import Annotated

from gitfleet.cli import status_view
from gitfleet.cli.answer import Reply, Watching
from gitfleet.cli.declaring import JSON, Option

Tail = Annotated[
    int, Option("--tail", metavar="N", min=0, help="Show the last N lines of each session's log, too.")
]
Watch = Annotated[bool, Option("--watch", help="Go on until Ctrl-C: show it again whenever it has changed.")]
AsJson = Annotated[bool, JSON.declared]


def show(tail: Tail = 0, watch: Watch = False, as_json: AsJson = False) -> Reply | Watching:
    """Show every session of the fleet: alive or not, where, on what, its claims and log. Local, without the network."""
    if watch:
        from gitfleet.cli import status_watch  # for this alone

        return status_watch.start(tail, whole=as_json)
    return status_view.look(tail, whole=as_json)
