"""What each agent is given: its settings file, the events that it is to call us for, and the command lines.

Claude Code and Codex read hooks of the same form, and both take JSON on standard output with exit code 0, or words on
standard error with code 2. What differs is in their modules of `clients`. Codex's versions before 0.123 ask no hook about
their edits: hence the block in AGENTS.md.
"""

from __future__ import annotations

import os
import shlex
import sys
from typing import TYPE_CHECKING, Literal

from gitfleet.base import resources
from gitfleet.clients.acting import CLIENTS
from gitfleet.errors import UNCHANGED, NoRepository, UsageError
from gitfleet.git.repository import Repository
from gitfleet.githooks.agents import settings
from gitfleet.githooks.agents.settings import Handler

if TYPE_CHECKING:
    from gitfleet.clients.acting import Client

Scope = Literal["project", "user"]

# Where the check itself is gone or broken it says so, and stops edits in repositories of a fleet: code 2 is what agents
# take for that. Only JSON on standard output, with code 0, says more.
_EDIT = (
    'p={python} r={program}; "$p" -I -S "$r" "$@" && exit 0; '
    'd=$(git rev-parse --git-common-dir 2>/dev/null) && [ -e "$d/gitfleet/node.json" ] || exit 0; '
    'echo "gitfleet: this edit was stopped, since it cannot be checked: $p or $r is missing or broken. '
    'Next: tell your user that gitfleet must be installed again." >&2; exit 2'
)
_OTHER = 'p={python} r={program}; [ -x "$p" ] && [ -f "$r" ] && exec "$p" -I -S "$r" "$@"; exit 0'


def of(agent: str) -> Client:
    """What an agent is given. Raises UsageError for one that we have nothing for."""
    if agent not in CLIENTS:
        words = f"gitfleet has no hooks for the agent '{agent[:40]}' (it has hooks for {', '.join(CLIENTS)})."
        raise UsageError(
            words, hint="Other agents claim from the command line; `gitfleet prime` tells them how."
        )
    return CLIENTS[agent]


def handlers(agent: str) -> list[Handler]:
    """What an agent's settings should hold, for this installation of gitfleet."""
    return [
        Handler(event, matcher, _command(agent, ours), timeout)
        for event, matcher, ours, timeout, _ in CLIENTS[agent].EVENTS
    ]


def _command(agent: str, event: str) -> str:
    program = resources.program("agenthooks/run.py")
    script = (_EDIT if event == "edit" else _OTHER).format(
        python=shlex.quote(sys.executable), program=shlex.quote(program)
    )
    return f"sh -c {shlex.quote(script)}{settings.MARK}{agent} {event}"


def home(kind: Client, repository: Repository) -> Repository:
    """The worktree whose settings an agent reads that is started in this one."""
    parent, name = os.path.split(repository.common_dir)
    linked = repository.git_dir != repository.common_dir
    if kind.OWN or not linked or name != ".git" or not os.path.isdir(parent):
        return repository
    return Repository(repository.common_dir, repository.common_dir, parent)


def settings_path(kind: Client, scope: Scope, repository: Repository | None) -> str:
    """The settings file of an agent. Raises NoRepository where a project's is asked for outside of any worktree."""
    if scope == "user":
        variable, folder = kind.HOME
        theirs = os.environ.get(variable) or os.path.join(os.path.expanduser("~"), folder)
        return os.path.join(theirs, kind.USER)
    if repository is None or repository.worktree is None:
        raise NoRepository(
            "Project settings are kept in a worktree, and this is not one.",
            unharmed=UNCHANGED,
            hint="Go into a worktree, or pass `--user`.",
            path=os.getcwd(),
        )
    return os.path.join(home(kind, repository).worktree or "", kind.PROJECT)
