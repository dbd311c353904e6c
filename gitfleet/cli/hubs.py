"""`hub-hook install` and `hub-hook uninstall`: the gate of a bare repository that is a hub."""

from __future__ import annotations

import sys
from typing import Annotated

from gitfleet.base.text import display
from gitfleet.cli.answer import Reply
from gitfleet.cli.declaring import Argument
from gitfleet.fleet import hooks
from gitfleet.fleet.views.hubs import HubHookInstallAnswer, HubHookUninstallAnswer
from gitfleet.githooks import hub_hook

Where = Annotated[str, Argument(metavar="PATH", help="The bare repository that clones push to.")]

_REACH = (
    "it judges what git itself receives here (over ssh, git-http-backend, or a path); servers with a git of their own, such "
    "as JGit's and dulwich's, run no hooks, so it is not in force there"
)


def install(path: Where) -> Reply:
    """Put a pre-receive hook into a bare repository; one that is there is kept, and runs first. Twice is harmless."""
    done = hub_hook.install(path, interpreter=sys.executable, gate=hooks.script())
    state = "put into" if done.changed else "in place in"
    lines = [f"hook: {state} {display(', '.join(done.folders))}", *done.notes, _REACH]
    data: HubHookInstallAnswer = {
        "folders": list(done.folders), "changed": done.changed, "notes": list(done.notes),
    }  # fmt: skip
    return Reply(data, lines, code=21 if done.closed else 0, warnings=done.closed)


def uninstall(path: Where) -> Reply:
    """Remove the hook again, and restore what was there before."""
    done = hub_hook.uninstall(path)
    lines = ["the hook is gone from this repository" if done.changed else "there was no hook of gitfleet"]
    data: HubHookUninstallAnswer = {"changed": done.changed, "notes": list(done.notes)}
    return Reply(data, [*lines, *done.notes])
