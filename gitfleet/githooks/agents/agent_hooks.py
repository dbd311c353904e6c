"""An agent's own hooks: put into its settings, taken out, looked at.

What goes where is one table (`wanted`). In a project only files are used that are one person's on one machine, since
they name this machine's Python; git is told to ignore them, in the clone's own `info/exclude`. Everything is
replaced whole, through links, with its mode; a file that cannot be understood is left as it is. One caller at a time;
an agent that rewrites its settings in the same instant wins.
"""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Literal, NamedTuple

from gitfleet.base import files, resources
from gitfleet.clients.acting import CLIENTS
from gitfleet.git.repository import Repository
from gitfleet.githooks.agents import marked, opening, settings, settings_files, wanted
from gitfleet.githooks.agents.settings_files import SettingsChange
from gitfleet.githooks.agents.wanted import Scope, handlers, settings_path
from gitfleet.githooks.hook_files import remove_if_empty

if TYPE_CHECKING:
    from gitfleet.clients.acting import Client

State = Literal["in place", "outdated", "absent", "unreadable", "untrusted", "modified", "not read"]
"""The last three are what the client says of hooks that are written as they should be (see `ready`)."""

_BOM = b"\xef\xbb\xbf"


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
        settings_files.check_links(wanted.home(kind, repository), [kind.PROJECT])
        settings_files.check_links(repository, [kind.BLOCK] if kind.BLOCK else [])
    folder_made = not os.path.isdir(os.path.dirname(path))
    changes = [settings_files.change(path, partial(_with_handlers, agent=agent, folder_made=folder_made))]
    if scope == "project" and repository is not None:
        changes += settings_files.ignore(wanted.home(kind, repository), agent, kind.PROJECT)
        admit(kind, repository)
        text = resources.read("templates", "AGENTS.md")
        block = partial(marked.put, name=agent, style=marked.MARKDOWN, body=text)
        changes += [settings_files.change(file, block) for file in _block(kind, repository)]
    return changes


def open_sandbox(repository: Repository) -> list[SettingsChange]:
    """Let commands in Codex's sandbox write what git and the hub need, in this worktree. Twice is once. Raises as `install`."""
    settings_files.check_links(repository, [opening.CONFIG])
    opening.check(repository)
    path = os.path.join(repository.worktree or "", opening.CONFIG)
    changes = [settings_files.change(path, partial(opening.opened, path, repository))]
    return changes + settings_files.ignore(repository, opening.NAME, opening.CONFIG)


def close_sandbox(repository: Repository) -> list[SettingsChange]:
    """Take that out again, in all worktrees of the clone: those that were made later have it from the first. Raises as `install`."""
    changes = []
    for top in settings_files.worktrees(repository):
        path = os.path.join(top, opening.CONFIG)
        changes.append(settings_files.without_block(path, opening.NAME))
    changes.append(settings_files.without_block(settings_files.exclude(repository), opening.NAME))
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
    changes.append(
        settings_files.change(path, partial(_without_handlers, folders=folders, folder=os.path.dirname(path)))
    )
    for folder in folders:
        remove_if_empty(folder)
    if scope == "project" and repository is not None:
        changes += [
            settings_files.without_block(file, agent, marked.MARKDOWN) for file in _block(kind, repository)
        ]
        if kind.FOLDER:
            for top in settings_files.worktrees(repository):
                remove_if_empty(os.path.join(top, kind.FOLDER))
        if not any(
            holds_ours(os.path.join(top, kind.PROJECT)) for top in settings_files.worktrees(repository)
        ):
            changes.append(settings_files.without_block(settings_files.exclude(repository), agent))
    return [change for change in changes if change.what != "unchanged"]


def status(repository: Repository | None) -> list[SettingsPlace]:
    """Every place where an agent's hooks may be. Reads only."""
    found = []
    for agent, kind in CLIENTS.items():
        scopes: list[Scope] = ["project", "user"] if repository and repository.worktree else ["user"]
        found += [_look(agent, scope, settings_path(kind, scope, repository)) for scope in scopes]
    return found


# Where.


def _block(kind: Client, repository: Repository) -> list[str]:
    return [os.path.join(repository.worktree or "", kind.BLOCK)] if kind.BLOCK else []


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
