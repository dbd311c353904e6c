"""Which files of the repository's own checkout each worktree gets a copy of: those that are named, and that git ignores.

Git itself matches the names, by the rules of `.gitignore`; so `!` takes back, `/` anchors, and a folder means all that is in
it. What git tracks or does not ignore is never meant: it is in the worktree, or is somebody's work.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence

from gitfleet.git.program import Git, nul_ended
from gitfleet.jobs.setup.records import INCLUDED

_MOST = 1 << 20
_TIME = 600.0
_WILD = frozenset("*?[\\")


class NotThere(Exception):
    """A file that was named is not there. The text says which, in words."""


def listed(checkout: str) -> bool:
    """Whether the checkout has a list of files of its own. One that is a link, or that is too long, is none."""
    try:
        found = os.lstat(os.path.join(checkout, INCLUDED))
    except OSError:
        return False
    return stat.S_ISREG(found.st_mode) and found.st_size <= _MOST


def chosen(checkout: str, git_dir: str, patterns: Sequence[str]) -> list[str]:
    """The files that `patterns` and the checkout's own list name, from its top. At most two git processes.

    Raises NotThere for a name without wildcards that stands for nothing, GitFailed.
    """
    rules = [f"--exclude={pattern}" for pattern in patterns]
    if listed(checkout):
        rules.append(f"--exclude-from={os.path.join(checkout, INCLUDED)}")
    if not rules:
        return []
    git = Git(git_dir, cwd=checkout)
    named = _names(git.run("ls-files", "-z", "--others", "--ignored", *rules, timeout=_TIME))
    found = _ignored(
        git, [name for name in named if not name.endswith("/")]
    )  # with a `/`: another repository
    for pattern in patterns:
        if not _WILD & set(pattern) and not pattern.startswith("!") and not _stands_for(pattern, found):
            raise NotThere(f"{checkout} has no '{pattern}' that git ignores")
    return found


def _ignored(git: Git, names: list[str]) -> list[str]:
    if not names:
        return []
    done = git.ask("check-ignore", "-z", "--stdin", data=nul_ended(names), timeout=_TIME)
    return _names(done.stdout)


def _names(output: bytes) -> list[str]:
    return [os.fsdecode(name) for name in output.split(b"\0") if name]


def _stands_for(pattern: str, found: Sequence[str]) -> bool:
    name = pattern.strip("/")
    if "/" in name:
        return any(path == name or path.startswith(f"{name}/") for path in found)
    return any(name in path.split("/") for path in found)
