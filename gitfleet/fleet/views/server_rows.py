"""How our server of tools is started, as a row."""

from __future__ import annotations

from typing import TypedDict


class McpAnswer(TypedDict):
    """`mcp --show`: what a client's configuration takes; without the option the command answers nothing, and serves."""

    command: str
    """The program."""
    args: list[str]
    """What it is told."""
