"""An agent's own hooks: put into its settings, taken out, looked at.

What goes where is one table (`wanted`). In a project only files are used that are one person's on one machine, since
they name this machine's Python; git is told to ignore them, in the clone's own `info/exclude`. Everything is
replaced whole, through links, with its mode; a file that cannot be understood is left as it is. One caller at a time;
an agent that rewrites its settings in the same instant wins.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Literal, NamedTuple

from gitfleet.base import files, resources
from gitfleet.clients.acting import CLIENTS
from gitfleet.codec import replace
from gitfleet.errors import FleetError, LockHeld
from gitfleet.git import git_worktrees
from gitfleet.git.repository import Repository
from gitfleet.githooks.agents import marked, opening, settings, wanted
from gitfleet.githooks.agents.wanted import Scope, handlers, settings_path
from gitfleet.githooks.hook_files import remove_if_empty

if TYPE_CHECKING:
    from gitfleet.clients.acting import Client

What = Literal["created", "changed", "removed", "unchanged"]
State = Literal["in place", "outdated", "absent", "unreadable", "untrusted", "modified", "not read"]
"""The last three are what the client says of hooks that are written as they should be (see `ready`)."""

_TRIES = 5
_BOM = b"\xef\xbb\xbf"


class SettingsChange(NamedTuple):
    """One file, and what was done to it."""

    path: str
    what: What


class SettingsPlace(NamedTuple):
    """One place where an agent's hooks may be; `problem` says why it cannot be read."""

    agent: str
    scope: Scope
    path: str
    state: State
    problem: str = ""


def install(agent: str, scope: Scope, repository: Repository | None) -> list[SettingsChange]:
    """Make an agent call us. Twice is once. Raises UsageError, NoRepository, Blocked, LocalStorage; see `SettingsChange` for what it did."""
    kind = wanted.of(agent)
    path = settings_path(kind, scope, repository)
    if scope == "project" and repository is not None:
        _check_links(wanted.home(kind, repository), [kind.PROJECT])
        _check_links(repository, [kind.BLOCK] if kind.BLOCK else [])
    folder_made = not os.path.isdir(os.path.dirname(path))
    changes = [_change(path, partial(_with_handlers, agent=agent, folder_made=folder_made))]
    if scope == "project" and repository is not None:
        changes += _ignore(wanted.home(kind, repository), agent, kind.PROJECT)
        admit(kind, repository)
        text = resources.read("templates", "AGENTS.md")
        block = partial(marked.put, name=agent, style=marked.MARKDOWN, body=text)
        changes += [_change(file, block) for file in _block(kind, repository)]
    return changes


def open_sandbox(repository: Repository) -> list[SettingsChange]:
    """Let commands in Codex's sandbox write what git and the hub need, in this worktree. Twice is once. Raises as `install`."""
    _check_links(repository, [opening.CONFIG])
    opening.check(repository)
    path = os.path.join(repository.worktree or "", opening.CONFIG)
    changes = [_change(path, partial(opening.opened, path, repository))]
    return changes + _ignore(repository, opening.NAME, opening.CONFIG)


def close_sandbox(repository: Repository) -> list[SettingsChange]:
    """Take that out again, in all worktrees of the clone: those that were made later have it from the first. Raises as `install`."""
    changes = []
    for top in _worktrees(repository):
        path = os.path.join(top, opening.CONFIG)
        changes.append(_without_block(path, opening.NAME))
    changes.append(_without_block(_exclude(repository), opening.NAME))
    return [change for change in changes if change.what != "unchanged"]


def admit(kind: Client, repository: Repository) -> None:
    """Make what a linked worktree needs for the main checkout's settings to be read there. Raises LocalStorage."""
    if wanted.home(kind, repository) != repository and repository.worktree:
        path = os.path.join(repository.worktree, kind.FOLDER)
        if not os.path.lexists(path):
            with files.storage(path):
                os.mkdir(path)


def uninstall(agent: str, scope: Scope, repository: Repository | None) -> list[SettingsChange]:
    """Take out exactly what `install` put in. Raises as `install`; a file that is not there is no error."""
    kind = wanted.of(agent)
    path = settings_path(kind, scope, repository)
    folders: list[str] = []
    changes = close_sandbox(repository) if kind.SANDBOX and scope == "project" and repository else []
    changes.append(_change(path, partial(_without_handlers, folders=folders, folder=os.path.dirname(path))))
    for folder in folders:
        remove_if_empty(folder)
    if scope == "project" and repository is not None:
        changes += [_without_block(file, agent, marked.MARKDOWN) for file in _block(kind, repository)]
        if kind.FOLDER:
            for top in _worktrees(repository):
                remove_if_empty(os.path.join(top, kind.FOLDER))
        if not any(holds_ours(os.path.join(top, kind.PROJECT)) for top in _worktrees(repository)):
            changes.append(_without_block(_exclude(repository), agent))
    return [change for change in changes if change.what != "unchanged"]


