"""Terminals of their own for clients that want one, under tmux."""

from __future__ import annotations

import shlex
from pathlib import Path

from tests.agents.world import World


def opened(world: World, name: str, cwd: Path, *argv: str) -> None:
    """A terminal with a command in it."""
    size = ("-x", "150", "-y", "50")
    done = _tmux(world, "-f", "/dev/null", "new-session", "-d", "-s", name, *size, "-c", str(cwd), shlex.join(argv))  # fmt: skip
    assert done == 0, argv


def typed(world: World, name: str, *keys: str) -> None:
    """Press keys there."""
    _tmux(world, "send-keys", "-t", name, *keys)


def shown(world: World, name: str) -> str:
    """What stands on it."""
    return world.run(world.ada, "tmux", "-L", world.root.name, "capture-pane", "-p", "-t", name).out


def closed(world: World) -> None:
    """Close all of them."""
    _tmux(world, "kill-server")


def _tmux(world: World, *argv: str) -> int:
    return world.run(world.ada, "tmux", "-L", world.root.name, *argv).code
