"""What only a worktree's own git dir leads to, and what the stash has of it.

git forgets these with the worktree: commits that its HEAD was at (amended, reset away, detached), refs of its own below
`refs/worktree`. And stash entries, which all worktrees share, belong to whoever works on the branch that they were made on.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from typing import NamedTuple

from gitfleet.base.text import one_line
from gitfleet.git import refs
from gitfleet.git.program import Git

_TIME = 300.0
_OWN_REFS = ("refs/worktree/", "refs/bisect/", "refs/rewritten/")
_PSEUDO = ("ORIG_HEAD",)


class Logged(NamedTuple):
    """One line of a reflog: the commit it went to, when (seconds since 1970), and what it says."""

    oid: str
    at: int
    words: str


def log(git: Git, ref: str = "HEAD") -> list[Logged]:
    """The reflog of `ref`, the newest first; empty where there is none. Commits that are gone end it, as git reads it."""
    done = git.ask(
        "log",
        "-g",
        "-z",
        "--no-show-signature",
        "--date=unix",
        "--format=%H%x01%gd%x01%gs",
        ref,
        "--",
        timeout=_TIME,
    )
    found = []
    for row in os.fsdecode(done.stdout).split("\0") if done.code == 0 else ():
        oid, _, rest = row.partition("\1")
        selector, _, words = rest.partition("\1")
        at = selector.rpartition("{")[2].rstrip("}")
        if oid and at.isdecimal():
            found.append(Logged(oid, int(at), words))
    return found


def only_here(git: Git, common: Git, head: str, branch: str) -> list[str]:
    """Commits that the removal of this worktree, and of its branch (full ref or ""), could make git forget: the newest of each line.

    `head` itself and what it holds are not among them: the caller keeps that. Three to five git processes.
    """
    seen = {line.oid for line in log(git)} | ({line.oid for line in log(common, branch)} if branch else set())
    own = git.run("for-each-ref", "--format=%(objectname) %(objecttype)", *_OWN_REFS).decode(
        "ascii", "replace"
    )
    seen |= {row.split(" ")[0] for row in own.splitlines() if row.endswith(" commit")}
    for name in _PSEUDO:
        oid = refs.resolve(git, f"{name}^{{commit}}")
        seen |= {oid} if oid else set()
    seen.discard(head)
    if not seen:
        return []
    return newest(git, seen, head)


def newest(git: Git, seen: Collection[str], *kept: str) -> list[str]:
    """Of the commits in `seen` and before, those that nothing in `kept` leads to: the newest of each line."""
    data = "".join([*(f"{oid}\n" for oid in sorted(set(seen))), *(f"^{oid}\n" for oid in kept)]).encode()
    rows = git.run("rev-list", "--parents", "--stdin", data=data, timeout=_TIME).decode("ascii", "replace")
    found = [row.split(" ") for row in rows.splitlines()]
    inner = {parent for row in found for parent in row[1:]}
    return [row[0] for row in found if row[0] not in inner]


def stashes(git: Git, common: Git, branches: Collection[str]) -> list[str]:
    """The stash entries that were made in this worktree: on one of `branches` (short names), or on none from a commit that its
    HEAD was at. In git's words, safe to show.
    """
    entries = log(common, "refs/stash")
    if not entries:
        return []
    trail = log(git)
    names = set(branches) | {_left(line.words) for line in trail}
    been = {line.oid for line in trail}

    def mine(entry: Logged) -> bool:
        on = _made_on(entry.words)
        return refs.resolve(common, f"{entry.oid}^1") in been if on in {"", "(no branch)"} else on in names

    return [one_line(entry.words, 120) for entry in entries if mine(entry)]


def _made_on(words: str) -> str:
    """The branch in the words of a stash entry (`WIP on x: …`, `On x: …`); "" when they are somebody's own."""
    for start in ("WIP on ", "On "):
        if words.startswith(start):
            return words.removeprefix(start).partition(": ")[0]
    return ""


def _left(words: str) -> str:
    """The branch that a reflog line says was left for another."""
    start = "checkout: moving from "
    return words.removeprefix(start).partition(" to ")[0] if words.startswith(start) else ""
