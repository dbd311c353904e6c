"""Paths as people and agents type them, made into patterns of this repository.

Owns where a text counts from: the current folder, the root, or a worktree that an absolute path lies in. What the text
then means is decided by itself (`language`), so that it is the same claim in every clone; the disk is looked at only to
ask back where a name was most likely meant for the current folder.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

from gitfleet.base.text import display
from gitfleet.errors import BadPath, UsageError
from gitfleet.git.program import Git
from gitfleet.git.repository import Repository
from gitfleet.patterns import language, resources
from gitfleet.patterns.language import ROOT, Pattern

_WILD = frozenset("*?[\\{")
_HERE = frozenset({".", ".."})


def resolve(
    texts: Iterable[str], repository: Repository, folder: str | None = None, *, counted: bool = True
) -> list[Pattern]:
    """The patterns that `texts` stand for, relative to the repository's root. Raises BadPath, BadPattern; UsageError
    for units of a resource where they are not `counted`, since all of it is meant.

    =====================  =========================================================================================
    `./x`, `../x`, `.`     from `folder` (any spelling of a folder in the worktree; None: its top)
    `:/x`, `:/`            from the root
    `/a/b`                 an absolute path, inside of any worktree of this clone
    `res:x`                the resource
    `x`                    from the root; refused where nothing there is called so, but something in `folder` is
    =====================  =========================================================================================
    """
    if isinstance(texts, str):  # of which each character would be a path
        raise UsageError("Paths are a list of texts, not one text.", hint=f"Pass `[{display(texts)!r}]`.")
    here = _inside(repository.worktree, folder)
    found: dict[str, Pattern] = {}
    for text in texts:
        if not counted and resources.is_counted(text):
            raise _all_units(text)
        for pattern in _named(text, repository, here):
            found.setdefault(pattern.text, pattern)
    return list(found.values())


def worktrees(git: Git) -> list[str]:
    """The top folders of all worktrees of this clone."""
    out = os.fsdecode(git.run("worktree", "list", "--porcelain", "-z"))
    entries = [entry.split("\0") for entry in out.split("\0\0")]
    return [fields[0].removeprefix("worktree ") for fields in entries if fields[0] and "bare" not in fields]


def _named(text: str, repository: Repository, here: Sequence[str] | None) -> tuple[Pattern, ...]:
    if text.startswith((resources.PREFIX, ROOT)):
        return language.parse(text)
    if os.path.isabs(text):
        return language.parse(_from_top(text, repository.worktree, repository.git))
    if text.split("/", maxsplit=1)[0] in _HERE:
        named = language.parse(_from_here(text, here))
        _ask_about_links(named, repository.worktree)
        return named
    named = language.parse(text)
    if text.startswith("{") and any(one[:2] in {"./", ".."} for one in text[1:].split(",")):
        raise _bad(
            text, "`./` and `../` stand before braces", "Write `./{a,b}`, or name each path by itself."
        )
    if here and repository.worktree:
        _ask_back(text, named, repository.here, repository.worktree, here)
    _ask_about_links(named, repository.worktree)
    return named


def _inside(top: str | None, folder: str | None) -> list[str] | None:
    """The names from the top of a worktree down to a folder; None where it lies elsewhere. No worktree is all root."""
    if top is None or folder is None:
        return []
    top, real = os.path.realpath(top), os.path.realpath(folder)
    if real == top:
        return []
    return real[len(top) :].strip("/").split("/") if real.startswith(top.rstrip("/") + "/") else None


def _from_here(text: str, here: Sequence[str] | None) -> str:
    """A text that counts from the current folder, as it counts from the root; the folder's own names are names."""
    if here is None:
        raise _bad(
            text,
            "the current folder is in no worktree of this repository",
            "Name it from the root: `:/PATH`.",
        )
    parts = [_escaped(name) for name in here]
    typed = text.split("/")
    for part in typed:
        if part == "..":
            if not parts:
                raise _bad(text, "`..` leads out of the repository", "Name it from the root: `:/PATH`.")
            if len(parts) > len(here) and not _WILD.isdisjoint(parts[-1]):
                raise _bad(text, "`..` follows a wildcard", "Name the folder itself.")
            parts.pop()
            here = here[: len(parts)]
        elif part not in {"", "."}:
            parts.append(part)
    return ROOT + "/".join(parts) + "/" * (bool(parts) and typed[-1] in {"", *_HERE})


