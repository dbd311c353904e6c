"""The hooks of a clone: put in place again, and whether its gates are in force, as `doctor` and `status` say it."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from gitfleet.base import resources
from gitfleet.clone import Clone
from gitfleet.errors import FleetError
from gitfleet.git.repository import Repository
from gitfleet.githooks.inspection import Inspection, inspect

if TYPE_CHECKING:
    from gitfleet.githooks.install import Installation

ADVICE = "gitfleet init puts them in place again"


def script() -> str:
    """The script that hooks start."""
    return resources.program("githooks/run.py")


def check(repository: Repository) -> None:
    """Raise Blocked where `put` would, with nothing changed."""
    from gitfleet.githooks import install  # of no use to who looks

    install.check(repository.common_dir, repository.worktree, interpreter=sys.executable, gate=script())


def put(repository: Repository) -> Installation:
    """Put the hooks in place, for the Python that runs this. Raises Blocked where something is in the way."""
    from gitfleet.githooks import install  # as above

    return install.install(
        repository.common_dir, repository.worktree, interpreter=sys.executable, gate=script()
    )


def put_again(repository: Repository) -> list[str]:
    """The same where they were before, since another tool may have put its own there; what was mended, in words."""
    done = put(repository)
    words = [f"hooks renewed in {', '.join(done.folders)}", *done.notes] if done.changed else []
    return [*words, *done.closed]


def state(clone: Clone) -> tuple[bool, str]:
    """Whether every gate runs, and what was found, in words."""
    seen = inspect(clone.repository.common_dir, clone.repository.worktree)
    if not seen.in_force:
        return False, _matter(seen)
    words = "every gate runs in every worktree"
    if seen.displaced:
        words += f", by git's configuration; an older git would skip some: {'; '.join(seen.displaced)}"
    elif seen.configurable:
        words += ", by git's configuration and by the hooks folder"
    return True, words


def warnings(clone: Clone) -> list[str]:
    """What `status` has to say of the hooks: nothing where every gate runs, or none was ever put in."""
    return look(clone)[0]


def look(clone: Clone) -> tuple[list[str], list[str]]:
    """The same, and the folders in which the gates' scripts stand, or belong."""
    try:
        seen = inspect(clone.repository.common_dir, clone.repository.worktree)
    except FleetError as error:
        return [error.message], []
    said = [] if seen.in_force or not seen.installed else [f"hooks: {_matter(seen)}; {ADVICE}"]
    return said, sorted({os.path.dirname(hook.path) for hook in seen.hooks})


def _matter(seen: Inspection) -> str:
    missing = [f"{hook.words}" for hook in seen.hooks if not hook.in_force]
    gates = [f"some gates do not run: {'; '.join(dict.fromkeys(missing))}"] if missing else []
    return "; ".join([*seen.problems, *gates])
