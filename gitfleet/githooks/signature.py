"""The lines that name a session and its claims, and their way into a commit's message.

Standard library only.
"""

from __future__ import annotations

import os

from gitfleet.git.trailers import NAMES, PLAIN
from gitfleet.githooks.catfile import ask
from gitfleet.githooks.gitdirs import common_dir_of, git_dir_of


def sign(arguments: list[str], session: str, claims: list[str]) -> None:
    """Put the session and the claims it used into a commit message, each once. `arguments` are those of the hook.

    Where somebody is about to write the message, and ends the commit by writing none, `unwritten` has them wait.
    """
    source = arguments[1] if len(arguments) > 1 else ""
    named = [f"{NAMES[0]}: {session}", *(f"{NAMES[1]}: {claim}" for claim in claims)]
    if source in {"", "template"} and os.environ.get("GIT_EDITOR") != ":":  # `:`: git opens no editor
        from gitfleet.githooks import unwritten  # where somebody writes, a millisecond is none

        unwritten.leave(note(), arguments[0], named)
        return
    add_trailers(arguments[0], named)


def written(file: str) -> bool:
    """Put trailers that waited for the message in `file` to be written into it. Raises Unexpected, OSError."""
    if os.path.exists(note()):
        from gitfleet.githooks import unwritten

        trailers = unwritten.due(note(), file)
        if trailers:
            add_trailers(file, trailers)
        forget()
    return True


def note() -> str:
    """Where trailers wait for this worktree's next message (see `unwritten`); the shim of `commit-msg` looks there too."""
    git_dir = os.environ.get("GIT_DIR") or ".git"
    common_dir = common_dir_of(git_dir_of(git_dir))
    return f"{common_dir}/gitfleet/unwritten-{git_dir.rpartition('/')[2]}"


def forget() -> None:
    """Let go of what a commit has left that came to nothing."""
    if os.path.exists(note()):
        os.unlink(note())


def add_trailers(file: str, trailers: list[str]) -> None:
    """Add the trailers that a message does not have yet."""
    options = ["--in-place", "--no-divider", "--if-exists", "addIfDifferent", "--if-missing", "add"]
    for trailer in trailers:
        options += ["--trailer", trailer]
    _end_last_line(file)
    ask(*PLAIN, "interpret-trailers", *options, file)


def _end_last_line(file: str) -> None:
    """`git merge` leaves its message without a newline; trailers would then follow the subject without a blank line."""
    with open(file, "rb+") as message:
        if message.read()[-1:] not in {b"", b"\n"}:
            message.write(b"\n")