def status(repository: Repository | None) -> list[SettingsPlace]:
    """Every place where an agent's hooks may be. Reads only."""
    found = []
    for agent, kind in CLIENTS.items():
        scopes: list[Scope] = ["project", "user"] if repository and repository.worktree else ["user"]
        found += [_look(agent, scope, settings_path(kind, scope, repository)) for scope in scopes]
    return found


def uninstall_everywhere(repository: Repository) -> list[str]:
    """Take every agent's hooks out of all worktrees of the clone, for whoever leaves the fleet; says what had to stay, and why."""
    kept = []
    for top in _worktrees(repository):
        for agent in CLIENTS:
            try:
                uninstall(agent, "project", replace(repository, worktree=top))
            except FleetError as error:
                kept.append(error.message)
    return kept


# Where.


def _block(kind: Client, repository: Repository) -> list[str]:
    return [os.path.join(repository.worktree or "", kind.BLOCK)] if kind.BLOCK else []


def _exclude(repository: Repository) -> str:
    return os.path.join(repository.common_dir, "info", "exclude")


def _worktrees(repository: Repository) -> list[str]:
    return [one.path for one in git_worktrees.listed(repository.git) if os.path.isdir(one.path)]


def _check_links(repository: Repository, names: list[str]) -> None:
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


def _ignore(repository: Repository, agent: str, name: str) -> list[SettingsChange]:
    """Have git ignore a file of ours, where it would show it as new."""
    git = repository.here
    tracked = git.ask("ls-files", "--error-unmatch", "--", name).code == 0
    if tracked or git.ask("check-ignore", "--quiet", "--", name).code == 0:
        return []
    line = partial(marked.put, name=agent, style=marked.SHELL, body=f"/{name}\n".encode())
    return [_change(_exclude(repository), line)]


# What. Each raises ValueError for what cannot be changed without harm.


def _with_handlers(data: bytes | None, agent: str, *, folder_made: bool) -> bytes:
    text = None if data is None else _text(data)
    put = settings.put(text, handlers(agent), folder_made=folder_made and data is None)
    return _bytes(data, put)


def _without_handlers(data: bytes | None, folders: list[str], folder: str) -> bytes | None:
    if data is None or settings.MARK.encode() not in data:
        return data
    text, folder_made = settings.without(_text(data))
    if text is None and folder_made:
        folders.append(folder)
    return None if text is None else _bytes(data, text)


def _text(data: bytes) -> str:
    try:
        return data.removeprefix(_BOM).decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError("it is not UTF-8") from error


def _bytes(before: bytes | None, text: str) -> bytes:
    return (_BOM if before and before.startswith(_BOM) else b"") + text.encode("utf-8")


def _look(agent: str, scope: Scope, path: str) -> SettingsPlace:
    try:
        text = _text(files.read(path) or b"")
        if settings.MARK not in text:
            return SettingsPlace(agent, scope, path, "absent")
        current = settings.is_current(text, handlers(agent))
    except ValueError as error:
        return SettingsPlace(agent, scope, path, "unreadable", str(error))
    except OSError as error:
        return SettingsPlace(agent, scope, path, "unreadable", error.strerror or "")
    return SettingsPlace(agent, scope, path, "in place" if current else "outdated")


def holds_ours(path: str) -> bool:
    """Whether a settings file has hooks of ours; what cannot be read counts as yes."""
    try:
        return settings.MARK.encode() in (files.read(path) or b"")
    except OSError:
        return True


# Writing.


def _without_block(path: str, name: str, style: marked.Style = marked.SHELL) -> SettingsChange:
    return _change(path, partial(marked.without, name=name, style=style))


def _change(path: str, edit: Callable[[bytes | None], bytes | None]) -> SettingsChange:
    """Have `edit` make new content from the present one (None: no file), until nobody else has changed it meanwhile.

    Raises Blocked for what cannot be changed without harm, LockHeld, LocalStorage.
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
        mode = None if before is None else stat.S_IMODE(os.stat(real).st_mode)
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
