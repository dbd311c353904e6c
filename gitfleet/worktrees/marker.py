"""The proof that gitfleet made a worktree: a file in the worktree's own git dir.

Only its presence, with the path of that very worktree in it, makes a worktree a managed one; nothing without it is ever
reused, brought up to date or removed. It lies where neither `git status` nor `git add -A` sees it, and git removes it
together with the worktree. It is written once and never changed; who has the worktree now is `reservation`'s.
"""

from __future__ import annotations

import os
from dataclasses import asdict, replace

from gitfleet.base import canonical, files
from gitfleet.base.ids import is_name
from gitfleet.errors import Corrupt, NewerFormat
from gitfleet.worktrees.model import Managed

NAME = "gitfleet-worktree.json"
FORMAT = 1
_TEXTS = ("path", "agent", "session", "branch", "base", "base_commit", "folder", "id")


def read(git_dir: str) -> Managed | None:
    """The managed worktree whose git dir this is; None without a marker. Raises Corrupt, NewerFormat.

    The caller compares `path` with where the worktree is: a marker that was copied or moved proves nothing.
    """
    where = os.path.join(git_dir, NAME)
    data = files.read(where)
    if data is None:
        return None
    try:
        raw = canonical.load(data)
    except ValueError as error:
        raise _broken(where, str(error)) from error
    version = raw.get("v")
    if type(version) is not int or raw.get("kind") != "worktree":
        raise _broken(where, "not the marker of a worktree")
    if version > FORMAT:
        words = f"{where} has format {version}; this gitfleet reads up to {FORMAT}."
        raise NewerFormat(words, hint="Upgrade gitfleet.", where=where, version=version, understood=FORMAT)
    texts = {name: raw.get(name) for name in _TEXTS}
    created, trunk = raw.get("created_at"), raw.get("trunk") is True
    empty = {"base"} if trunk else set()  # which branch the trunk is, the clone knows
    sound = all(isinstance(text, str) and (text or name in empty) for name, text in texts.items())
    if not sound or type(created) is not int:
        raise _broken(where, "a field is missing or of the wrong type")
    named = {name: str(text) for name, text in texts.items()}
    if not all(is_name(named[name]) for name in ("id", "agent", "session")):
        raise _broken(where, "it names no session")
    return Managed(git_dir=git_dir, created_at=created, trunk=trunk, **named)


def write(managed: Managed) -> None:
    """Put the marker into the worktree's git dir. Atomic and durable."""
    record = {name: value for name, value in asdict(managed).items() if name != "git_dir"}
    data = canonical.dump({**record, "v": FORMAT, "kind": "worktree"})
    files.replace(os.path.join(managed.git_dir, NAME), data)


def belongs(managed: Managed, path: str) -> bool:
    """Whether the marker was written for the worktree at `path`."""
    return os.path.realpath(managed.path) == os.path.realpath(path)


def at(managed: Managed, path: str) -> Managed:
    """The same, with its path as git spells it."""
    return managed if managed.path == path else replace(managed, path=path)


def _broken(where: str, why: str) -> Corrupt:
    return Corrupt(
        f"{where} cannot be read ({why}), so this worktree is left alone.",
        hint="If gitfleet did not make the worktree, remove that file; otherwise `git worktree remove` takes the worktree away.",
        where=where,
    )
