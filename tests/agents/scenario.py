"""What a scenario is: a function over a `World` that asserts what must be true; its first line of text is its row."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from tests.agents.models import Call
from tests.agents.world import World

Play = Callable[[World], None]


class Scenario(NamedTuple):
    """One scenario of one client."""

    client: str
    name: str
    says: str
    play: Play


SCENARIOS: list[Scenario] = []


def scenario(client: str) -> Callable[[Play], Play]:
    """Take a function up among the scenarios."""

    def known(play: Play) -> Play:
        says = (play.__doc__ or "").strip().split("\n")[0].rstrip(".")
        SCENARIOS.append(Scenario(client, play.__name__, says, play))
        return play

    return known


def update(path: str, new: str = "two", old: str = "one") -> str:
    """A file's part of a patch: its one line becomes another."""
    return f"*** Update File: {path}\n@@\n-{old}\n+{new}"


def patch(*parts: str) -> str:
    """A patch in Codex's format."""
    return "*** Begin Patch\n" + "\n".join(parts) + "\n*** End Patch\n"


def apply(*parts: str) -> Call:
    """Codex's call of its patch tool."""
    return Call("apply_patch", text=patch(*parts))


def run(command: str) -> Call:
    """Codex's call of its shell tool."""
    return Call("exec_command", {"cmd": command})


def edit(path: str, new: str = "two", old: str = "one") -> Call:
    """Claude Code's call of its edit tool."""
    return Call("Edit", {"file_path": path, "old_string": old, "new_string": new})


def bash(command: str) -> Call:
    """Claude Code's call of its shell tool."""
    return Call("Bash", {"command": command, "description": "work"})


HELD = "is held by session ben-1"