def _escaped(name: str) -> str:
    return "".join("\\" + char if char in _WILD else char for char in name)


def _ask_back(text: str, named: Sequence[Pattern], git: Git, top: str, here: Sequence[str]) -> None:
    """Refuse a name that is nothing at the root, while something in the current folder is called so. Raises BadPath."""
    from gitfleet.claims import (
        existing_files,  # with what reads globs; at the root of a worktree it is of no use
    )

    new = existing_files.missing(git, top, named)
    near = [
        pattern
        for one in new
        for pattern in language.parse(_from_here(f"./{'/'.join(one.components)}", here))
    ]
    there = set(near) - set(existing_files.missing(git, top, near))
    if not there:
        return
    meant = ", ".join(sorted(one.text for one in there))
    what = "a new folder" if text.endswith("/") else "a new file"
    if any(one.shape == "glob" for one in new):
        what = "what is new"
    raise BadPath(
        f"Nothing at the root of the repository is called {display(text)}, but something in the current folder is.",
        hint=f"Did you mean `./{display(text)}`, that is {display(meant)}? `:/{display(text)}` is {what} at the root.",
        path=text,
    )


def _ask_about_links(named: Sequence[Pattern], top: str | None) -> None:
    """Refuse what would be beneath a symbolic link: the files there have other names. Raises BadPath."""
    for pattern in named if top is not None else ():
        whole = pattern.shape == "glob" or pattern.text.endswith("/")
        above = pattern.prefix if whole else pattern.prefix[:-1]
        for depth in range(1, len(above) + 1):
            link = "/".join(above[:depth])
            if link and os.path.islink(os.path.join(top or "", link)):
                raise _beneath(link, pattern, _inside(top, os.path.join(top or "", link)), depth)


def _beneath(link: str, pattern: Pattern, target: Sequence[str] | None, depth: int) -> BadPath:
    """The error about a path that goes on behind a link, which leads to the folder `target` (None: out of the worktree)."""
    rest = list(pattern.components[depth:])
    meant = "/".join([*(_escaped(name) for name in target or []), *rest]) or "."
    what = f"Did you mean `{display(meant)}`? " if target is not None else ""
    return BadPath(
        f"{display(link)} is a symbolic link here, and git keeps nothing beneath one.",
        hint=f"{what}The link itself is `{display(_escaped(link))}`.",
        path=pattern.text,
    )


def _from_top(text: str, worktree: str | None, git: Git) -> str:
    """An absolute path as it counts from the top of the worktree that it lies in."""
    known = {*worktrees(git), *([worktree] if worktree else [])}  # a submodule's own is not in git's list
    tops = [spelled for top in known for spelled in (top, os.path.realpath(top))]
    tops.sort(key=len, reverse=True)
    for path in _spellings(text):
        for top in tops:
            if path == top:
                return ROOT
            if path.startswith(top.rstrip("/") + "/"):
                return ROOT + path[len(top.rstrip("/")) + 1 :] + "/" * text.endswith("/")
    if os.path.realpath(text) in tops:
        return ROOT
    raise _bad(
        text,
        "it is outside the worktrees of this repository",
        "Name it relative to the root of the repository.",
    )


def _spellings(text: str) -> Sequence[str]:
    """The path with the folder that it is in resolved (but not the path itself, which may be a link), and as typed."""
    plain = os.path.normpath("/" + text.lstrip("/"))
    parent, name = os.path.split(plain)
    whole = os.path.realpath(plain) if text.endswith("/") else os.path.join(os.path.realpath(parent), name)
    return (whole, plain)


def _all_units(text: str) -> UsageError:
    words = f"A resource is released whole, but {display(text)} names a number of units."
    return UsageError(words, hint="Name it without a number.")


def _bad(text: str, why: str, hint: str) -> BadPath:
    return BadPath(f"`{display(text)}` cannot be claimed: {why}.", hint=hint, path=text)
