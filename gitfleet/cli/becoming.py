"""`mcp` on its quick way: this process becomes the server, before anything of the command line is loaded."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn


def command() -> list[str]:
    """The command line of the server. Without site packages, which only the commands that it runs need."""
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    return [sys.executable, "-I", "-S", os.path.join(package, "mcp", "run.py")]


def server() -> NoReturn:
    """Become the server."""
    argv = command()
    os.execv(argv[0], argv)
