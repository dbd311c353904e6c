"""The files of agents' settings, changed: which they are to git, and how they are replaced.

Everything is replaced whole, through links, with its mode; what cannot be changed without harm is left as it is. One caller
at a time; an agent that rewrites its settings in the same instant wins.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from functools import partial
from typing import Literal, NamedTuple

from gitfleet.base import files
from gitfleet.errors import LockHeld
from gitfleet.git import git_worktrees
from gitfleet.git.repository import Repository
from gitfleet.githooks.agents import marked, settings

What = Literal["created", "changed", "removed", "unchanged"]
_TRIES = 5


class SettingsChange(NamedTuple):
    """One file, and what was done to it."""

    path: str
    what: What


def exclude(repository: Repository) -> str:
    """The clone's own list of files that git ignores."""
    return os.path.join(repository.common_dir, "info", "exclude")


def worktrees(repository: Repository) -> list[str]:
    """The folders of all worktrees that are there."""
    return [one.path for one in git_worktrees.listed(repository.git) if os.path.isdir(one.path)]


def check_links(repository: Repository, names: list[str]) -> None:
    """Refuse links that came with the repository and lead out of it: its author has no say in your other files. Raises Blocked."""
    top = os.path.realpath(repository.worktree or "")
    for name in names:
        parts = [name, *([os.path.dirname(name)] if "/" in name else [])]
        staged = repository.here.run("ls-files", "--stage", "-z", "--", *parts)
        tracked = {line.partition(b"\t")[2] for line in staged.split(b"\0") if line.startswith(b"120000 ")}
        path = os.path.join(top, name)
        leads_out = os.path.commonpath([top, os.path.realpath(path)]) != top
        if leads_out and any(os.fsencode(part) in tracked for part in parts):
            raise settings.unusable(path, ValueError("a link in the repository leads out of it"))


def ignore(repository: Repository, agent: str, name: str) -> list[SettingsChange]:
    """Have git ignore a file of ours, where it would show it as new."""
    git = repository.here
    tracked = git.ask("ls-files", "--error-unmatch", "--", name).code == 0
    if tracked or git.ask("check-ignore", "--quiet", "--", name).code == 0:
        return []
    line = partial(marked.put, name=agent, style=marked.SHELL, body=f"/{name}\n".encode())
    return [change(exclude(repository), line)]


def without_block(path: str, name: str, style: marked.Style = marked.SHELL) -> SettingsChange:
    """Take a marked block out of a file. Raises as `change`."""
    return change(path, partial(marked.without, name=name, style=style))


def change(
    path: str, edit: Callable[[bytes | None], bytes | None], *, private: bool = False
) -> SettingsChange:
    """Have `edit` make new content from the present one (None: no file), until nobody else has changed it meanwhile.

    A file that is made is its user's alone where it is `private`. Raises Blocked for what cannot be changed without harm, LockHeld, LocalStorage.
    """
    real = os.path.realpath(path)
    with files.storage(path):
        try:
            before, after = _edited(path, real, edit)
            if after is not None and after != before:
                files.folder(os.path.dirname(real))
        except IsADirectoryError as error:
            raise settings.unusable(path, ValueError("it is a folder")) from error
        except FileExistsError as error:
            words = f"{os.path.dirname(real)} is no folder"
            raise settings.unusable(real, ValueError(words)) from error
        except ValueError as error:
            raise settings.unusable(path, error) from error
        if after == before:
            return SettingsChange(path, "unchanged")
        if after is None:
            files.remove(real)
            return SettingsChange(path, "removed")
        mode = (0o600 if private else None) if before is None else stat.S_IMODE(os.stat(real).st_mode)
        files.replace(real, after, mode=mode)
        return SettingsChange(path, "created" if before is None else "changed")


def _edited(
    path: str, real: str, edit: Callable[[bytes | None], bytes | None]
) -> tuple[bytes | None, bytes | None]:
    """A file's content, and what `edit` makes of it."""
    before = files.read(real)
    for _ in range(_TRIES):
        after, then = edit(before), before
        before = files.read(real)
        if before == then:
            return before, after
    words = f"{path} is being changed again and again by another program."
    raise LockHeld(words, hint="Run the same command again in a moment.", lock=path, holder="")
