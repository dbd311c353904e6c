"""What the radar looks at, and what it finds. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class WorkHead(NamedTuple):
    """One line of work: a branch as it stands somewhere, or a worktree with uncommitted changes (`dirty`).

    `commit` is its tip; of a dirty one a commit of the radar's own on top of `tip`. `since` tells who came first (0: unknown),
    `rank` is its priority in the merge queue (-1: it is not there),
    `here` that only this clone can see it. `owner` is the session whose work it is, if any.
    """

    name: str
    commit: str
    tip: str
    owner: str = ""
    title: str = ""
    since: int = 0
    dirty: bool = False
    here: bool = False
    worktree: str = ""
    rank: int = -1


class PathClash(NamedTuple):
    """One path in conflict, and git's words for the kinds of it (`contents`, `modify/delete`, …).

    `hunks` are the lines of the file, as it was before both, that both replace or add to: first and last, counted from 1.
    None for what is no dispute about lines.
    """

    path: str
    kinds: tuple[str, ...]
    hunks: tuple[tuple[int, int], ...] = ()


class PairClash(NamedTuple):
    """Two heads that will conflict; `one` came first."""

    one: WorkHead
    two: WorkHead
    paths: tuple[PathClash, ...]


class BaseClash(NamedTuple):
    """A head that conflicts with the base already: it has to be put right first, and is not compared with others."""

    head: WorkHead
    paths: tuple[PathClash, ...]


class Doublet(NamedTuple):
    """Two heads that merge cleanly and should not: both add a definition of the same name to the same place in a file."""

    one: WorkHead
    two: WorkHead
    path: str
    name: str


class Untold(NamedTuple):
    """What could not be told, and why: a head, or a pair."""

    names: tuple[str, ...]
    why: str


class Effort(NamedTuple):
    """What a round cost. `pairs` are all pairs; `met` those whose paths meet, `touching` those that hunks left."""

    heads: int
    pairs: int
    met: int
    touching: int
    merges: int
    known: int


class Findings(NamedTuple):
    """What one round found, all in an order that is the same for the same branches."""

    base: str
    heads: Sequence[WorkHead]
    clashes: Sequence[PairClash]
    base_clashes: Sequence[BaseClash]
    doublets: Sequence[Doublet]
    untold: Sequence[Untold]
    order: Sequence[WorkHead]
    stacks: Sequence[tuple[str, str]]
    effort: Effort
