"""Which process stands for whoever called: not the shell or the wrapper that carries out one command, but what is above it."""

from __future__ import annotations

import os

from gitfleet.base import identity
from gitfleet.base.identity import parent, program_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Look = Callable[[int], "tuple[list[str], int] | None"]

_MAX_ANCESTORS = 64

# fmt: off
_SHELLS = frozenset([
    "ash", "bash", "csh", "dash", "fish", "ksh", "mksh", "nu", "rbash", "sh", "tcsh", "xonsh", "zsh",
])
_SHELL_VALUED = frozenset(["-o", "+o", "-O", "+O", "--rcfile", "--init-file", "--emulate"])

# Programs that only stand between a caller and what it called, and end with it. With words: only when one
# of these is among the arguments (`uv run`, but not `uv`).
_PASSING: dict[str, tuple[str, ...]] = {
    **dict.fromkeys([
        "env", "timeout", "gtimeout", "time", "nice", "nohup", "ionice", "stdbuf", "setsid", "xargs", "script",
        "sudo", "doas", "strace", "bwrap", "sandbox-exec", "codex-linux-sandbox", "make", "gmake", "just",
        "git", "gitfleet", "git-fleet", "uvx", "npx", "bunx",
    ], ()),
    **dict.fromkeys(["pipx", "poetry", "pdm", "hatch", "rye", "conda"], ("run",)),
    **dict.fromkeys(["npm", "pnpm", "yarn", "mise", "direnv"], ("exec", "run", "dlx", "x")),
    "uv": ("run", "tool"),
}

# Servers that start commands for many callers, and outlive each of them by days.
_HOSTS = frozenset([
    "systemd", "init", "launchd", "tini", "dumb-init", "docker-init", "containerd-shim", "dockerd",
    "containerd-shim-runc-v2", "supervisord", "runsv", "s6-supervise", "tmux", "screen", "SCREEN", "zellij",
    "sshd", "sshd-session", "dropbear", "cron", "crond", "CRON", "atd", "gnome-terminal-server",
])
# fmt: on


def ancestors() -> list[int]:
    """The pids of the processes above this one, the nearest first, as far up as that can be told."""
    found: list[int] = []
    pid = os.getppid()
    while pid > 0 and len(found) < _MAX_ANCESTORS:
        found.append(pid)
        pid = parent(pid)
    return found


def family() -> set[int]:
    """Our own process and those above it: who calls is no obstacle to what it asks for itself."""
    return {os.getpid(), *ancestors()} - {1}


def durable_parent() -> int:
    """The pid of the process that stands for whoever typed this command: our parent, or one above it.

    An agent runs each of its commands in a fresh shell (`bash -lc '...'`), often under `timeout` or
    `uv run`. That shell is our parent and is gone a moment later: a session bound to it would be dead at
    once. So one-shot shells and mere wrappers are passed over, and the first process that is neither
    (the agent, an interactive shell, a script) is the answer.

    If the way up ends at pid 1, at a server such as tmux or sshd, or where nothing can be read, the answer
    is the last process before that: with `sh -c 'gitfleet session start; agent'` in a tmux pane, that
    shell does live as long as the agent. (In a container pid 1 may be the agent itself, and then it is
    judged like any other.) What cannot be told apart: such a shell below an agent or an interactive shell
    counts as one-shot; `--pid` says better.
    """
    return anchor(os.getppid(), _look)


def anchor(start: int, look: Look) -> int:
    """`durable_parent` for a caller whose parent is `start`.

    `look` gives (arguments, parent) of a pid, or None where the way ends; there is always a first argument.
    """
    last = pid = start
    for _ in range(_MAX_ANCESTORS):
        seen = look(pid)
        if seen is None or program_name(seen[0][0]) in _HOSTS:
            return last
        arguments, above = seen
        if not passes(arguments) and not _forked(arguments, look(above)):
            return pid
        last, pid = pid, above
    return start


def passes(arguments: list[str]) -> bool:
    """Whether a process with these `arguments` merely carries out one command and ends with it."""
    name = program_name(arguments[0]) if arguments else ""
    if name in _SHELLS:
        return shell_command(arguments) is not None
    if name.startswith(("python", "pypy")):
        return _runs_gitfleet(arguments[1:])
    words = _PASSING.get(name)
    return words is not None and (not words or any(word in arguments[1:] for word in words))


def shell_command(arguments: list[str]) -> str | None:
    """The command that a shell was given as text (`-c`, `-lc`, `-o pipefail -c`); None if it was not, or no shell."""
    if not arguments or program_name(arguments[0]) not in _SHELLS:
        return None
    given = value = False
    for option in arguments[1:]:
        if value:
            value = False
        elif option.startswith("--command="):
            return option.partition("=")[2]
        elif option[:1] not in ("-", "+") or option in ("-", "--"):
            return option if given else None  # otherwise a script
        else:
            given |= option == "--command" or (option[:2] != "--" and option[0] == "-" and "c" in option)
            value = option in _SHELL_VALUED or (option[:2] != "--" and option[-1] in "oO")
    return "" if given else None


def _runs_gitfleet(options: list[str]) -> bool:
    """Whether python with these `options` runs gitfleet, as a module or by its installed script."""
    value = False
    for position, option in enumerate(options):
        if value:
            value = False
        elif option == "-m":
            return "".join(options[position + 1 : position + 2]).partition(".")[0] == "gitfleet"
        elif option == "-c" or not option.startswith("-"):
            return program_name(option) in ("gitfleet", "git-fleet")
        else:
            value = option in ("-X", "-W")
    return False


def _forked(arguments: list[str], above: tuple[list[str], int] | None) -> bool:
    """Whether this is a shell's copy of itself, as made for `$(...)` and `(...)`: it ends with those."""
    return program_name(arguments[0]) in _SHELLS and above is not None and above[0] == arguments


def _look(pid: int) -> tuple[list[str], int] | None:
    if pid < 1 or (pid == 1 and not identity.namespace()):
        return None  # on a host pid 1 adopts orphans: it stands for nobody
    arguments = identity.command_line(pid)
    return (arguments, parent(pid)) if arguments else None
