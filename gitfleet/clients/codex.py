"""Codex CLI: what its hooks say, what they are given, and how its sessions are named. Tried with the version in `TRIED`.

On the quick way to yes, hence without imports. A patch that the model sends through the shell tool is carried out as a
patch, but its hook call has the shell's name; so what a shell command says is read for one.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

NAME = "codex"
TRIED = "0.171.0"
VARIABLES: tuple[str, ...] = ("CODEX_SESSION_ID", "CODEX_THREAD_ID")
"""What names the session in the commands that it runs: as hooks' `session_id`, then the thread (the same but in subagents)."""
CALL = "x-codex-turn-metadata"
"""What names both with each call of a server's tool, in its `_meta`."""
NO_NETWORK = "CODEX_SANDBOX_NETWORK_DISABLED"
"""The variable of commands that may not use the network."""
PROCESS = ""
"""The variable with the client's process in its commands; Codex has none."""
TURN = "turn_id"

PROJECT = ".codex/hooks.json"
USER = "hooks.json"
HOME = ("CODEX_HOME", ".codex")
BLOCK = "AGENTS.md"
SKILL = ".agents/skills/gitfleet/SKILL.md"
SKILL_HOME = ("", ".agents")
"""Where its skills for all repositories are: a variable, or else a folder in the home folder."""
EVENTS: tuple[tuple[str, str | None, str, int, str], ...] = (
    ("PreToolUse", "apply_patch|Bash", "edit", 60, "0.123.0"),
    ("PostToolUse", "Bash", "after", 10, "0.123.0"),
    ("SessionStart", None, "begin", 60, "0.114.0"),
    ("Stop", None, "turn", 30, "0.114.0"),
    ("SessionEnd", None, "end", 3, "0.145.0"),
)
"""Event, matcher, our name for it, seconds, and the first version that has it as we need it. The end of a session gets three at most; Codex warns of more in its stream."""
NOTE = "Codex runs new hooks only once you have trusted them: start it, and look at /hooks."
READS_MAIN = True
"""Whether a linked worktree gets the hooks of the main checkout."""
OWN = False
"""Whether a linked worktree's own file is read."""
BACKGROUND: frozenset[str] = frozenset()
"""What has it work on before its first hook, after its command has ended."""
SANDBOX = ".codex/config.toml"
"""A worktree's own file that says what its sandbox lets commands do; read where the project is trusted."""
FOLDER = ".codex"
"""What a linked worktree must have for that, be it empty; where it has none, no project hooks are read at all."""

SHELLS = frozenset(["Bash", "shell", "local_shell", "exec_command"])
PATCH = "apply_patch"
BEGIN, END = "*** Begin Patch", "*** End Patch"
_HEADERS = ("*** Add File: ", "*** Update File: ", "*** Delete File: ", "*** Move to: ")
_UPDATES = _HEADERS[1], _HEADERS[3]


def edited(tool: str, given: object) -> list[str] | None:
    """The files that one of its own tools is about to change; None for other tools. Raises KeyError, TypeError."""
    if tool != PATCH:
        return None
    patch = given["command"] if isinstance(given, dict) else None
    if not isinstance(patch, str):
        raise TypeError("a patch is no text")
    return patched(patch)


def in_shell(command: str) -> str:
    """The patch that a shell command carries to `apply_patch`; "" where it carries none that can be recognised."""
    if BEGIN not in command or ("apply_patch" not in command and "applypatch" not in command):
        return ""
    parts = command.split(BEGIN)[1:]
    return "\n".join(BEGIN + part.partition(END)[0] for part in parts)


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


def is_shared(arguments: Sequence[str]) -> bool:
    """Whether a process with these arguments runs the sessions of many users' windows: its daemon."""
    return "app-server" in arguments[1:]
