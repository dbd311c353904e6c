"""`mcp`: this process becomes the server, which has nothing of the command line in its memory."""

from __future__ import annotations

import os
import sys

from gitfleet.base import resources
from gitfleet.cli.answer import Reply


def mcp() -> Reply:
    """Be the tools of an agent (claim, wait, release, check, status, queue, messages): MCP over standard input and output.

    An agent's client starts it (`gitfleet agent install` registers it). It acts for the session of this worktree, as
    commands do, and ends with its input.
    """
    os.execv(sys.executable, [sys.executable, "-I", "-S", resources.program("mcp/run.py")])
