"""The files by which an attempt's setup is told what to do. They lie in the attempt's folder, which only its user may enter.

setup.json    what is to be made ready, and the program that then becomes the agent
units.json    the units of resources that the attempt was granted, as variables
before.json   what the setup left in the worktree that git does not ignore
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from gitfleet.base import files
from gitfleet.codec import TEXT, WHOLE, Many, Maybe, Struct, Table, Text, field
from gitfleet.jobs.shepherd import records

PLAN, UNITS, BEFORE = "setup.json", "units.json", "before.json"
INCLUDED = ".worktreeinclude"
"""The file in a repository's own checkout that names files which each worktree gets a copy of, in the syntax of `.gitignore`."""
_LONG: Text[str] = Text(1 << 26)


class SetupPlan(Struct):
    """`argv` is what becomes the agent. `marker` is the line that ends the setup in its stream.

    `checkout` is the repository's own ("": it has none) with its `common_dir`, `worktree` the attempt's with its `git_dir`.
    `files` are patterns, `template` a folder ("": none), `command` an argv that gets at most `timeout` milliseconds;
    `named`: that one as people know it.
    """

    argv: tuple[str, ...] = field(Many(_LONG, least=1))
    marker: str = field(TEXT)
    checkout: str = field(_LONG)
    common_dir: str = field(_LONG)
    worktree: str = field(_LONG)
    git_dir: str = field(_LONG)
    files: tuple[str, ...] = field(Many(_LONG), default=())
    template: str = field(_LONG, default="")
    command: tuple[str, ...] = field(Many(_LONG), default=())
    timeout: int | None = field(Maybe(WHOLE), default=None)
    named: tuple[str, ...] = field(Many(_LONG), default=())


class GrantedUnits(Struct):
    """`variables`: the numbers of the units of each resource, as `GITFLEET_RES_NAME`."""

    variables: Mapping[str, str] = field(Table(TEXT), default={})


class SetupLeft(Struct):
    """By path, what the setup left uncommitted, as `stamp` has it."""

    paths: Mapping[str, tuple[int, ...]] = field(Table(Many(WHOLE)), default={})


def units(folder: str) -> dict[str, str]:
    """The variables of the units that the attempt in `folder` was granted. Raises ValueError for a record that is broken."""
    found = records.load(GrantedUnits, folder, UNITS)
    return dict(found.variables) if found else {}


def untouched(folder: str, worktree: str, paths: list[str]) -> set[str]:
    """Which of the paths are as the attempt's setup left them: they are no work of its agent."""
    left = records.load(SetupLeft, folder, BEFORE)
    if left is None:
        return set()
    return {path for path in paths if left.paths.get(path) == stamp(worktree, path)}


def stamp(worktree: str, path: str) -> tuple[int, ...]:
    """What a file is known by; () where there is none."""
    try:
        found = os.lstat(os.path.join(worktree, path))
    except OSError:
        return ()
    return (found.st_ino, found.st_mode, found.st_size, files.changed_at(os.path.join(worktree, path)))
