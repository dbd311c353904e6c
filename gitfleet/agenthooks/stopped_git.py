"""What an agent is told after a command of git that its sandbox stopped: git itself only says that a file cannot be created.

Asked about each shell command, so on the quick way: standard library only, and nothing at all where git was not stopped.
"""

from __future__ import annotations

import os

from gitfleet.agenthooks import hook_input, place
from gitfleet.clients import acting

READ_ONLY = b"ead-only file system"
_GITS = (".lock'", "/.git/", "FETCH_HEAD", "cannot lock ref")
"""One of these stands in the same line where it is git's folder."""


def main(agent: str) -> int:
    """Answer the event; always 0, for the command has run."""
    try:
        data = hook_input.everything()
        words = _words(agent, hook_input.parse(data)) if READ_ONLY in data else ""
    except Exception:  # noqa: BLE001 - what cannot be read needs no word of ours
        return 0
    if words:
        from json import dumps  # only where there is something to say

        own = {"hookEventName": "PostToolUse", "additionalContext": f"gitfleet: {words}"}
        os.write(1, dumps({"hookSpecificOutput": own}).encode() + b"\n")
    return 0


def _words(agent: str, told: dict[str, object]) -> str:
    lines = str(told.get("tool_response", "")).split("\n")
    stopped = any(READ_ONLY.decode() in line and any(sign in line for sign in _GITS) for line in lines)
    places = place.find(["x"], str(told.get("cwd") or os.getcwd())) if stopped else []
    if not places:
        return ""
    from gitfleet.base.commands import spoken
    from gitfleet.clients import confined

    state = f"{places[0].common_dir}/gitfleet"
    session = acting.session_of(state, agent, str(told.get("session_id") or ""))
    committed = bool(session) and os.path.exists(f"{state}/commits/{session}.json")
    return spoken(confined.words(agent, confined.FOLDER, "commit", committed=committed))
