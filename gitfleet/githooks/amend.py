"""Telling `git commit --amend` from a new commit, in `prepare-commit-msg`.

Git tells that hook nothing of an amendment whose message is given (`-m`): the old message, and with it the trailers
that name session and claims, is gone. But it hands the author on, and only an amendment is authored exactly when HEAD
was, by the same person. Two commits of one second look the same; there, git's own command line is asked for the word.
What is taken for an amendment is not judged by more, but named by more: the claims on what the commit changes against
its parents. So a mistake costs trailers that are superfluous or missing, never a commit that should have been stopped.

Standard library only: it is on the way of every commit whose message is given. Not seen: `--reset-author`, `--date`.
"""

from __future__ import annotations

import os

from gitfleet.base import clock
from gitfleet.githooks.catfile import DIFF, ask

EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
UNDER_WAY = ("MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD")
SOURCES = (["message"], ["commit", "HEAD"])
"""What the hook is told of an amendment: that its message is given, or that it is taken from HEAD."""
_SAME_MOMENT = 1
_ABOVE = 4
"""Processes that may stand between the hook and its git: shells, other hooks, hook managers."""
_AUTHOR = ("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_AUTHOR_DATE")


def suspected(arguments: list[str], git_dir: str, *, staged: bool) -> bool:
    """Whether this may amend HEAD; costs nothing where it cannot. `arguments` are those of the hook.

    `staged` tells whether the index differs from HEAD.
    """
    date = os.environ.get("GIT_AUTHOR_DATE", "").removeprefix("@").partition(" ")[0]
    if arguments[1:] not in SOURCES or not (date.isascii() and date.isdigit()):
        return False
    if staged and clock.now() - int(date) <= _SAME_MOMENT and _is_told_to_be_new():
        return False
    return not any(os.path.exists(f"{git_dir}/{name}") for name in UNDER_WAY)


def _is_told_to_be_new() -> bool:
    """Whether the command line of the git above says that it makes a new commit. Where that cannot be told, it may amend."""
    from gitfleet.base import identity  # 2 ms, and only for the second commit of a second

    pid = os.getppid()
    for _ in range(_ABOVE):
        words = identity.command_line(pid)
        if words and identity.program_name(words[0]) == "git":
            options = words[: words.index("--")] if "--" in words else words
            return "commit" in options and not any(word.startswith("--am") for word in options)
        pid = identity.parent(pid)
    return False


def amends() -> bool:
    """Whether the commit that is being made has the author and the moment of HEAD. Raises Unexpected."""
    said = ask(
        "log", "-1", "--no-show-signature", "--no-mailmap", "--date=raw", "--format=%an%x00%ae%x00%ad", "HEAD"
    )
    here = [os.environ.get(name, "").removeprefix("@") for name in _AUTHOR[2:]]
    names = [os.environ.get(name, "") for name in _AUTHOR[:2]]
    return said.rstrip(b"\n").split(b"\0") == [os.fsencode(text) for text in [*names, *here]]


def paths() -> list[str]:
    """What the amended commit will change: the paths in which the index differs from every parent of HEAD."""
    parents = os.fsdecode(ask("log", "-1", "--no-show-signature", "--format=%P", "HEAD")).split()
    differing = [set(ask(*DIFF, parent, "--").split(b"\0")) for parent in parents or [EMPTY_TREE]]
    return sorted(os.fsdecode(path) for path in set.intersection(*differing) if path)
