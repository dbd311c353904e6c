"""What an agent says before it edits: which of its tools, in which session, on which files.

Read without `json`, which brings regular expressions along; what the interpreter's own scanner does not take, `json`
does. Two agents, two tables: a tool that is in neither edits nothing that we know of.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MOST = 64 * 1024 * 1024
"""Bytes that an agent may say; a file's whole new content is among them."""

FILES = {
    "Edit": "file_path",
    "MultiEdit": "file_path",
    "Write": "file_path",
    "NotebookEdit": "notebook_path",
}
"""Claude Code's edit tools, and where each names its file."""

PATCH = "apply_patch"
_HEADERS = ("*** Add File: ", "*** Update File: ", "*** Delete File: ", "*** Move to: ")
_UPDATES = _HEADERS[1], _HEADERS[3]


class Edit:
    """One edit that an agent is about to make: `paths` as it named them, counted from `folder`; its own `session` ("": none)."""

    __slots__ = ("folder", "paths", "session")

    def __init__(self, session: str, folder: str, paths: list[str]) -> None:
        self.session, self.folder, self.paths = session, folder, paths


def read(agent: str) -> Edit | None:
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


def parse(data: bytes) -> dict[str, Any]:
    """The JSON object in `data`. Raises ValueError."""
    text = data.decode("utf-8").strip()
    try:
        from _json import make_scanner  # CPython's; elsewhere the ordinary reader does

        from gitfleet.githooks.records import Context

        found, end = make_scanner(Context)(text, 0)  # type: ignore[arg-type]  # reads attributes of anything
        whole = end == len(text)
    except (ImportError, StopIteration, TypeError, SystemError):
        from json import loads

        found, whole = loads(text), True
    if not whole or not isinstance(found, dict):
        raise ValueError("not one JSON object")
    return found


def edit(agent: str, told: dict[str, Any]) -> Edit | None:
    """The edit in what an agent told; None for a tool that edits no files. Raises KeyError, TypeError, ValueError."""
    tool, given = told["tool_name"], told.get("tool_input")
    if agent == "claude" and tool in FILES:
        paths = [given[FILES[tool]]]  # type: ignore[index]  # raises for anything but an object
    elif agent == "codex" and tool == PATCH:
        paths = patched(given["command"])  # type: ignore[index]  # the same
    else:
        return None
    folder, session = told.get("cwd") or os.getcwd(), told.get("session_id", "")
    if not all(isinstance(text, str) and text and "\0" not in text for text in (folder, *paths)):
        raise TypeError("a path is no text")
    for text in (folder, *paths):
        os.fsencode(text)  # raises ValueError for what no file can be called
    return Edit(session if isinstance(session, str) else "", folder, paths)


def patched(patch: str) -> list[str]:
    """The files that a patch in Codex's format adds, changes, deletes or moves to, each once.

    As Codex reads it, blanks before a header do not count, but within an update, where they make a line of the file.
    """
    found, updating = {}, False
    for given in patch.split("\n"):
        line = given if updating else given.lstrip()
        for header in _HEADERS:
            if line.startswith(header) and line[len(header) :].strip():
                found[line[len(header) :].strip()] = True
                updating = header in _UPDATES
    return list(found)
