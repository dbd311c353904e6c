"""Which branches contain which commits, among those that some commit does not contain: one walk for all branches.

Costs one git process, and memory for each commit that is not in `without`: what has landed is not looked at.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from gitfleet.git import trailers
from gitfleet.git.program import Git

_TIME = 300.0
_FIELDS = 4
_FORMAT = "%H%x00%P%x00" + "%x00".join(f"%(trailers:key={name},valueonly)" for name in trailers.NAMES)


class Commit(NamedTuple):
    """One commit: its parents, and the sessions and claims (`id@token`) that its message names."""

    oid: str
    parents: tuple[str, ...]
    sessions: tuple[str, ...]
    claims: tuple[str, ...]


def carriers(
    git: Git, tips: Mapping[str, str], without: str | None, names: Callable[[Commit], Iterable[str]]
) -> dict[str, frozenset[str]]:
    """By the name of each tip, whatever `names` says of the commits that it contains and `without` does not. Raises GitFailed.

    A tip whose commit is missing has none.
    """
    found: dict[str, frozenset[str]] = {}
    for commit in _parents_first(git, sorted(set(tips.values())), without):
        own = frozenset(names(commit))
        found[commit.oid] = own.union(*[found.get(parent, frozenset()) for parent in commit.parents])
    return {name: found[tip] for name, tip in tips.items() if found.get(tip)}


def _parents_first(git: Git, tips: Iterable[str], without: str | None) -> Iterable[Commit]:
    asked = [f"{tip}\n" for tip in tips]
    if not asked:
        return
    data = "".join([*asked, *([f"^{without}\n"] if without else [])]).encode()
    out = git.run(
        *trailers.PLAIN, "log", "--ignore-missing", "--stdin", "--topo-order", "--reverse", "--no-show-signature", "--no-color", "-z",
        f"--format={_FORMAT}", data=data, timeout=_TIME,
    )  # fmt: skip
    fields = os.fsdecode(out).split("\0")
    for at in range(0, len(fields) - _FIELDS + 1, _FIELDS):
        oid, parents, sessions, claims = fields[at : at + _FIELDS]
        yield Commit(oid, tuple(parents.split()), tuple(sessions.split()), tuple(claims.split()))
