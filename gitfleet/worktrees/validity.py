"""Names and folders that may be used for worktrees. Everything is refused before anything is touched.

Agents and sessions become parts of branch names and of paths; the managed folder is where folders are made and, later,
taken away. So each is held to what cannot escape: no separators, no dots that climb, no option, no control character, no
symbolic link, and nothing that git tracks or another worktree holds.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from gitfleet.base import advice, files
from gitfleet.base.ids import is_name
from gitfleet.base.text import display, one_line
from gitfleet.errors import BadName, BadPath, UsageError
from gitfleet.git import refs
from gitfleet.git.git_worktrees import Worktree
from gitfleet.git.program import Git
from gitfleet.git.repository import Repository


def check_name(what: str, text: str) -> str:
    """`text` if it may be an agent or a session. Raises BadName."""
    if is_name(text):
        return text
    raise BadName(
        f"{_said(text)} is not a valid name for {what}.",
        hint="Use 1 to 64 letters, digits, dots, dashes or underscores, starting with a letter or digit.",
        name=text,
    )


def check_branch(text: str) -> str:
    """`text` if it may be the short name of a branch. Raises BadName."""
    if refs.is_branch(text) and len(text) <= 200:
        return text
    raise BadName(f"{_said(text)} is not a branch name.", hint="Pass `--base main`.", name=text)


def top(repository: Repository, everything: Sequence[Worktree]) -> str:
    """The folder that managed folders lie below: the top of the main worktree, wherever the command runs.

    Raises UsageError where there is none that is safe: worktrees never lie in a git directory, nor where git itself clears
    away all that it does not track. One git process.
    """
    main = everything[0]
    if not main.bare:
        return _checked_top(repository, main.path)
    parent, name = os.path.split(repository.common_dir)
    if name.startswith(".") and not _in_git_dir(
        parent
    ):  # a bare repository in a folder of its own, with all worktrees beside it
        return parent
    raise UsageError(
        "This repository has no main worktree to keep managed worktrees in.",
        hint="Make a clone with a worktree, and run gitfleet there.",
    )


def _checked_top(repository: Repository, top: str) -> str:
    if os.path.realpath(top) == os.path.realpath(repository.common_dir) or _in_git_dir(top):
        raise UsageError(
            f"gitfleet cannot find the main worktree of {display(repository.common_dir)}, and worktrees do not belong "
            "into a git directory.",
            hint=f"Run {advice.INIT} in the main worktree, once; or work where you are: {advice.START}.",
        )
    if Git(repository.common_dir, cwd=top).line("rev-parse", "--show-superproject-working-tree"):
        raise UsageError(
            f"{display(top)} is a submodule: `git submodule deinit` would delete the worktrees in it, with all work in them.",
            hint=f"Work in the submodule itself ({advice.START}, with `--here` for a COMMAND), or make a clone of its own.",
        )
    return top


def _in_git_dir(path: str) -> bool:
    """Whether a folder is, or lies in, a git directory."""
    while True:
        if all(os.path.exists(os.path.join(path, name)) for name in ("HEAD", "objects", "refs")):
            return True
        above = os.path.dirname(path)
        if above == path:
            return False
        path = above


def check_folder(text: str, root: str, everything: Sequence[Worktree], tracked: Sequence[str]) -> str:
    """The absolute managed folder for what was asked, below `root`. Raises BadPath.

    `tracked` are the paths that git tracks at or below it, as far as the caller knows (`relative` gives the path to ask for).
    """
    parts = relative(text, root).split("/")
    path = root
    for part in parts:
        path = os.path.join(path, part)
        if os.path.islink(path):
            raise _bad(text, "is or leads through a symbolic link")
        if os.path.lexists(path) and not os.path.isdir(path):
            raise _bad(text, "is or lies below a file")
    if tracked:
        raise _bad(text, f"is tracked by git ({one_line(tracked[0])})")
    real = os.path.realpath(path)
    for worktree in everything[1:]:
        if files.within(real, os.path.realpath(worktree.path)):
            raise _bad(text, f"lies in the worktree {display(worktree.path)}")
    return path


def relative(text: str, root: str) -> str:
    """What was asked for as the managed folder, as a plain path below `root`. Raises BadPath. Looks at no file but `root`."""
    asked = text
    if not text or any(ord(c) < 32 or 127 <= ord(c) < 160 for c in text):
        raise _bad(asked, "is empty or has control characters")
    if text.startswith("/"):
        for prefix in {root, os.path.realpath(root)}:
            if text.startswith(f"{prefix}/"):
                text = text.removeprefix(f"{prefix}/")
                break
        else:
            raise _bad(asked, "lies outside of the repository")
    parts = [part for part in text.split("/") if part not in {"", "."}]
    if not parts:
        raise _bad(asked, "is the repository itself")
    if ".." in parts:
        raise _bad(asked, "goes up with `..`")
    if any(part.lower() == ".git" for part in parts):
        raise _bad(asked, "lies in git's own folder")
    if any(part.startswith("-") for part in parts):
        raise _bad(asked, "has a part that looks like an option")
    if len(os.fsencode(text)) > 1024 or any(len(os.fsencode(part)) > 200 for part in parts):
        raise _bad(asked, "is too long")
    return "/".join(parts)


def _said(text: str) -> str:
    return f"'{display(text[:80])}{'…' if len(text) > 80 else ''}'"


def _bad(text: str, why: str) -> BadPath:
    return BadPath(
        f"{_said(text)} cannot be the managed folder: it {why}.",
        hint="Name a folder below the top of the repository, such as the default `.worktrees`.",
        path=text,
    )
