"""What can be known before any hook is touched: whether there is anything to do, and whether it may be done."""

from __future__ import annotations

import os

from gitfleet.base import files
from gitfleet.base.text import display
from gitfleet.errors import Blocked, FleetError, LocalStorage
from gitfleet.githooks.hooks_path import HookedClone
from gitfleet.githooks.inspection import inspect

NO_HOOK = "No hook was installed."


def checked(common_dir: str, worktree: str | None, paths: tuple[str, ...]) -> HookedClone:
    if worktree is None:
        raise Blocked(
            f"{display(common_dir)} is a bare repository: nobody commits in it.",
            unharmed=NO_HOOK,
            hint="Run `gitfleet init` in a clone of this repository, or in one of its worktrees.",
        )
    clone = HookedClone(common_dir, worktree)
    for path in (*paths, clone.common):
        if not os.path.isabs(path) or "\n" in path:
            raise Blocked(
                f"{display(path)} cannot be written into a hook.",
                unharmed=NO_HOOK,
                hint="It must be an absolute path without a line break.",
            )
    if os.path.lexists(clone.hooks) and not os.path.isdir(clone.hooks):
        raise Blocked(
            f"{display(clone.hooks)} is not a folder.",
            unharmed=NO_HOOK,
            hint="Move it away, then run the same command again.",
        )
    return clone


def in_place(clone: HookedClone, launcher: str) -> bool:
    """Whether every gate stands where it belongs, in our present words: then nothing needs to be written."""
    if not os.path.exists(os.path.join(clone.state, "hooks.json")):
        return False
    try:
        found = inspect(clone.common, clone.worktree)
    except FleetError:  # then install says it
        return False
    same = files.read(os.path.join(clone.state, "launcher")) == os.fsencode(launcher)
    return (
        found.installed
        and same
        and not found.problems
        and all(hook.state == "in place" for hook in found.hooks)
    )


def writable(clone: HookedClone) -> HookedClone:
    for folder in (clone.common, clone.state, clone.hooks):
        if os.path.isdir(folder) and not files.may_write(folder):
            raise LocalStorage(
                f"{display(folder)} is not writable.",
                unharmed="No hook was changed.",
                hint="Give permission there, then run the same command again.",
                path=folder,
            )
    return clone
