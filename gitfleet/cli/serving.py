"""`mcp`: this process becomes the server, which has nothing of the command line in its memory."""

from __future__ import annotations

import json
import os
import sys
from typing import Annotated

from gitfleet.base import resources
from gitfleet.cli.answer import Reply
from gitfleet.cli.declaring import Option
from gitfleet.fleet.views.server_rows import McpAnswer

Show = Annotated[
    bool, Option("--show", help="Print what a client's configuration takes, and do nothing else.")
]


def mcp(show: Show = False) -> Reply:
    """Be the tools of an agent, over the Model Context Protocol: claim, release, wait, check, status, queue, messages.

    An agent's client starts it, and speaks to it on standard input and output; `gitfleet agent install` registers it. It acts for
    the session of this worktree, as commands do, and ends with its input.
    """
    told: McpAnswer = {"command": sys.executable, "args": ["-I", "-S", resources.program("mcp/run.py")]}
    if not show:
        os.execv(told["command"], [told["command"], *told["args"]])
    return Reply(told, json.dumps({"mcpServers": {"gitfleet": told}}, indent=2).split("\n"))
