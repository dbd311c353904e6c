"""`mcp`: the server of tools, and how it is started."""

from __future__ import annotations

import json
from typing import Annotated

from gitfleet.cli import becoming
from gitfleet.cli.answer import Reply
from gitfleet.cli.declaring import Option
from gitfleet.fleet.views.server_rows import McpAnswer

Show = Annotated[
    bool, Option("--show", help="Print what a client's configuration takes, and do nothing else.")
]


def mcp(show: Show = False) -> Reply:
    """Serve tools to an agent over the Model Context Protocol: claim, release, wait, check, status, queue, messages.

    An agent's client starts it, and speaks to it on standard input and output; `gitfleet agent install` registers it. It acts for
    the session of this worktree, as commands do, and ends with its input.
    """
    if not show:
        becoming.server()
    program, *args = becoming.command()
    told: McpAnswer = {"command": program, "args": args}
    return Reply(told, json.dumps({"mcpServers": {"gitfleet": told}}, indent=2).split("\n"))
