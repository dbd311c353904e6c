"""Paths as people and agents type them, made into patterns of this repository.

Owns what needs to look at the disk: absolute paths inside any worktree of the clone, and directories that are named
without their slash. The grammar is in `patterns`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

from gitfleet.base.text import display
from gitfleet.claims import patterns, resources
from gitfleet.claims.patterns import Pattern
from gitfleet.errors import BadPath
from gitfleet.git.program import Git


def resolve(texts: Iterable[str], *, worktree: str | None, git: Git) -> list[Pattern]:
    """The patterns that `texts` stand for, relative to the repository's root. Raises BadPath, BadPattern.

    A text counts from the root wherever it is typed. An absolute path must lie inside a worktree of this clone. A
    name that is a directory in `worktree` and has no slash at its end means the directory; a name that exists there
    exactly as typed is that name, whatever characters it has, but for `res:NAME`, which is always the resource.
    """
    found: dict[str, Pattern] = {}
    for text in texts:
        if text.startswith(resources.PREFIX):
            named = patterns.parse(text)
        else:
            relative, top = _relative(text, worktree, git) if os.path.isabs(text) else (text, worktree)
            named = _patterns(relative, top)
        for pattern in named:
            found.setdefault(pattern.text, pattern)
    return list(found.values())


def worktrees(git: Git) -> list[str]:
    """The top folders of all worktrees of this clone."""
    out = os.fsdecode(git.run("worktree", "list", "--porcelain", "-z"))
    entries = [entry.split("\0") for entry in out.split("\0\0")]
    return [fields[0].removeprefix("worktree ") for fields in entries if fields[0] and "bare" not in fields]


def _relative(text: str, worktree: str | None, git: Git) -> tuple[str, str]:
    """An absolute path as it counts from the top of the worktree that it lies in, and that top."""
    known = {*worktrees(git), *([worktree] if worktree else [])}  # a submodule's own is not in git's list
    tops = [(spelled, top) for top in known for spelled in (top, os.path.realpath(top))]
    tops.sort(key=lambda pair: len(pair[0]), reverse=True)
    for path in _spellings(text):
        for spelled, top in tops:
            if path == spelled:
                return ".", top
            if path.startswith(spelled + "/"):
                return "./" + path[len(spelled) + 1 :] + "/" * text.endswith("/"), top
    if os.path.realpath(text) in {spelled for spelled, _ in tops}:
        return ".", os.path.realpath(text)
    raise BadPath(
        f"{display(text)} lies outside the worktrees of this repository. Nothing was changed.",
        hint="Name it relative to the root of the repository.",
        path=text,
    )


def _spellings(text: str) -> Sequence[str]:
    """The path as typed, and with the folder it is in (but not the path itself, which may be a link) resolved."""
    plain = os.path.normpath("/" + text.lstrip("/"))
    parent, name = os.path.split(plain)
    return (plain, os.path.join(os.path.realpath(parent), name))


def _patterns(text: str, worktree: str | None) -> tuple[Pattern, ...]:
    name, folder = _looked_up(text)
    if worktree and name:
        place = os.path.join(worktree, name)
        if os.path.isdir(place) and not os.path.islink(place):
            if not os.path.lexists(os.path.join(place, ".git")):
                return (patterns.literal(name, directory=True),)
        elif folder:
            return patterns.parse(text)
        if os.path.lexists(place):
            return (patterns.literal(name, directory=folder),)
    return patterns.parse(text)


def _looked_up(text: str) -> tuple[str, bool]:
    """How to look `text` up on disk, and whether it asks for a folder; the name is empty where that would leave the worktree."""
    parts = text.split("/")
    names = [part for part in parts if part not in {"", "."}]
    sound = "\0" not in text and ".." not in names
    return "/".join(names) if sound else "", parts[-1] in {"", "."}
