"""The commented `gitfleet.yaml` that `init` writes into the worktree of the clone that begins a fleet, until one has landed.

Nobody has committed it, so it must be in nobody's way: git will not pull a file over one that it does not know. As soon as
one has landed, ours goes, unless somebody has changed or added it. `<common dir>/gitfleet/made.json` says where it is;
while that is there, the `reference-transaction` hook looks at what a fetch brings (`main`), before `git pull` goes on.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress

from gitfleet.base import files, resources, statefile
from gitfleet.base.digests import sha256
from gitfleet.codec import TEXT, Struct, field
from gitfleet.errors import FleetError
from gitfleet.git import refs
from gitfleet.git.program import Git
from gitfleet.git.repository import Repository, discover
from gitfleet.ledger.own_node import state_folder

CONFIG = "gitfleet.yaml"
NOTE = "made.json"


class _Draft(Struct):
    path: str = field(TEXT)  # from the state folder, since clones are moved, and copied
    sha256: str = field(TEXT)


def write(repository: Repository) -> bool:
    """Put the draft into the worktree, where nothing of that name is; whether it was put there."""
    assert repository.worktree is not None
    path = os.path.join(repository.worktree, CONFIG)
    if os.path.lexists(path):
        return False
    template = resources.read("templates", CONFIG)
    state = state_folder(repository.common_dir)
    note = _Draft(os.path.relpath(path, state), _sha256(template))
    statefile.save(os.path.join(state, NOTE), note)
    return files.create(path, template)


def pending(state: str) -> bool:
    """Whether a draft was written in this clone, and none has landed since, as far as is known here."""
    return os.path.exists(os.path.join(state, NOTE))


def settle(common_dir: str) -> None:
    """One has landed: ours goes where it is as we wrote it and git does not know it. One that was changed stays, and is looked
    at again; of one that was added nothing more is to be remembered.
    """
    state = state_folder(common_dir)
    path, wrote = made(state)
    if not path:
        return
    if os.path.lexists(path) and _tracked(path) is not True:
        if _tracked(path) is None or _digest(path) != wrote:
            return
        files.remove(path)
    files.remove(os.path.join(state, NOTE))


def take_back(state: str) -> list[str]:
    """The clone leaves its fleet: as `settle`; what stays is said."""
    path, _ = made(state)
    if not path or not os.path.lexists(path):
        return []
    if not untouched(state):
        return [f"{path} was changed, added or committed since, so it stays"]
    files.remove(path)
    return []


def untouched(state: str) -> str:
    """The draft of this clone where it is as we wrote it and git does not know it; else ""."""
    path, wrote = made(state)
    return path if path and _digest(path) == wrote and _tracked(path) is False else ""


def main(commits: Sequence[str]) -> int:
    """What the `reference-transaction` hook asks: a fetch brings these commits. Never stops git."""
    with suppress(FleetError, OSError, ValueError):
        here = discover()
        if any(refs.resolve(here.git, f"{commit}:{CONFIG}") for commit in commits):
            settle(here.common_dir)
    return 0


def made(state: str) -> tuple[str, str]:
    """Where the draft was put, and its digest; "" without one."""
    note = statefile.load(_Draft, os.path.join(state, NOTE))
    return (os.path.normpath(os.path.join(state, note.path)), note.sha256) if note else ("", "")


def _tracked(path: str) -> bool | None:
    """Whether git knows the file; None where git does not say."""
    folder = os.path.dirname(path)
    done = Git(os.path.join(folder, ".git"), cwd=folder).ask("ls-files", "--error-unmatch", "--", CONFIG)
    return {0: True, 1: False}.get(done.code)


def _digest(path: str) -> str:
    data = files.read(path) if os.path.isfile(path) and not os.path.islink(path) else None
    return "" if data is None else _sha256(data)


def _sha256(data: bytes) -> str:
    return sha256(data).hexdigest()
