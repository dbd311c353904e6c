"""Where the demonstration plays: a directory of its own with a hub and clones, and real processes in it.

Owns the directory, the environment of the commands and the comparison with what the story says. Nothing outside of the
directory is written; the user's git configuration plays no part while it runs, and the clones carry
settings of their own for whoever plays on in them.
"""

from __future__ import annotations

import os
import shlex
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gitfleet.base import files, processes, shellwords
from gitfleet.base.text import display
from gitfleet.cli.demo_script import FILES, HUB, PEOPLE, DemoCommand
from gitfleet.errors import InternalError, UsageError

_KEPT = frozenset(["GIT_EXEC_PATH", "GITFLEET_DEBUG"])
_SETTINGS = {
    "commit.gpgSign": "false",
    "tag.gpgSign": "false",
    "push.gpgSign": "false",
    "push.default": "simple",
    "pull.rebase": "true",
    "core.autocrlf": "false",
    "core.fsmonitor": "false",
    "protocol.file.allow": "always",
}
"""What a user's own git configuration could have set, and which would change how the demonstration goes on."""


@dataclass(frozen=True, slots=True)
class Played:
    """A command that was run: how it ended and all that it said (standard output first)."""

    command: DemoCommand
    code: int
    output: str

    @property
    def shown(self) -> str:
        """The command as a reader would type it."""
        return shellwords.line(self.command.argv)


class Stage:
    """One directory in which commands are played. Made by `set_up`."""

    def __init__(self, directory: str) -> None:
        self.directory = directory
        self._env = _environment()
        self._before = ""

    def play(self, commands: Sequence[DemoCommand], after: Callable[[Played], None]) -> list[Played]:
        """Play commands in order; `after` hears of each as it ends. A clone is settled as soon as it is there.

        Raises InternalError at the first that does not end as its story says.
        """
        found = []
        for command in commands:
            played = self._play(command)
            if command.argv[:2] == ("git", "clone"):
                self._settle(command.argv[-1], PEOPLE[command.argv[-1]])
            after(played)
            found.append(played)
        return found

    def _play(self, command: DemoCommand) -> Played:
        for path, text in command.writes.items():
            with open(os.path.join(self.directory, command.where, path), "a", encoding="utf-8") as file:
                file.write(text)
        code, output = self._run(command.where, *command.argv)
        played = Played(command, code, output)
        words = _wrong(played, self._before)
        self._before = output
        if words:
            raise self._stopped(played, words)
        return played

    def furnish(self) -> None:
        """Make the hub, with one commit of a few files, and put gitfleet on the PATH of scripts. Raises InternalError."""
        program = os.path.join(files.folder(os.path.join(self.directory, "bin")), "gitfleet")
        script = f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -P -m gitfleet "$@"\n'
        files.replace(program, script.encode(), mode=0o755)
        self._env["PATH"] = os.pathsep.join([os.path.dirname(program), self._env.get("PATH", os.defpath)])
        first = os.path.join(self.directory, "first")
        for path, text in FILES.items():
            files.folder(os.path.dirname(os.path.join(first, path)))
            with open(os.path.join(first, path), "w", encoding="utf-8") as file:
                file.write(text)
        self._must("first", "git", "init", "--quiet", "--initial-branch=main")
        self._settle("first", "The project")
        self._must("first", "git", "add", "--all", "--force")
        self._must("first", "git", "commit", "--quiet", "-m", "Begin")
        self._must(".", "git", "clone", "--quiet", "--bare", "first", HUB)
        self._must(HUB, "git", "remote", "remove", "origin")
        shutil.rmtree(first)

    def _settle(self, where: str, name: str) -> None:
        """Give a clone its own user and settings, so that it works under any configuration of the user's."""
        address = f"{name.rsplit(maxsplit=1)[-1].lower()}@example.org"
        for key, value in {"user.name": name, "user.email": address, **_SETTINGS}.items():
            self._must(where, "git", "config", key, value)
        if _hooks_elsewhere(self.directory):
            hooks = os.path.join(self.directory, where, ".git", "hooks")
            self._must(where, "git", "config", "core.hooksPath", hooks)

    def _must(self, where: str, *argv: str) -> None:
        self._play(DemoCommand(where, argv))

    def _run(self, where: str, *argv: str) -> tuple[int, str]:
        program = [sys.executable, "-P", "-m", "gitfleet"] if argv[0] == "gitfleet" else [argv[0]]
        folder = os.path.join(self.directory, where)
        try:
            done = processes.run([*program, *argv[1:]], cwd=folder, env=self._env)
        except processes.TimedOut as error:
            return 124, str(error)
        return done.code, (done.stdout + done.stderr).decode("utf-8", "replace")

    def _stopped(self, played: Played, words: str) -> InternalError:
        command = played.command
        return InternalError(
            f"The demonstration stopped in {display(os.path.join(self.directory, command.where))}: "
            f"`{played.shown}` {words}. It said:\n{played.output.rstrip() or '(nothing)'}",
            hint="Please report it. The directory was left as it is, so that you can look at it.",
            directory=self.directory,
            where=command.where,
            command=tuple(command.argv),
            expected=command.code,
            code=played.code,
        )


def set_up(directory: str | None) -> Stage:
    """A stage in `directory`, or in a fresh temporary one. Raises UsageError when it exists and is not empty."""
    if shutil.which("git") is None:
        raise UsageError("git was not found on PATH.", hint="Install git.")
    if directory is None:
        return Stage(os.path.realpath(tempfile.mkdtemp(prefix="gitfleet-demo-")))
    path = os.path.realpath(directory)
    if os.path.lexists(path) and not (os.path.isdir(path) and not os.listdir(path)):
        raise UsageError(
            f"{display(path)} exists and is not an empty directory.",
            hint="Name one that is not there yet, or leave it out to get a fresh one.",
        )
    return Stage(files.folder(path))


def _wrong(played: Played, before: str) -> str:
    command = played.command
    if played.code != command.code:
        return f"ended with {played.code} where {command.code} was expected"
    if command.words not in played.output:
        return f"ended with {played.code} as expected, but did not say '{command.words}'"
    if command.agrees and played.output != before:
        return "did not say what the command before it said"
    return ""


def _environment() -> dict[str, str]:
    """Ours, without what git and gitfleet would read from it, and with none of the user's git configuration."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "GITFLEET_"))}
    own |= {name: os.environ[name] for name in _KEPT & os.environ.keys()}
    own |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0"}
    return {**own, "LC_ALL": "C", "GIT_MERGE_AUTOEDIT": "no"}


def _hooks_elsewhere(directory: str) -> bool:
    """Whether the user's configuration sends git to another hooks folder than a clone's own."""
    argv = ["git", "config", "--get", "core.hooksPath"]
    return processes.run(argv, cwd=directory, env=os.environ).code == 0
