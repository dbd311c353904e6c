"""What an agent says before it edits: which of its tools, in which session, on which files.

Read without `json`, which brings regular expressions along; what the interpreter's own scanner does not take, `json`
does. What the tools of each client say is in its module of `clients`; a tool that is in none edits nothing that we know of.
"""

from __future__ import annotations

import os

from gitfleet.base import fast_json
from gitfleet.clients import codex
from gitfleet.clients.acting import CLIENTS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

MOST = 64 * 1024 * 1024
"""Bytes that an agent may say; a file's whole new content is among them."""

SIGNS = (">", "tee")
"""One of these is in each command that `clients.shell` sees writing."""


class WantedEdit:
    """One edit that an agent is about to make: `paths` as it named them, counted from `folder`; its own `session` ("": none).

    `written` are files that a shell command writes; `turn` is the client's name for the turn that it is part of ("": none).
    """

    __slots__ = ("folder", "paths", "session", "turn", "written")

    def __init__(
        self, session: str, folder: str, paths: list[str], written: list[str] | None = None, turn: str = ""
    ) -> None:
        self.session, self.folder, self.paths = session, folder, paths
        self.written, self.turn = written or [], turn


def read(agent: str) -> WantedEdit | None:
    """The edit that standard input tells of; None when it tells of something else. Raises ValueError, KeyError, TypeError."""
    return edit(agent, parse(everything()))


def everything() -> bytes:
    """All of standard input. Raises ValueError when that is more than any agent has to say."""
    parts, size = [], 0
    while part := os.read(0, 1 << 20):
        parts.append(part)
        size += len(part)
        if size > MOST:
            raise ValueError("too much was said")
    return b"".join(parts)


def parse(data: bytes) -> dict[str, object]:
    """The JSON object in `data`. Raises ValueError."""
    text = data.decode("utf-8").strip()
    found, end = fast_json.scan(text)
    if end != len(text) or not isinstance(found, dict):
        raise ValueError("not one JSON object")
    return found


def edit(agent: str, told: dict[str, object]) -> WantedEdit | None:
    """The edit in what an agent told; None for a tool that edits no files. Raises KeyError, TypeError, ValueError."""
    client, tool, given = CLIENTS[agent], told["tool_name"], told.get("tool_input")
    folder, session, turn = told.get("cwd") or os.getcwd(), told.get("session_id"), told.get(client.TURN)
    if not isinstance(tool, str) or not isinstance(folder, str):
        raise TypeError("a tool's name or folder is no text")
    written: list[str] = []
    if tool in client.SHELLS:
        command = _text(given.get("command")) if isinstance(given, dict) else ""
        patch = client.in_shell(command)
        if not patch and not any(sign in command for sign in SIGNS):
            return None
        from gitfleet.clients import shell  # only where a command may write something

        paths = [os.path.join(shell.folder(command), path) for path in codex.patched(patch)] if patch else []
        written = [] if patch else shell.written(command)
    else:
        found = client.edited(tool, given)
        if found is None:
            return None
        paths = found
    _check((folder, *paths, *written))
    return WantedEdit(_text(session), folder, paths, written, _text(turn))


def _text(value: object) -> str:
    return value if isinstance(value, str) and "\0" not in value else ""


def _check(texts: Sequence[str]) -> None:
    for text in texts:
        if not text or "\0" in text:
            raise TypeError("a path is none")
        os.fsencode(text)  # raises ValueError for what no file can be called
