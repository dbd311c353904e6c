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
    changes = [_change(path, lambda data: _with_handlers(path, data, agent, folder_made=folder_made))]
    if scope == "project" and repository is not None:
        changes += _ignore(wanted.home(kind, repository), agent, kind.PROJECT)
        admit(kind, repository)
        changes += [_change(file, partial(_with_block, file, agent)) for file in _block(kind, repository)]
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
        changes.append(_change(path, partial(_without_block, path, opening.NAME, marked.SHELL)))
    exclude = _exclude(repository)
    changes.append(_change(exclude, partial(_without_block, exclude, opening.NAME, marked.SHELL)))
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
    changes.append(_change(path, lambda data: _without_handlers(path, data, folders)))
    for folder in folders:
        remove_if_empty(folder)
    if scope == "project" and repository is not None:
        changes += [
            _change(file, partial(_without_block, file, agent, marked.MARKDOWN))
            for file in _block(kind, repository)
        ]
        if kind.FOLDER:
            for top in _worktrees(repository):
                remove_if_empty(os.path.join(top, kind.FOLDER))
        if not any(holds_ours(os.path.join(top, kind.PROJECT)) for top in _worktrees(repository)):
            exclude = _exclude(repository)
            changes.append(_change(exclude, partial(_without_block, exclude, agent, marked.SHELL)))
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
    path = _exclude(repository)
    body = f"/{name}\n".encode()
    return [_change(path, lambda data: marked.put(data, agent, marked.SHELL, body))]


# What.


def _with_handlers(path: str, data: bytes | None, agent: str, *, folder_made: bool) -> bytes:
    text = _text(path, data) if data is not None else None
    try:
        return _bytes(data, settings.put(text, handlers(agent), folder_made=folder_made and data is None))
    except ValueError as error:
        raise settings.unusable(path, error) from error


def _without_handlers(path: str, data: bytes | None, folders: list[str]) -> bytes | None:
    if data is None or settings.MARK.encode() not in data:
        return data
    try:
        text, folder_made = settings.without(_text(path, data))
    except ValueError as error:
        raise settings.unusable(path, error) from error
    if text is None and folder_made:
        folders.append(os.path.dirname(path))
    return None if text is None else _bytes(data, text)


def _with_block(path: str, agent: str, data: bytes | None) -> bytes:
    try:
        return marked.put(data, agent, marked.MARKDOWN, resources.read("templates", "AGENTS.md"))
    except ValueError as error:
        raise settings.unusable(path, error) from error


def _without_block(path: str, agent: str, style: marked.Style, data: bytes | None) -> bytes | None:
    try:
        return None if data is None else marked.without(data, agent, style)
    except ValueError as error:
        raise settings.unusable(path, error) from error


def _text(path: str, data: bytes) -> str:
    try:
        return data.removeprefix(_BOM).decode("utf-8")
    except UnicodeDecodeError as error:
        raise settings.unusable(path, ValueError("it is not UTF-8")) from error


def _bytes(before: bytes | None, text: str) -> bytes:
    return (_BOM if before and before.startswith(_BOM) else b"") + text.encode("utf-8")


def _look(agent: str, scope: Scope, path: str) -> SettingsPlace:
    try:
        data = files.read(path)
        text = data.removeprefix(_BOM).decode("utf-8") if data else ""
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


def _change(path: str, edit: Callable[[bytes | None], bytes | None]) -> SettingsChange:
    """Have `edit` make new content from the present one (None: no file), until nobody else has changed it meanwhile."""
    with files.storage(path):
        real = os.path.realpath(path)
        before = _read(path, real)
        for _ in range(_TRIES):
            after, then = edit(before), before
            before = _read(path, real)
            if before == then:
                break
        else:
            words = f"{path} is being changed again and again by another program."
            raise LockHeld(words, hint="Run the same command again in a moment.", lock=path, holder="")
        if after == before:
            return SettingsChange(path, "unchanged")
        if after is None:
            files.remove(real)
            return SettingsChange(path, "removed")
        _replace(real, after)
        return SettingsChange(path, "created" if before is None else "changed")


def _read(path: str, real: str) -> bytes | None:
    try:
        return files.read(real)
    except IsADirectoryError as error:
        raise settings.unusable(path, ValueError("it is a folder")) from error


def _replace(path: str, data: bytes) -> None:
    mode = stat.S_IMODE(os.stat(path).st_mode) if os.path.exists(path) else None
    try:
        files.folder(os.path.dirname(path))
    except FileExistsError as error:
        words = f"{os.path.dirname(path)} is no folder"
        raise settings.unusable(path, ValueError(words)) from error
    files.replace(path, data, mode=mode)
