"""Claude Code: what its hooks say, what they are given, and how its sessions are named. Tried with the version in `TRIED`.

On the quick way to yes, hence without imports.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

NAME = "claude"
TRIED = "2.1.332"
VARIABLES: tuple[str, ...] = ("CLAUDE_CODE_SESSION_ID",)
"""What names the session in the commands that it runs, as hooks' `session_id`."""
CALL = ""
"""What names it with each call of a server's tool: the server has it in that variable."""
PROCESS = "CLAUDE_PID"
"""The variable with the client's process in its commands."""
TURN = "prompt_id"

PROJECT = ".claude/settings.local.json"
USER = "settings.json"
HOME = ("CLAUDE_CONFIG_DIR", ".claude")
BLOCK = ""
SKILL = ".claude/skills/gitfleet/SKILL.md"
SKILL_HOME = HOME
"""Where its skills for all repositories are: a variable, or else a folder in the home folder."""
EVENTS: tuple[tuple[str, str | None, str, int, str], ...] = (
    ("PreToolUse", "Edit|MultiEdit|Write|NotebookEdit|Bash", "edit", 60, "1.0.59"),
    ("SessionStart", None, "begin", 60, "1.0.62"),
    ("Stop", None, "turn", 30, "1.0.41"),
    ("SessionEnd", None, "end", 10, "1.0.85"),
)
"""Event, matcher, our name for it, seconds, and the first version that has it as we need it."""
NOTE = "Claude Code reads its hooks when it starts: restart it."
READS_MAIN = True
"""Whether a linked worktree gets the hooks of the main checkout."""
OWN = True
"""Whether a linked worktree's own file is read."""
BACKGROUND = frozenset(["--bg", "--background"])
"""What has it work on in a daemon, after its command has ended and before its first hook."""
SANDBOX = ""
"""Its commands run without one."""
FOLDER = ""
"""What a linked worktree must have for that."""

SHELLS = frozenset(["Bash"])
FILES = {
    "Edit": "file_path",
    "MultiEdit": "file_path",
    "Write": "file_path",
    "NotebookEdit": "notebook_path",
}
"""Its edit tools, and where each names its file."""


def edited(tool: str, given: object) -> list[str] | None:
    """The files that one of its own tools is about to change; None for other tools. Raises KeyError, TypeError."""
    if tool not in FILES:
        return None
    path = given[FILES[tool]] if isinstance(given, dict) else None
    if not isinstance(path, str):
        raise TypeError("a path is no text")
    return [path]


def in_shell(command: str) -> str:
    """It knows no patches in shell commands."""
    del command
    return ""


def is_shared(arguments: Sequence[str]) -> bool:
    """Whether a process with these arguments runs the sessions of many users' windows: its daemon."""
    return "daemon" in arguments[1:]
