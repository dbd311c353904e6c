"""Paths as people and agents type them, made into patterns of this repository.

Owns what needs to look at the disk: absolute paths inside any worktree of the clone, and directories that are named
without their slash. The grammar is in `patterns`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

from gitfleet.base.text import display
from gitfleet.claims import patterns
from gitfleet.claims.patterns import Pattern
from gitfleet.errors import BadPath
from gitfleet.git.program import Git


def resolve(texts: Iterable[str], *, worktree: str | None, git: Git) -> list[Pattern]:
    """The patterns that `texts` stand for, relative to the repository's root. Raises BadPath, BadPattern.

    A text counts from the root wherever it is typed. An absolute path must lie inside a worktree of this clone. A
    name that is a directory in `worktree` and has no slash at its end means the directory; a name that exists there
    exactly as typed is that name, whatever characters it has.
    """
    found: dict[str, Pattern] = {}
    for text in texts:
        relative = _relative(text, git) if os.path.isabs(text) else text
        for pattern in _patterns(relative, worktree):
            found.setdefault(pattern.text, pattern)
    return list(found.values())


def worktrees(git: Git) -> list[str]:
    """The top folders of all worktrees of this clone."""
    out = os.fsdecode(git.run("worktree", "list", "--porcelain", "-z"))
    return [field.removeprefix("worktree ") for field in out.split("\0") if field.startswith("worktree ")]


def _relative(text: str, git: Git) -> str:
    tops = worktrees(git)
    for path in _spellings(text):
        for top in sorted(
            (real for tree in tops for real in (tree, os.path.realpath(tree))), key=len, reverse=True
        ):
            if path == top:
                return "**"
            if path.startswith(top + "/"):
                return path[len(top) + 1 :] + ("/" if text.endswith("/") else "")
    raise BadPath(
        f"{display(text)} lies outside the worktrees of this repository. Nothing was changed.",
        hint="Name it relative to the root of the repository.",
        path=text,
    )


def _spellings(text: str) -> Sequence[str]:
    """The path as typed, and with the folder it is in (but not the path itself, which may be a link) resolved."""
    plain = os.path.normpath(text)
    parent, name = os.path.split(plain)
    return (plain, os.path.join(os.path.realpath(parent), name))


def _patterns(text: str, worktree: str | None) -> tuple[Pattern, ...]:
    if worktree and _plain(text):
        place = os.path.join(worktree, text)
        is_folder = os.path.isdir(place) and not os.path.islink(place.rstrip("/"))
        if is_folder and not os.path.exists(os.path.join(place, ".git")):
            return (patterns.literal(text.rstrip("/"), directory=True),)
        if os.path.lexists(place) and not text.endswith("/"):
            return (patterns.literal(text),)
    return patterns.parse(text)


def _plain(text: str) -> bool:
    """Whether `text` may be looked up on disk as it is: nothing in it would leave the worktree."""
    parts = text.rstrip("/").split("/")
    return bool(text) and "\0" not in text and all(part not in {"", ".", ".."} for part in parts)
